import csv
import io
from collections.abc import Awaitable, Callable

import pytest

from tests.books.exports.shops import empty, export, fill_with_demo, fill_with_feeds, take
from tests.books.onix.messages import FILES
from tests.books.rows import query, row_versions

needs_feeds = pytest.mark.skipif(not FILES, reason="the shared feeds are not here")
catalogues = pytest.mark.parametrize(
    "fill", [fill_with_demo, pytest.param(fill_with_feeds, marks=needs_feeds)]
)
pytestmark = pytest.mark.usefixtures("empty_shop")
Fill = Callable[[], Awaitable[None]]


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def as_a_spreadsheet_saves_it(content: bytes) -> bytes:
    """Return the table with semicolons, as some office programs would have written it.

    Numbers lose zeros and get decimal commas, dates are German where nobody can mistake them and
    else American, ISBNs have lost their hyphens, and spaces around what was written are gone.
    """
    header, *rows = rows_of(content)
    columns = {name: index for index, name in enumerate(header)}
    for number, row in enumerate(rows):
        for name in ("isbn", "edition_of"):
            row[columns[name]] = row[columns[name]].replace("-", "" if number % 2 else "-")
        price = columns["price"]
        row[price] = row[price].rstrip("0").rstrip(".").replace(".", "," if number % 3 else ".")
        for name in ("published", "on_sale_date"):
            year, dash, rest = row[columns[name]].partition("-")
            if dash:
                month, day = rest.split("-")
                row[columns[name]] = [
                    f"{day}.{month}.{year}",
                    f"{int(month)}/{int(day)}/{year}",
                    f"{year}-{month}-{day}",
                ][number % 3]
        for name in ("pages", "stock", "popularity"):
            if row[columns[name]] and number % 4 == 0:
                row[columns[name]] += ".0"
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=";", lineterminator="\r\n").writerows(
        [[cell.strip() for cell in row] for row in [header, *rows]]
    )
    return file.getvalue().encode("utf-8-sig")


async def assert_unchanged(content: bytes, *, rows: int) -> None:
    """Prove that the import of a file writes no row of any table."""
    before = await row_versions()
    report = await take(content)
    assert [(item.reference, item.reason) for item in report.refused] == []
    assert (report.rows, report.unchanged) == (rows, rows)
    assert await row_versions() == before


@catalogues
async def test_a_catalogue_comes_back_as_it_left(fill: Fill) -> None:
    await fill()
    exported = await export()
    saved = as_a_spreadsheet_saves_it(exported)
    works = await query("SELECT count(*) FROM works")
    rows = len(rows_of(exported)) - 1
    await assert_unchanged(exported, rows=rows)
    await assert_unchanged(saved, rows=rows)
    await empty()
    report = await take(exported)
    assert [(item.reference, item.reason) for item in report.refused] == []
    assert report.taken == report.rows
    assert await export() == exported
    assert await query("SELECT count(*) FROM works") == works
