"""Distributors' nightly files, and the shop's own counts."""

import gzip
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from app.books.importers.errors import ImportFileError
from app.books.importers.report import OWN_PRICE, ImportReport, Note, Refusal
from app.books.importers.run import import_stock
from app.books.importers.supply import (
    BATCH_ROWS,
    REPEATED,
    UNKNOWN,
    StockMeaning,
    SupplyOptions,
)
from app.db.session import session_scope
from tests.books.exports.shops import take
from tests.books.rows import query, row_versions

EMMA, DUNE, GAME = "9780141439587", "9780441172719", "4006381333931"
BOOKS = (
    "isbn,other_gtin,title,author,price,stock,availability code,shop_status\n"
    f"{EMMA},,Emma,Jane Austen,7.99,3,21,on sale\n"
    f"{DUNE},,Dune,Frank Herbert,9.99,0,10,on sale\n"
    f",{GAME},Go,Nobody,5.00,1,,on sale\n"
)
FACTS = """
    SELECT b.price, b.currency, b.availability_code, b.order_time_days, s.on_hand
    FROM books b JOIN stock s ON s.book_id = b.id ORDER BY b.id
"""
JOBS = "SELECT count(*) FROM procrastinate_jobs"
pytestmark = pytest.mark.usefixtures("empty_shop", "filled")


@pytest.fixture
async def filled() -> None:
    report = await take(BOOKS.encode())
    assert (report.taken, report.refused) == (3, [])


async def run(
    content: str | bytes | Path, *, shelf: bool = False, mapping: dict[str, str] | None = None
) -> ImportReport:
    raw = content.encode() if isinstance(content, str) else content
    return await import_stock(
        io.BytesIO(raw) if isinstance(raw, bytes) else raw,
        mapping=mapping or {},
        options=SupplyOptions(
            currency="EUR",
            today=date(2026, 11, 24),
            meaning=StockMeaning.SHELF if shelf else StockMeaning.SUPPLIER,
        ),
        on_progress=lambda _: None,
    )


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    figures = (report.updated, report.unchanged, report.unknown, report.refused_total)
    assert report.rows == sum(figures)
    return (report.rows, *figures)


async def test_a_suppliers_file_changes_availability_and_prices_and_not_the_shelf() -> None:
    file = (
        "EAN;Qty on hand;RRP;Discount;Availability;Lead time\n"
        f"978-0-14-143958-7;120;8,49;40;;2-3 days\n"
        f"{DUNE};0;0;40;;\n"
        f"{GAME};0;5,00;40;;\n"
        "9780000000002;5;1.00;40;;\n"
    )
    report = await run(file)
    assert counts(report) == (4, 2, 1, 1, 0)
    assert report.notes == [Note(5, "9780000000002", UNKNOWN)]
    assert report.unused_columns == ("Discount",)
    after = [
        (Decimal("8.49"), "EUR", "21", 3, 3),
        (Decimal("9.99"), "EUR", "10", None, 0),
        (Decimal("5.00"), "EUR", "31", None, 1),
    ]
    assert await query(FACTS) == after
    before = await row_versions()
    assert counts(await run(file)) == (4, 0, 3, 1, 0)
    assert await row_versions() == before


async def test_a_count_of_the_shelf_keeps_reserved_copies_and_tells_those_who_wait() -> None:
    async with session_scope() as session:
        await session.execute(text("UPDATE stock SET received = 5, reserved = 2 WHERE book_id = 1"))
    jobs = (await query(JOBS))[0][0]
    report = await run(f"isbn,stock,availability\n{EMMA},0,\n{DUNE},4,in stock\n", shelf=True)
    assert counts(report) == (2, 2, 0, 0, 0)
    stock = "SELECT received, returned, on_hand, reserved, sold FROM stock ORDER BY book_id"
    assert await query(stock) == [(2, 0, 0, 2, 0), (4, 0, 4, 0, 0), (1, 0, 1, 0, 0)]
    assert await query("SELECT availability_code FROM books ORDER BY id") == [
        ("21",),
        ("21",),
        (None,),
    ]
    assert (await query(JOBS))[0][0] == jobs + 1
    before = await row_versions()
    again = await run(f"isbn,stock\n{EMMA},0\n{DUNE},4\n", shelf=True)
    assert counts(again) == (2, 0, 2, 0, 0)
    assert await row_versions() == before


async def test_of_several_rows_about_a_book_the_last_counts_and_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = await run(f"isbn,price\n{EMMA},1\n{DUNE},\n0-14-143958-0,2\n")
    assert counts(report) == (3, 1, 2, 0, 0)
    assert report.notes == [Note(4, EMMA, REPEATED.format(2))]
    monkeypatch.setattr("app.books.importers.supply.BATCH_ROWS", 1)
    report = await run(f"isbn,price\n{EMMA},3\n{EMMA},4\n")
    assert report.notes == [Note(3, EMMA, REPEATED.format(2))]
    assert (await query(FACTS))[0][0] == Decimal("4.00")
    assert BATCH_ROWS == 5_000


async def test_a_price_that_was_set_in_the_shop_stays_until_the_shop_changes_it() -> None:
    night = f"isbn,price\n{EMMA},8.49\n"
    assert counts(await run(night)) == (1, 1, 0, 0, 0)
    assert counts(await run(night)) == (1, 0, 1, 0, 0)
    async with session_scope() as session:
        await session.execute(text("UPDATE books SET price = 7.00 WHERE id = 1"))
    before = await row_versions()
    report = await run(night)
    assert counts(report) == (1, 0, 1, 0, 0)
    assert report.notes == [Note(2, EMMA, OWN_PRICE.format("8.49"))]
    assert await row_versions() == before
    report = await run(f"isbn,price\n{EMMA},8.99\n")
    assert report.notes == [Note(2, EMMA, OWN_PRICE.format("8.99"))]
    assert (await query(FACTS))[0][0] == Decimal("7.00")
    assert counts(await run(f"isbn,price\n{EMMA},8.99\n", shelf=True)) == (1, 1, 0, 0, 0)
    assert (await query(FACTS))[0][0] == Decimal("8.99")
    assert (await run(f"isbn,price\n{EMMA},9.49\n")).notes == []
    assert (await query(FACTS))[0][0] == Decimal("9.49")


async def test_a_removed_book_is_unknown() -> None:
    async with session_scope() as session:
        await session.execute(text("UPDATE books SET deleted_at = now() WHERE id = 1"))
    before = await row_versions()
    assert counts(await run(f"isbn,price,stock\n{EMMA},1,9\n", shelf=True)) == (1, 0, 0, 1, 0)
    assert await row_versions() == before


async def test_other_currencies_are_refused_line_by_line() -> None:
    report = await run(
        f"isbn,price,currency\n{EMMA},1.00,USD\n{DUNE},$2.00,\n{GAME},3.00,eur\n{GAME},4.00,EUR\n",
        mapping={"isbn": "isbn13"},
    )
    assert counts(report) == (4, 1, 1, 0, 2)
    assert report.refused == [
        Refusal(2, EMMA, "currency: USD is not the shop's currency, EUR."),
        Refusal(3, DUNE, "price: $ is not the shop's currency, EUR."),
    ]
    assert [row[0] for row in await query(FACTS)] == [
        Decimal("7.99"),
        Decimal("9.99"),
        Decimal("4.00"),
    ]


async def test_a_file_that_breaks_off_is_taken_as_far_as_it_goes() -> None:
    rows = "".join(f"{EMMA},{price}.00\n" for price in range(1, 4_000))
    packed = gzip.compress(f"isbn,price\n{rows}".encode())
    report = await run(packed[:-20])
    assert report.is_cut_short
    assert report.refused[-1].reason == "From here on the compressed file is damaged."
    assert report.updated == 1
    report = await run(f"isbn,price,stock\n{DUNE},3.00,1\n978014143")
    assert counts(report) == (2, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("title,author,price", "The file needs a column with ISBNs or bar codes (EAN)."),
        (
            "isbn,title",
            (
                "The file needs a column with stock, prices, availability or order times. "
                "Its columns are: isbn, title."
            ),
        ),
    ],
)
async def test_a_file_that_says_nothing_is_refused(header: str, reason: str) -> None:
    before = await row_versions()
    with pytest.raises(ImportFileError) as refused:
        await run(f"{header}\n")
    assert refused.value.detail == reason
    with pytest.raises(ImportFileError):
        await run("")
    assert await row_versions() == before
