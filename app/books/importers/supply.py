"""Distributors' nightly files of stock and prices: they change known books and add none.

What a supplier has is not what stands on the shop's shelf. Usually a file says what can be ordered:
then its stock only tells the availability. A file of the shop's own counts says so
(``StockMeaning.SHELF``): then reserved copies stay reserved, and those who wait are told.

A supplier's price is taken as those of publishers' feeds are: one that somebody of the shop has set
since then stays. In a file of the shop's own the price is the shop's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.books.errors import BookNotFoundError
from app.books.importers import landing_repository as repository
from app.books.importers.batches import ReadAhead, SeenLines, take
from app.books.importers.report import OWN_PRICE, ImportReport, Note, Refusal
from app.books.importers.supply_rows import SupplyRow
from app.books.models import Book
from app.books.pricing import is_set_in_shop
from app.core.keyset import AnyRow
from app.db.session import MAX_ATTEMPTS, AsyncSessionLocal, transactional

BATCH_ROWS = 5_000
UNKNOWN = "The shop does not have this book, or does not sell it any more."
REPEATED = "The file has this book on line {} too: the later line counts."
IN_STOCK, OUT_OF_STOCK = "21", "31"
SUPPLIED = frozenset([None, "20", "21", "22", "23"])
"""Availabilities (ONIX list 65) that a stock of none contradicts; nobody's word is one too."""

COLUMNS = (
    Book.price,
    Book.currency,
    Book.feed_price,
    Book.priced_on,
    Book.availability_code,
    Book.order_time_days,
)


class StockMeaning(StrEnum):
    """Whose copies a file counts."""

    SUPPLIER = "supplier"
    SHELF = "shelf"


@dataclass(frozen=True, kw_only=True)
class SupplyOptions:
    """Whose copies a file counts, the shop's currency (ISO 4217) and the day in its zone."""

    currency: str
    today: date
    meaning: StockMeaning = StockMeaning.SUPPLIER


@dataclass(frozen=True, slots=True)
class Landing:
    """The book that a row is about, and whether the row said anything new."""

    row: SupplyRow
    book_id: int
    is_changed: bool
    note: str | None = None
    repeated_line: int | None = None
    """Where the batch had the book before."""

    @property
    def line(self) -> int:
        """Where the row is in the file."""
        return self.row.line


async def import_supply(
    rows: Iterator[SupplyRow | Refusal],
    *,
    options: SupplyOptions,
    report: ImportReport,
    on_batch: Callable[[], None],
) -> None:
    """Land the rows and write into the report what became of them.

    Each batch is committed by itself. Memory holds two batches, and on which line each book came.
    """
    seen = SeenLines()
    async with ReadAhead(lambda: _take(rows)) as batches:
        async for batch in batches:
            understood = [row for row in batch if isinstance(row, SupplyRow)]
            refused = [row for row in batch if isinstance(row, Refusal)]
            landed = await _land(understood, options=options)
            results: list[Refusal | Landing | Note] = [*refused, *landed]
            for result in sorted(results, key=attrgetter("line")):
                _tell(report, result, seen)
            report.rows += len(batch)
            on_batch()


def _take(rows: Iterator[SupplyRow | Refusal]) -> list[SupplyRow | Refusal]:
    return take(rows, at_most=BATCH_ROWS, weigh=lambda _: 0, weight=1)


def _tell(report: ImportReport, result: Refusal | Landing | Note, seen: SeenLines) -> None:
    if isinstance(result, Refusal):
        report.refuse(result)
        return
    if isinstance(result, Note):
        report.unknown += 1
        report.note(result)
        return
    row = result.row
    before = result.repeated_line or seen.get(result.book_id)
    if before is not None:
        report.note(Note(row.line, row.reference, REPEATED.format(before)))
    elif result.note is not None:
        report.note(Note(row.line, row.reference, result.note))
    seen[result.book_id] = row.line
    if result.is_changed:
        report.updated += 1
    else:
        report.unchanged += 1
    for repair in row.repairs:
        report.repaired(row.line, repair)


async def _land(rows: Sequence[SupplyRow], *, options: SupplyOptions) -> list[Landing | Note]:
    """Land a batch; begin again when somebody removes one of its books at the same moment."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            async with AsyncSessionLocal() as session:
                return await land_supply(session, rows, options=options)
        except BookNotFoundError:
            if attempt == MAX_ATTEMPTS:
                raise
    raise AssertionError("unreachable")  # pragma: no cover (the last attempt returns or raises)


@transactional
async def land_supply(
    session: AsyncSession, rows: Sequence[SupplyRow], *, options: SupplyOptions
) -> list[Landing | Note]:
    """Write what the rows say of books that are sold, and tell of each what became of it.

    Of several rows about one book the last counts; the others are unchanged.
    """
    await repository.wait_for_turn(session)
    books = await repository.list_supplied(session, numbers={row.number for row in rows})
    last = {books[row.number].id: row for row in rows if row.number in books}
    present = {book.id: book for book in books.values()}
    told = {book_id: _told(row, present[book_id], options) for book_id, row in last.items()}
    changed = await repository.update_books(session, COLUMNS, told)
    if options.meaning is StockMeaning.SHELF:
        counts = {
            book_id: row.stock
            for book_id, row in last.items()
            if row.stock is not None and row.stock != present[book_id].on_hand
        }
        await stock.set_all_on_hand(session, quantities=counts, reason="stock file")
        changed |= counts.keys()
    notes = {
        book_id: OWN_PRICE.format(row.price)
        for book_id, row in last.items()
        if row.price not in {None, present[book_id].price}
        and _keeps_own_price(present[book_id], options)
    }
    return list(_landings(rows, books, last, changed, notes))


def _landings(
    rows: Sequence[SupplyRow],
    books: Mapping[str, AnyRow],
    last: Mapping[int, SupplyRow],
    changed: set[int],
    notes: Mapping[int, str],
) -> Iterator[Landing | Note]:
    lines: dict[int, int] = {}
    for row in rows:
        if row.number not in books:
            yield Note(row.line, row.reference, UNKNOWN)
            continue
        book_id = books[row.number].id
        is_changed = book_id in changed and last[book_id] is row
        note = notes.get(book_id) if last[book_id] is row else None
        yield Landing(row, book_id, is_changed, note, lines.get(book_id))
        lines[book_id] = row.line


def _told(row: SupplyRow, book: AnyRow, options: SupplyOptions) -> dict[str, Any]:
    """Return what a row says, by column; ``None`` where it says nothing."""
    return _told_of_price(row, book, options) | {
        "availability_code": row.availability or _availability(row, book, options),
        "order_time_days": row.order_time_days,
    }


def _told_of_price(row: SupplyRow, book: AnyRow, options: SupplyOptions) -> dict[str, Any]:
    """Return what a row says of the price; a supplier's is also remembered as such."""
    price = None if _keeps_own_price(book, options) else row.price
    is_suppliers = options.meaning is StockMeaning.SUPPLIER and row.price is not None
    is_news = is_suppliers and (book.priced_on is None or book.feed_price != row.price)
    return {
        "price": price,
        "currency": None if price is None else options.currency,
        "feed_price": row.price if is_suppliers else None,
        "priced_on": options.today if is_news else None,
    }


def _keeps_own_price(book: AnyRow, options: SupplyOptions) -> bool:
    return options.meaning is StockMeaning.SUPPLIER and is_set_in_shop(
        price=book.price,
        currency=book.currency,
        feed_price=book.feed_price,
        priced_on=book.priced_on,
        feed_currency=options.currency,
    )


def _availability(row: SupplyRow, book: AnyRow, options: SupplyOptions) -> str | None:
    """Return what a supplier's stock says of availability.

    A stock of none says nothing of a book that is not yet, or not any more, to be had.
    """
    if options.meaning is StockMeaning.SHELF or row.stock is None:
        return None
    if row.stock > 0:
        return IN_STOCK
    return OUT_OF_STOCK if book.availability_code in SUPPLIED else None
