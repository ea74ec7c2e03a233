"""However an ISBN is written, it is one book: one row, whose ISBN is canonical."""

import csv
import io
import unicodedata
from itertools import product
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean, isbn

from app.books.isbn import parse_isbn
from app.core.spreadsheets import SheetWriter
from tests.books.exports.shops import take
from tests.books.rows import query

CORES = [f"{core:09}" for core in (1, 14143958, 44117271, 123456789, 207250608, 306406152)] + [
    "080442957",  # whose check digit is X
    "043942089",
]
SEPARATORS = ("", "-", " ", "\u2010", "\u2013", "\u2212", "\u00a0", "\u00ad", "\u200b", "\ufeff")
SCRIPTS = (0x30, 0xFF10, 0x0660, 0x06F0, 0x0966, 0x0E50, 0x1D7CE)
"""Where scripts have their zero: ASCII, full width, Arabic, Persian, Devanagari, Thai, bold."""

PREFIXES = ("", "ISBN ", "ISBN: ", "ISBN-13: ", "isbn13", "\uff29\uff33\uff22\uff2e\uff1a ")
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")
SPELLINGS_OF_EACH = len(SEPARATORS) * len(SCRIPTS) * len(PREFIXES) * 2 * 2


def isbn13(core: str) -> str:
    payload = f"978{core}"
    return payload + str(ean.calc_check_digit(payload))


def isbn10(core: str) -> str:
    return core + str(isbn._calc_isbn10_check_digit(core))


def in_script(digits: str, zero: int) -> str:
    return "".join(chr(zero + int(digit)) if digit.isdigit() else digit for digit in digits)


def spellings(core: str) -> list[str]:
    """Return all the ways in which an ISBN is written here, one without a repetition."""
    written = []
    choices = product(SEPARATORS, SCRIPTS, PREFIXES, (True, False), (True, False))
    for separator, zero, prefix, is_long, is_small in choices:
        digits = isbn13(core) if is_long else isbn10(core)
        groups = (digits[:1], digits[1:4], digits[4:-1], digits[-1:])
        text = prefix.replace("13", "13" if is_long else "10") + separator.join(
            in_script(group, zero) for group in groups
        )
        written.append(text.lower() if is_small else text)
    return written


@pytest.mark.usefixtures("empty_shop")
async def test_10_000_spellings_are_one_row_each() -> None:
    title = "Émile ou l'éducation № Å"
    rows = [
        (unicodedata.normalize(FORMS[number % 2], f"{title} {index}"), spelling)
        for index, core in enumerate(CORES)
        for number, spelling in enumerate(spellings(core))
    ]
    assert len({spelling for _, spelling in rows}) >= 10_000
    file = io.StringIO(newline="")
    sheet = SheetWriter(file)
    sheet.write(["isbn", "title", "author", "price"])
    for written, spelling in rows:
        sheet.write([spelling, written, "Jean-Jacques Rousseau", "9.99"])
    report = await take(file.getvalue().encode())
    assert report.taken == len(CORES)
    reasons = {item.reason.rpartition(" on line ")[0] for item in report.refused}
    assert reasons == {"This book is"}
    assert report.refused_total == len(rows) - len(CORES)
    expected = sorted((isbn13(core),) for core in CORES)
    assert await query("SELECT isbn FROM books ORDER BY isbn") == expected


@pytest.mark.usefixtures("empty_shop")
async def test_titles_in_both_unicode_forms_are_one_book() -> None:
    header = "title,author,price,year\n"
    title, author = "Émile", "José Ångström"
    composed = unicodedata.normalize("NFC", f"{title},{author},9.99,1762\n")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert (await take((header + composed).encode())).taken == 1
    report = await take((header + decomposed).encode())
    assert (report.taken, report.refused_total) == (0, 0)
    assert await query("SELECT count(*) FROM works") == [(1,)]


@given(
    st.from_regex(r"[0-9]{9}", fullmatch=True),
    st.sampled_from(SEPARATORS),
    st.sampled_from(SCRIPTS),
    st.sampled_from(PREFIXES),
    st.sampled_from(FORMS),
    st.data(),
)
def test_any_isbn_in_any_spelling(
    core: str, separator: str, zero: int, prefix: str, form: Form, data: st.DataObject
) -> None:
    digits = data.draw(st.sampled_from([isbn13(core), isbn10(core)]))
    cuts = data.draw(st.lists(st.integers(0, len(digits)), max_size=4).map(sorted))
    pieces = [digits[a:b] for a, b in zip([0, *cuts], [*cuts, len(digits)], strict=True)]
    text = prefix + separator.join(in_script(piece, zero) for piece in pieces)
    assert parse_isbn(unicodedata.normalize(form, text)) == isbn13(core)


def test_the_table_of_spellings_can_be_read_as_csv() -> None:
    file = io.StringIO(newline="")
    SheetWriter(file).write(spellings(CORES[0]))
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert len(row) == SPELLINGS_OF_EACH
