import unicodedata
from contextlib import suppress
from itertools import product
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.books.errors import InvalidIsbnError
from app.books.isbn import format_isbn, looks_like_isbn, parse_isbn

SEPARATORS = [
    "",
    "-",
    " ",
    "\N{EN DASH}",
    "\N{NON-BREAKING HYPHEN}",
    "\N{MINUS SIGN}",
    "\N{NO-BREAK SPACE}",
]
SEPARATORS += ["\N{SOFT HYPHEN}", "\N{ZERO WIDTH SPACE}", "\N{FULLWIDTH HYPHEN-MINUS}", "\t"]
PREFIXES = ["", "ISBN ", "isbn:", "ISBN-13: ", "ISBN-10 ", "Isbn13:", "ISBN 10"]
ZEROS = [
    "0",
    "\N{ARABIC-INDIC DIGIT ZERO}",
    "\N{FULLWIDTH DIGIT ZERO}",
    "\N{DEVANAGARI DIGIT ZERO}",
]
FORMS: list[Literal["NFC", "NFD"]] = ["NFC", "NFD"]


def check_digit_10(digits: str) -> str:
    rest = sum(weight * int(digit) for weight, digit in zip(range(1, 10), digits, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def check_digit_13(digits: str) -> str:
    weights = [1, 3] * 6
    return str(-sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 10)


def spell(digits: str, *, prefix: str, zero: str, separator: str, separated_at: int) -> str:
    """Write an ISBN with another script's digits and separators where the mask has a bit."""
    spelling = prefix
    for position, digit in enumerate(digits):
        spelling += chr(ord(zero) + int(digit)) if digit.isdecimal() else digit
        spelling += separator if separated_at >> position & 1 else ""
    return spelling


@settings(max_examples=100, deadline=None)
@given(
    body=st.integers(0, 999_999_999).map("{:09}".format),
    separator=st.sampled_from(SEPARATORS),
    separated_at=st.integers(0, 2**13 - 1),
)
def test_each_of_10_000_spellings_is_one_value(
    body: str, separator: str, separated_at: int
) -> None:
    isbn_10 = f"{body}{check_digit_10(body)}"
    isbn_13 = f"978{body}{check_digit_13(f'978{body}')}"
    for digits, prefix, zero, form in product(
        [isbn_10, isbn_10.lower(), isbn_13], PREFIXES, ZEROS, FORMS
    ):
        spelling = spell(
            digits, prefix=prefix, zero=zero, separator=separator, separated_at=separated_at
        )
        spelling = unicodedata.normalize(form, spelling)
        assert looks_like_isbn(spelling)
        assert parse_isbn(spelling) == isbn_13


@given(st.integers(0, 999_999_999).map("978{:09}".format), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(body: str, at: int, shift: int) -> None:
    digits = f"{body}{check_digit_13(body)}"
    wrong = digits[:at] + str((int(digits[at]) + shift) % 10) + digits[at + 1 :]
    with pytest.raises(InvalidIsbnError) as refusal:
        parse_isbn(wrong)
    assert refusal.value.field == "isbn"


@pytest.mark.parametrize(
    "text",
    ["", "ISBN", "978014143951", "97801414395188", "978014143951X", "97801414395l8", "X804429573"],
)
def test_other_texts_are_no_isbn(text: str) -> None:
    assert not looks_like_isbn(text)
    with pytest.raises(InvalidIsbnError):
        parse_isbn(text)


def test_thirteen_digits_of_another_trade_are_refused() -> None:
    with pytest.raises(InvalidIsbnError):
        parse_isbn("4006381333931")


@given(st.text())
def test_any_text_is_an_isbn_or_refused(text: str) -> None:
    with suppress(InvalidIsbnError):
        assert len(parse_isbn(text)) == 13


def test_looks_like_isbn_does_not_prove_the_check_digit() -> None:
    assert looks_like_isbn("978-0-14-143951-9")


@pytest.mark.parametrize(
    ("isbn", "hyphenated"),
    [
        ("9780141439518", "978-0-14-143951-8"),
        ("9783518468821", "978-3-518-46882-1"),
        ("9791032305690", "979-10-323-0569-0"),
    ],
)
def test_format_puts_hyphens_where_the_agency_does(isbn: str, hyphenated: str) -> None:
    assert format_isbn(isbn) == hyphenated
