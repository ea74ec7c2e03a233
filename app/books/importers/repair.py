"""Repairs that are sound: what a spreadsheet or an export did to a value, undone where provable.

Each function returns the value and appends what it did to ``repairs``. A value that cannot be
understood raises ``ValueError`` with a sentence for the bookseller.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, auto
from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_symbol
from stdnum import ean

from app.books.errors import InvalidIsbnError
from app.books.importers.report import Repair, RepairKind
from app.books.isbn import parse_isbn
from app.books.models import BookFormat
from app.books.service import contributor_names

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
NAME_SUFFIXES = {"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"}
SERIES_NUMBER = re.compile(r"\d+(?:\.\d+)?(?: ?[-\u2013+,&] ?\d+(?:\.\d+)?)*")
MAX_SERIES_NUMBER_CHARACTERS = 20

WHOLE_NUMBER = re.compile(r"([+-]?\d{1,18})(?:[.,](0+))?")
YEAR = re.compile(r"(-?\d{1,4})(?:\.(0+))?")
ISO_DATE = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:[T ].*)?")
DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
FOUR_DIGITS = re.compile(r"(?<!\d)\d{4}(?!\d)")

AMOUNT = re.compile(
    r"(?P<before>[^\d\s.,-]{0,3})\s?(?P<amount>\d[\d.,' ]*)(?P<after>[^\d\s.,-]{0,3})"
)
LAST_SEPARATOR = re.compile(r"[.,](?=[^.,]*$)")

FORMAT_NAMES = {
    BookFormat.HARDBACK: ("hardcover", "hb", "hbk", "hc", "cloth", "casebound"),
    BookFormat.PAPERBACK: (
        "softcover",
        "softback",
        "pb",
        "pbk",
        "trade paperback",
        "bc",
    ),
    BookFormat.MASS_MARKET: ("mass market", "massmarket"),
    BookFormat.BOARD_BOOK: ("boardbook",),
    BookFormat.EBOOK: ("ebook", "epub", "pdf", "kindle", "kindle edition", "digital"),
    BookFormat.AUDIOBOOK: ("audio book", "audio cd", "audio", "audible audio"),
    BookFormat.SPIRAL_BOUND: ("spiral", "ring bound", "comb bound"),
    BookFormat.BOX_SET: ("boxed set", "boxset", "set", "slipcase"),
    BookFormat.JIGSAW: ("jigsaw puzzle", "puzzle"),
    BookFormat.FILM: ("dvd", "blu ray"),
}
"""What the trade calls a format besides its own name."""

FORMATS_BY_NAME = {
    **{value.replace("-", " "): value for value in BookFormat},
    **{name: value for value, names in FORMAT_NAMES.items() for name in names},
}


def write_out_entities(text: str, repairs: list[Repair]) -> str:
    """Return the text with ``&amp;`` and the like as the characters that they stand for."""
    unescaped = ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if unescaped != text:
        repairs.append(Repair(RepairKind.ENTITIES, text, unescaped))
    return unescaped


def clean(text: str, repairs: list[Repair]) -> str:
    """Return one line: entities written out, no spaces around it or doubled within."""
    unescaped = write_out_entities(text, repairs)
    line = " ".join(unescaped.split())
    if line != unescaped:
        repairs.append(Repair(RepairKind.WHITESPACE, unescaped, line))
    return line


class _IsbnState(Enum):
    """What a cell of an ISBN column turned out to be."""

    PROVED = auto()
    ROUNDED = auto()
    """A float such as 9.78043902348E+12: its leading digits are those of an ISBN."""
    DAMAGED = auto()
    """Too few digits, and no padding proves itself."""
    WRONG = auto()
    """As many digits as an ISBN has, and a check digit that does not fit."""
    FOREIGN = auto()


@dataclass(frozen=True, slots=True)
class _IsbnCell:
    text: str
    state: _IsbnState
    isbn: str = ""
    repair: RepairKind | None = None
    rounded: Decimal = Decimal(0)


ROUNDED_NUMBER = re.compile(r"\d(?:[.,]\d{1,15})?[eE]\+?(\d{2})")
DECIMAL_NUMBER = re.compile(r"(\d{7,14})[.,]0+")
SHORT_ISBN10 = re.compile(r"\d{6,8}[\dXx]")
ISBN_SEPARATORS = re.compile(r"[\s-]")
LOWEST_ISBN, HIGHEST_ISBN = Decimal("978E10"), Decimal("980E10")


def find_isbn(cells: Sequence[str], repairs: list[Repair]) -> str | None:
    """Return the thirteen digits of the ISBN that a row's columns agree on, if it has one.

    Zeros that a spreadsheet dropped are put back where the check digit proves it. The digits that
    a float lost come from another column, which must agree with those it kept. A wrong check
    digit of an ISBN-10 is corrected where a float confirms all nine digits before it. What
    cannot be recovered leaves the book without ISBN.

    Raises:
        ValueError: an undamaged ISBN has a wrong check digit, or two ISBNs differ.
    """
    readings = [_read_isbn(cell) for cell in cells]
    proved = {reading.isbn for reading in readings if reading.state is _IsbnState.PROVED}
    if len(proved) > 1:
        raise ValueError(f"these are ISBNs of different books: {', '.join(sorted(proved))}")
    rounded = [reading for reading in readings if reading.state is _IsbnState.ROUNDED]
    if proved:
        isbn = proved.pop()
        if all(_agrees(isbn, reading.rounded) for reading in rounded):
            _note_isbn_repairs(readings, isbn, repairs)
            return isbn
    elif confirmed := _confirmed_isbn(readings, rounded):
        shown = " / ".join(cells)
        repairs.append(Repair(RepairKind.ISBN_CHECK_DIGIT, shown, confirmed))
        return confirmed
    states = {reading.state for reading in readings}
    if states & {_IsbnState.ROUNDED, _IsbnState.DAMAGED}:
        repairs.append(Repair(RepairKind.ISBN_LOST, " / ".join(cells), ""))
        return None
    if _IsbnState.WRONG in states:
        raise ValueError(f"{' / '.join(cells)} is no ISBN: its check digit is wrong")
    _note_isbn_repairs(readings, "", repairs)
    return None


def _read_isbn(text: str) -> _IsbnCell:
    if exponent := ROUNDED_NUMBER.fullmatch(text):
        rounded = Decimal(text.replace(",", "."))
        is_isbn = exponent[1] == "12" and _may_be_isbn(rounded)
        state = _IsbnState.ROUNDED if is_isbn else _IsbnState.FOREIGN
        return _IsbnCell(text, state, rounded=rounded)
    number = DECIMAL_NUMBER.fullmatch(text)
    digits = number[1] if number else text
    is_short = SHORT_ISBN10.fullmatch(digits) is not None
    try:
        isbn = parse_isbn(digits.zfill(10) if is_short else digits)
    except InvalidIsbnError:
        compact = ISBN_SEPARATORS.sub("", digits)
        has_prefix = compact.startswith(("978", "979"))
        if is_short or (number and has_prefix):
            return _IsbnCell(text, _IsbnState.DAMAGED)
        is_whole = len(compact) == 10 or (len(compact) == 13 and has_prefix)  # noqa: PLR2004
        is_wrong = is_whole and compact[:-1].isdecimal()
        return _IsbnCell(text, _IsbnState.WRONG if is_wrong else _IsbnState.FOREIGN)
    if is_short:
        return _IsbnCell(text, _IsbnState.PROVED, isbn, RepairKind.ISBN_ZEROS)
    kind = RepairKind.ISBN_NUMBER if number else None
    return _IsbnCell(text, _IsbnState.PROVED, isbn, kind)


def _half_a_unit(rounded: Decimal) -> Decimal:
    """Return how far a float may be off: half a unit of the last digit that it shows."""
    return Decimal(5).scaleb(int(rounded.as_tuple().exponent) - 1)


def _may_be_isbn(rounded: Decimal) -> bool:
    return LOWEST_ISBN - _half_a_unit(rounded) <= rounded < HIGHEST_ISBN + _half_a_unit(rounded)


def _agrees(isbn: str, rounded: Decimal) -> bool:
    return abs(Decimal(isbn) - rounded) <= _half_a_unit(rounded)


def _confirmed_isbn(readings: Sequence[_IsbnCell], rounded: Sequence[_IsbnCell]) -> str | None:
    """Return the ISBN whose nine digits an ISBN-10 and a float of twelve digits both show."""
    for reading in readings:
        padded = ISBN_SEPARATORS.sub("", reading.text).zfill(10)
        if reading.state in {_IsbnState.WRONG, _IsbnState.DAMAGED} and len(padded) == 10:  # noqa: PLR2004
            payload = f"978{padded[:9]}"
            isbn = payload + str(ean.calc_check_digit(payload))
            if any(abs(Decimal(isbn) - other.rounded) <= 5 for other in rounded):  # noqa: PLR2004
                return isbn
    return None


def _note_isbn_repairs(readings: Sequence[_IsbnCell], isbn: str, repairs: list[Repair]) -> None:
    for reading in readings:
        kind = reading.repair
        if reading.state is _IsbnState.ROUNDED:
            kind = RepairKind.ISBN_ROUNDED
        elif reading.state is not _IsbnState.PROVED:
            kind = RepairKind.ISBN_FOREIGN
        if kind is not None:
            repairs.append(Repair(kind, reading.text, isbn))


def split_series(title: str, repairs: list[Repair]) -> tuple[str, str | None, str | None]:
    """Return title, series and number of ``Mockingjay (The Hunger Games, #3)``.

    The number may be a range or a list (``1-3``, ``0.5``, ``1-4 + 3.5``). Parentheses that hold
    no number sign and no such number belong to the title.
    """
    start = _opening_parenthesis(title)
    name, _, rest = title[start + 1 : -1].partition("#")
    bare, series, number = title[:start].rstrip(), name.rstrip(" ,"), rest.strip()
    if (
        start < 0
        or not bare
        or not series
        or len(number) > MAX_SERIES_NUMBER_CHARACTERS
        or not SERIES_NUMBER.fullmatch(number)
    ):
        return title, None, None
    repairs.append(Repair(RepairKind.SERIES, title, f"{bare} | {series} | {number}"))
    return bare, series, number


def _opening_parenthesis(title: str) -> int:
    """Return where the parenthesis opens that the title's last character closes, else -1."""
    depth = 0
    if title.endswith(")"):
        for index in range(len(title) - 1, -1, -1):
            depth += (title[index] == ")") - (title[index] == "(")
            if depth == 0:
                return index
    return -1


def split_authors(text: str, *, by_comma: bool, repairs: list[Repair]) -> tuple[str, ...]:
    """Return the names in a cell, each once.

    Vertical bars and semicolons always separate. A comma does only in a column of several
    authors, and where nothing else does: "Austen, Jane" is one.
    """
    line = clean(text, repairs)
    names = contributor_names(line)
    if by_comma and names == [line]:
        names = _split_at_commas(line)
    if len(names) > 1:
        repairs.append(Repair(RepairKind.AUTHORS, line, " | ".join(names)))
    return tuple(names)


def _split_at_commas(line: str) -> list[str]:
    parts: list[str] = []
    for part in line.split(", "):
        if parts and part.replace(".", "").lower() in NAME_SUFFIXES:
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return list(dict.fromkeys(parts))


def read_whole(text: str) -> int:
    """Return a whole number, which may be written as ``12`` or ``12.0``.

    Raises:
        ValueError: it is none.
    """
    number = WHOLE_NUMBER.fullmatch(text.strip())
    if number is None:
        raise ValueError(f"{text} is no whole number")
    return int(number[1])


def read_year(text: str, repairs: list[Repair]) -> int:
    """Return a year, negative before the common era, which may be written as ``2008.0``.

    Raises:
        ValueError: it is none; there was no year 0.
    """
    number = YEAR.fullmatch(text.strip())
    year = int(number[1]) if number else 0
    if number is None or year == 0:
        raise ValueError(f"{text} is no year")
    if number[2]:
        repairs.append(Repair(RepairKind.YEAR_NUMBER, text, str(year)))
    return year


def read_published(text: str, repairs: list[Repair]) -> tuple[date | None, int]:
    """Return a date and its year, or a year alone, where the cell says no more than that for sure.

    Raises:
        ValueError: there is no year in it.
    """
    stripped = text.strip()
    if YEAR.fullmatch(stripped):
        return None, read_year(stripped, repairs)
    published = _read_date(stripped)
    if published is not None:
        return published, published.year
    years = set(FOUR_DIGITS.findall(stripped)) - {"0000"}
    if len(years) != 1:
        raise ValueError(f"{text} is no date")
    year = years.pop()
    repairs.append(Repair(RepairKind.DATE_CUT, text, year))
    return None, int(year)


def _read_date(text: str) -> date | None:
    if iso := ISO_DATE.fullmatch(text):
        return _date(iso[1], iso[3], iso[4])
    if other := DAY_OR_MONTH_FIRST.fullmatch(text):
        first, separator, second, year = other.groups()
        day_first, month_first = _date(year, second, first), _date(year, first, second)
        if separator == "." or month_first is None or day_first == month_first:
            return day_first
        return month_first if day_first is None else None
    return None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


@cache
def _language_names() -> dict[str, str]:
    names = Locale("en").languages
    return {str(name).casefold(): str(code) for code, name in names.items()}


@lru_cache(maxsize=1000)
def _language_code(name: str) -> str | None:
    primary = name.replace("_", "-").partition("-")[0]
    aliases = get_global("language_aliases")
    code = _language_names().get(name) or str(aliases.get(primary, primary))
    return code if code in Locale("en").languages else None


def read_language(text: str, repairs: list[Repair]) -> str:
    """Return the usual code of a language: ``en`` for eng, en-US, EN_gb and English.

    Raises:
        ValueError: no such language.
    """
    code = _language_code(text.strip().casefold())
    if code is None:
        raise ValueError(f"{text} is no language")
    if code != text:
        repairs.append(Repair(RepairKind.LANGUAGE, text, code))
    return code


def read_format(text: str) -> BookFormat:
    """Return what kind of thing the book is, by the names and codes of the trade.

    Raises:
        ValueError: no such format.
    """
    name = " ".join(text.casefold().replace("-", " ").split())
    if name not in FORMATS_BY_NAME:
        raise ValueError(f"{text} is no format")
    return FORMATS_BY_NAME[name]


def read_price(text: str, *, currency: str) -> Decimal:
    """Return an amount in the shop's currency: ``12.99``, ``$12.99``, ``1.234,50 EUR``.

    Raises:
        ValueError: another currency, or an amount that is none or can be read in two ways.
    """
    price = AMOUNT.fullmatch(" ".join(text.split()))
    if price is None:
        raise ValueError(f"{text} is no price")
    for sign in (price["before"], price["after"]):
        refuse_other_currency(sign.strip(), currency)
    digits = price["amount"].replace(" ", "").replace("'", "")
    separator = LAST_SEPARATOR.search(digits)
    if separator is None:
        return Decimal(digits)
    whole, fraction = digits[: separator.start()], digits[separator.end() :]
    grouping = set(whole) - set("0123456789")
    if separator[0] in grouping or (separator[0] == "," and len(fraction) == 3):  # noqa: PLR2004
        raise ValueError(f"{text} can be read in two ways: please write it like 1234.50")
    return Decimal(f"{whole.replace('.', '').replace(',', '')}.{fraction.rstrip('0') or '0'}")


def refuse_other_currency(sign: str, currency: str) -> None:
    """Let the currency's code and its sign pass.

    Raises:
        ValueError: it is another currency's.
    """
    if sign.upper() not in _known_signs(currency):
        raise ValueError(f"{sign} is not the shop's currency, {currency}")


@cache
def _known_signs(currency: str) -> frozenset[str]:
    return frozenset({"", currency, get_currency_symbol(currency, "en")[-1]})
