import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.spreadsheets import SheetWriter, neutralise, protect, restore, unprotect

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "text"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")

BEFORE = ("", " ", "'", '"', "\t", "\r", "\n", "  '\"", "\N{NO-BREAK SPACE}", "\ufeff")
STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BODIES = ("1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://x","y")')
GENERATED = [f"{before}{start}{body}" for before in BEFORE for start in STARTS for body in BODIES]


def payloads() -> list[str]:
    """Return texts that would do something: recorded ones as far as they are at hand, and made."""
    if not DATA.exists():
        return GENERATED
    injections = (DATA / "csv_injection.txt").read_text(encoding="utf-8").splitlines()
    spectrum = sorted((DATA / "csv_spectrum").glob("*.csv"))
    files = (path.read_text(encoding="utf-8") for path in spectrum)
    rows = (row for file in files for row in csv.reader(io.StringIO(file, newline="")))
    return [*injections, *(cell for row in rows for cell in row), *GENERATED]


PAYLOADS = payloads()

texts = st.text() | st.text(alphabet="'\"=+-@\t\r\n ,;0123456789/.aeMy \ufeff\uff1d")


def written(*rows: list[str]) -> list[list[str]]:
    file = io.StringIO(newline="")
    sheet = SheetWriter(file)
    for row in rows:
        sheet.write(row)
    return list(csv.reader(io.StringIO(file.getvalue(), newline="")))


def test_of_200_payloads_no_cell_begins_like_a_formula() -> None:
    assert len(PAYLOADS) >= 200
    rows = written(*([payload, payload.upper()] for payload in PAYLOADS))
    cells = [cell for row in rows for cell in row]
    assert [
        cell
        for cell in cells
        if cell.lstrip(' "\N{NO-BREAK SPACE}\ufeff').startswith(FORMULA_STARTS)
    ] == []
    assert [restore(row[0]) for row in rows] == PAYLOADS


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-30-", "'-30-"),
        ("-750", "'-750"),
        ("'=1", "''=1"),
        (' "=1', "' \"=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\tx", "'\tx"),
        ("'Tis", "'Tis"),
        ("'", "'"),
        ("'68", "'68"),
        ("", ""),
        ("Emma", "Emma"),
        ("1-3", "1-3"),
        (" Emma = Jane", " Emma = Jane"),
    ],
)
def test_what_a_formula_would_be_gets_an_apostrophe(text: str, cell: str) -> None:
    assert neutralise(text) == cell
    assert restore(cell) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("007", "'007"),
        ("1/2", "'1/2"),
        ("May 5", "'May 5"),
        ("5th March 2020", "'5th March 2020"),
        ("1e5", "'1e5"),
        ("True", "'True"),
        ("'45", "''45"),
        ("=1", "'=1"),
        ("May", "May"),
        ("1984 and after", "1984 and after"),
        ("'Tis", "'Tis"),
        ("1" * 41, "1" * 41),
    ],
)
def test_a_title_is_no_number_and_no_date(text: str, cell: str) -> None:
    assert protect(text) == cell
    assert unprotect(cell) == text


@given(texts)
def test_every_text_comes_back(text: str) -> None:
    assert restore(neutralise(text)) == text
    assert unprotect(protect(text)) == text
    assert not neutralise(text).startswith(FORMULA_STARTS)
    assert not protect(text).startswith(FORMULA_STARTS)


@given(st.lists(st.lists(texts, min_size=2, max_size=3), min_size=1, max_size=3))
def test_every_row_comes_back(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\0", "") for cell in row] for row in rows]
    assert [[restore(cell) for cell in row] for row in written(*rows)] == rows


def test_nothing_is_an_empty_cell_and_all_are_quoted() -> None:
    file = io.StringIO(newline="")
    SheetWriter(file).write([None, 1, "a"])
    assert file.getvalue() == '"","1","a"\r\n'
