"""ISBNs: every spelling is one value of thirteen digits."""

import re
import unicodedata

from stdnum import isbn
from stdnum.exceptions import ValidationError

from app.books.errors import InvalidIsbnError

SPELLING = re.compile(r"(?:ISBN(?:1[03])?:?)?([0-9]{9}[0-9X]|[0-9]{13})")
INVISIBLE_OR_SEPARATING = {"Cc", "Cf", "Pd", "Zl", "Zp", "Zs"}
"""Unicode's general categories of control and format characters, dashes and spaces."""

MINUS_SIGN = "\N{MINUS SIGN}"
CANONICAL = re.compile("97[89][0-9]{10}")
SEPARATING_ASCII = dict.fromkeys([*range(0x20), 0x20, 0x2D, 0x7F])
"""What of ``INVISIBLE_OR_SEPARATING`` is ASCII."""


def parse_isbn(text: str) -> str:
    """Return the thirteen digits of an ISBN-10 or ISBN-13 in any spelling.

    Hyphens and spaces of all kinds, full-width and other scripts' digits, a small ``x`` and a
    leading "ISBN", "ISBN-13:" or the like are understood.

    Raises:
        InvalidIsbnError: another number of digits, another character, or a wrong check digit.
    """
    if CANONICAL.fullmatch(text) and _has_right_check_digit(text):
        return text  # as in nearly every row of a feed: the library would take ten times as long
    digits = _digits(text)
    if digits is None:
        raise InvalidIsbnError(field="isbn")
    try:
        return str(isbn.validate(digits, convert=True))
    except ValidationError:
        raise InvalidIsbnError(field="isbn") from None


def looks_like_isbn(text: str) -> bool:
    """Tell whether somebody who typed this meant an ISBN, be its check digit right or wrong."""
    return _digits(text) is not None


def format_isbn(isbn13: str) -> str:
    """Return the ISBN with hyphens where its agency puts them: ``978-0-14-143951-8``."""
    return str(isbn.format(isbn13))


def _has_right_check_digit(isbn13: str) -> bool:
    return (sum(map(int, isbn13[::2])) + 3 * sum(map(int, isbn13[1::2]))) % 10 == 0


def _digits(text: str) -> str | None:
    """Return the ten or thirteen characters of what is spelt like an ISBN."""
    if text.isascii():
        compact = text.upper().translate(SEPARATING_ASCII)
    else:
        compact = "".join(
            str(unicodedata.decimal(character, character))
            for character in unicodedata.normalize("NFKC", text).upper()
            if unicodedata.category(character) not in INVISIBLE_OR_SEPARATING
            and character != MINUS_SIGN
        )
    spelling = SPELLING.fullmatch(compact)
    return spelling[1] if spelling else None
