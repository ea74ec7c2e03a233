"""Rows land in the catalogue in batches, each in a transaction of its own.

A row is about the book with its ISBN or other bar code. One without is about the book without one
whose title, first author, year of first publication and format are the same. What a row says
replaces what the shop has; what it leaves empty changes nothing. Editions of one work (by the
row's own word, else the same title, the same first author, no different year or number in the
series) are put together; the work's own facts are ruled by its oldest edition, so that two
editions in one file do not overwrite each other for ever, and the same file twice changes nothing.

Batches are large, and a batch is a fixed number of statements: a row costs little more than what
PostgreSQL has to do for it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import service, stock
from app.books.importers import landing_repository as repository
from app.books.importers.batches import Lines, ReadAhead, take
from app.books.importers.journal import REFUSED, Entry, OnLanded, forget
from app.books.importers.lists import write_lists
from app.books.importers.matching import find_matches
from app.books.importers.report import ImportReport, Refusal
from app.books.importers.rows import BookRow, ImportedBook, People, ShopStatus
from app.books.importers.sorting import ImportOptions, NewBook, Sorting
from app.books.models import Book, BookFormat, DatePrecision, Work
from app.books.repository import publisher_ids, set_first_series
from app.core.clock import utc_now
from app.core.keyset import AnyRow
from app.db.session import MAX_ATTEMPTS, AsyncSessionLocal, transactional

BATCH_ROWS = 2_000
BATCH_CHARACTERS = 4_000_000
"""A batch ends before it has so many rows, where their texts are long."""

IMPORTED = "import"
"""What the ledger says of copies that a file told of."""

REMOVED = "This book was removed from the shop. To sell it again, add it there first."

WORK_FACTS = (
    Work.title,
    Work.subtitle,
    Work.author,
    Work.series,
    Work.series_number,
    Work.short_description,
    Work.description,
    Work.table_of_contents,
    Work.original_language,
    Work.first_published,
    Work.popularity,
)
BOOK_FACTS = (
    Book.format,
    Book.language,
    Book.pages,
    Book.minutes,
    Book.height_mm,
    Book.width_mm,
    Book.thickness_mm,
    Book.weight_g,
    Book.product_form,
    Book.form_details,
    Book.edition_statement,
    Book.publish_date,
    Book.publish_date_precision,
    Book.publish_year,
    Book.on_sale_date,
    Book.publishing_status,
    Book.availability_code,
    Book.order_time_days,
    Book.price,
    Book.cover_image_url,
)
"""The columns that hold what a row says, each under the name that ``ImportedBook`` has for it."""

WORK_FACT_NAMES = tuple(column.key for column in WORK_FACTS)
BOOK_FACT_NAMES = tuple(column.key for column in BOOK_FACTS)
_work_facts, _book_facts = attrgetter(*WORK_FACT_NAMES), attrgetter(*BOOK_FACT_NAMES)

WORK_COLUMNS = (*WORK_FACTS, Work.genre_id)
BOOK_COLUMNS = (*BOOK_FACTS, Book.publisher_id, Book.imprint_id, Book.currency, Book.deleted_at)
NEW_BOOK_COLUMNS = (*BOOK_COLUMNS, Book.work_id, Book.isbn, Book.gtin)


class Outcome(StrEnum):
    """What became of a row that was not refused; the values are fields of the report."""

    TAKEN = "taken"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Landing:
    """The book that a row is about, and what became of it."""

    row: BookRow
    book_id: int
    outcome: Outcome

    @property
    def line(self) -> int:
        """Where the row begins in the file."""
        return self.row.line


@dataclass(frozen=True)
class Names:
    """Ids of what rows name, and the shop's currency: what a row says, by column."""

    genres: Mapping[str, int]
    publishers: Mapping[str, int]
    currency: str

    def of_work(self, book: ImportedBook) -> dict[str, Any]:
        """Return what a row says of a work; ``None`` where it says nothing."""
        told = dict(zip(WORK_FACT_NAMES, _work_facts(book), strict=True))
        told["genre_id"] = None if book.genre is None else self.genres[book.genre]
        return told

    def of_book(self, book: ImportedBook) -> dict[str, Any]:
        """Return what a row says of a book; a price is in the shop's currency."""
        told = dict(zip(BOOK_FACT_NAMES, _book_facts(book), strict=True))
        told["publisher_id"] = None if book.publisher is None else self.publishers[book.publisher]
        told["imprint_id"] = None if book.imprint is None else self.publishers[book.imprint]
        told["deleted_at"] = None
        told["currency"] = None if book.price is None else self.currency
        return told


async def import_rows(
    rows: Iterator[BookRow | Refusal],
    *,
    options: ImportOptions,
    report: ImportReport,
    lines: Lines,
    on_landed: OnLanded,
    on_batch: Callable[[], None],
) -> None:
    """Land the rows and write into the report what became of them.

    Each batch is committed by itself: what had landed when an import is interrupted stays, and
    the same file can be imported again. Memory holds a batch that lands, the next one, and on
    which line each book came (``lines``), to notice one that comes twice.
    """
    async with ReadAhead(lambda: _take(rows)) as batches:
        async for batch in batches:
            for result in await _land(batch, lines=lines, options=options, on_landed=on_landed):
                if isinstance(result, Refusal):
                    report.refuse(result)
                    continue
                lines[result.book_id] = result.line
                setattr(report, result.outcome, getattr(report, result.outcome) + 1)
                for repair in result.row.repairs:
                    report.repaired(result.line, repair)
            report.rows += len(batch)
            on_batch()


def _take(rows: Iterator[BookRow | Refusal]) -> list[BookRow | Refusal]:
    return take(rows, at_most=BATCH_ROWS, weigh=_characters, weight=BATCH_CHARACTERS)


def _characters(row: BookRow | Refusal) -> int:
    """Return how many characters the long texts of a row have."""
    if isinstance(row, Refusal):
        return 0
    texts = (row.book.description, row.book.short_description, row.book.table_of_contents)
    return sum(len(text) for text in texts if text)


async def _land(
    rows: Sequence[BookRow | Refusal],
    *,
    lines: Lines,
    options: ImportOptions,
    on_landed: OnLanded,
) -> list[Landing | Refusal]:
    """Land a batch; begin again when somebody enters one of its books at the same moment."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            async with AsyncSessionLocal() as session:
                return await land_rows(
                    session, rows, lines=lines, options=options, on_landed=on_landed
                )
        except IntegrityError:
            if attempt == MAX_ATTEMPTS:
                raise
    raise AssertionError("unreachable")  # pragma: no cover (the last attempt returns or raises)


@transactional
async def land_rows(
    session: AsyncSession,
    rows: Sequence[BookRow | Refusal],
    *,
    lines: Lines,
    options: ImportOptions,
    on_landed: OnLanded = forget,
) -> list[Landing | Refusal]:
    """Write what the rows say, and tell of each what became of it, in the order of the file.

    ``lines`` says on which line of the file the books came that have landed before.
    """
    await repository.wait_for_turn(session)
    understood = [row for row in rows if isinstance(row, BookRow)]
    sorting = Sorting(await find_matches(session, understood), lines=lines, options=options)
    for row in understood:
        sorting.add(row)
    accepted = [*sorting.known.values(), *(new.row for new in sorting.new_books)]
    names = await _named(session, [row.book for row in accepted], options)
    results = [
        *(row for row in rows if isinstance(row, Refusal)),
        *sorting.refusals,
        *await _update_books(session, sorting.known, names=names),
        *await _insert_books(session, sorting.new_books, names=names, options=options),
    ]
    results.sort(key=attrgetter("line"))
    await on_landed(session, [_entry(result) for result in results])
    return results


def _entry(result: Landing | Refusal) -> Entry:
    if isinstance(result, Refusal):
        return Entry(result.line, result.reference, REFUSED, result.reason)
    row = result.row
    return Entry(
        row.line, row.reference, result.outcome, book_id=result.book_id, repairs=row.repairs
    )


async def _named(
    session: AsyncSession, books: Sequence[ImportedBook], options: ImportOptions
) -> Names:
    return Names(
        genres=await _genre_ids(session, {book.genre for book in books if book.genre}),
        publishers=await publisher_ids(
            session,
            {name for book in books for name in (book.publisher, book.imprint) if name},
        ),
        currency=options.currency,
    )


async def _genre_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    """Return the genres' ids by name; the shop gets those that it does not have."""
    if not names:
        return {}
    genres = await service.list_genres(session)
    folded = await repository.fold(session, [*names, *(genre.name for genre in genres)])
    ids = {folded[genre.name]: genre.id for genre in genres}
    for name in sorted(names):
        if folded[name] not in ids:
            genre = await service.create_genre(session, name=name)
            ids[folded[name]] = genre.id
    exact = {genre.name: genre.id for genre in genres}
    return {name: exact.get(name, ids[folded[name]]) for name in names}


async def _update_books(
    session: AsyncSession, rows: Mapping[int, BookRow], *, names: Names
) -> list[Landing | Refusal]:
    """Make known books, by id, what the rows say, and write nothing where they say nothing new."""
    if not rows:
        return []
    present = await repository.list_known(session, book_ids=rows)
    kept = [book for book in present if book.deleted_at is None or _is_removed(rows[book.id].book)]
    told = {
        book.id: names.of_book(rows[book.id].book)
        | {"deleted_at": _removal(rows[book.id].book, book.deleted_at)}
        for book in kept
    }
    changed = await repository.update_books(session, BOOK_COLUMNS, told)
    changed |= await _update_works(session, rows, kept, names=names)
    counts = {
        book.id: quantity
        for book in kept
        if (quantity := rows[book.id].book.stock) is not None
        and quantity != book.on_hand
        and not _is_removed(rows[book.id].book)
    }
    await stock.set_all_on_hand(session, quantities=counts, reason=IMPORTED)
    changed |= counts.keys()
    taken = {book.id for book in kept}
    return [
        Refusal(rows[book.id].line, rows[book.id].reference, REMOVED)
        if book.id not in taken
        else Landing(
            rows[book.id], book.id, Outcome.UPDATED if book.id in changed else Outcome.UNCHANGED
        )
        for book in present
    ]


def _is_removed(book: ImportedBook) -> bool:
    """Tell whether the row itself says that the shop does not sell the book any more."""
    return book.shop_status is ShopStatus.REMOVED


def _removal(book: ImportedBook, deleted_at: datetime | None) -> datetime | None:
    """Return when the shop stopped selling the book, if the row says that it did."""
    return (deleted_at or utc_now()) if _is_removed(book) else None


async def _update_works(
    session: AsyncSession,
    rows: Mapping[int, BookRow],
    books: Sequence[AnyRow],
    *,
    names: Names,
) -> set[int]:
    """Make works what the rows about their oldest editions say; return those editions' ids.

    A work that staff put together is theirs to describe.
    """
    oldest = {book.work_id: book for book in books if book.is_oldest and not book.is_curated}
    told = {work_id: names.of_work(rows[book.id].book) for work_id, book in oldest.items()}
    changed = await repository.update_works(session, WORK_COLUMNS, told)
    moved = [
        work_id
        for work_id in sorted(changed)
        if _differs(told[work_id], oldest[work_id], "series", "series_number")
    ]
    if moved:
        await set_first_series(session, work_ids=moved)
    people = {
        work_id: named for work_id, book in oldest.items() if (named := rows[book.id].book.people)
    }
    changed |= await _update_people(session, people)
    changed |= await write_lists(
        session, {work_id: rows[book.id].book for work_id, book in oldest.items()}
    )
    return {oldest[work_id].id for work_id in changed}


def _differs(told: Mapping[str, Any], present: AnyRow, *names: str) -> bool:
    return any(told[name] is not None and told[name] != getattr(present, name) for name in names)


async def _update_people(session: AsyncSession, people: Mapping[int, People]) -> set[int]:
    """Make these the people of works, role by role; return the works where that was different.

    Whoever did what the row says nothing of stays.
    """
    if not people:
        return set()
    present: dict[int, dict[Any, tuple[str, ...]]] = {work_id: {} for work_id in people}
    for work_id, role, name in await repository.list_credits(session, work_ids=people):
        roles = present[work_id]
        roles[role] = (*roles.get(role, ()), name)
    wanted = {
        work_id: roles
        for work_id, named in people.items()
        if (roles := {**present[work_id], **named}) != present[work_id]
    }
    if wanted:
        await repository.delete_credits(session, work_ids=wanted)
        await _insert_people(session, wanted)
    return set(wanted)


async def _insert_people(session: AsyncSession, people: Mapping[int, People]) -> None:
    """Write down who made works, by work, in the order of their roles."""
    named = {name for roles in people.values() for names in roles.values() for name in names}
    ids = await repository.contributor_ids(session, named)
    await repository.insert_credits(
        session,
        [
            (work_id, position, ids[name], role)
            for work_id, roles in people.items()
            for position, (role, name) in enumerate(
                (role, name) for role, names in roles.items() for name in names
            )
        ],
    )


async def _insert_books(
    session: AsyncSession,
    books: Sequence[NewBook],
    *,
    names: Names,
    options: ImportOptions,
) -> list[Landing]:
    """Write the new books, and before them the works that they are the first editions of."""
    if not books:
        return []
    await _insert_works(session, [new for new in books if new.makes_work], names=names)
    book_ids = await repository.insert_books(
        session,
        NEW_BOOK_COLUMNS,
        [
            names.of_book(new.row.book)
            | {
                "work_id": new.work.id,
                "isbn": new.row.book.isbn,
                "gtin": new.row.book.gtin,
                "format": new.row.book.format or BookFormat.PAPERBACK,
                "publish_date_precision": new.row.book.publish_date_precision or DatePrecision.DAY,
                "price": _first_price(new.row.book, options),
                "deleted_at": _removal(new.row.book, None),
                "currency": options.currency,
            }
            for new in books
        ],
    )
    landings = [
        Landing(new.row, book_id, Outcome.TAKEN)
        for new, book_id in zip(books, book_ids, strict=True)
    ]
    copies = {
        landing.book_id: options.default_stock
        if landing.row.book.stock is None
        else landing.row.book.stock
        for landing in landings
    }
    await stock.add_new(session, copies=copies, reason=IMPORTED)
    return landings


def _first_price(book: ImportedBook, options: ImportOptions) -> Decimal | None:
    """Return the price of a new book; one that is not sold need not have any."""
    return book.price or (None if book.may_lack_price else options.default_price)


async def _insert_works(session: AsyncSession, books: Sequence[NewBook], *, names: Names) -> None:
    """Write the works and who made them, and tell the works their ids."""
    if not books:
        return
    work_ids = await repository.insert_works(
        session,
        WORK_COLUMNS,
        [
            names.of_work(new.row.book) | {"popularity": new.row.book.popularity or 0}
            for new in books
        ],
    )
    people = {}
    for new, work_id in zip(books, work_ids, strict=True):
        new.work.id = work_id
        people[work_id] = new.row.book.people
    await _insert_people(session, people)
    in_series = [
        work_id for new, work_id in zip(books, work_ids, strict=True) if new.row.book.series
    ]
    if in_series:
        await set_first_series(session, work_ids=in_series)
    await write_lists(
        session, {work_id: new.row.book for new, work_id in zip(books, work_ids, strict=True)}
    )
