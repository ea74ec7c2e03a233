"""Rows land in the catalogue in batches, each in a transaction of its own.

A row is about the book with its ISBN. One without ISBN is about the book without ISBN whose
title, first author, year of first publication and format are the same. What a row says replaces
what the shop has; what it leaves empty changes nothing. Editions of one work (same title, same
first author, no different year or number in the series) are put together; the work's own facts
are ruled by its oldest edition, so that two editions in one file do not overwrite each other for
ever, and the same file twice changes nothing.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from operator import attrgetter
from typing import Any

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased, selectinload
from sqlalchemy.sql.dml import ReturningInsert

from app.books import repository, service, stock
from app.books.importers.journal import REFUSED, Entry, OnLanded, forget
from app.books.importers.matching import find_matches, fold
from app.books.importers.report import ImportReport, Refusal
from app.books.importers.rows import BookRow, ImportedBook, People
from app.books.importers.sorting import ImportOptions, NewBook, Sorting
from app.books.models import (
    Book,
    BookFormat,
    Contribution,
    Contributor,
    ContributorRole,
    Stock,
    Work,
)
from app.db.session import MAX_ATTEMPTS, AsyncSessionLocal, transactional

BATCH_ROWS = 500
REMOVED = "This book was removed from the shop. To sell it again, add it there first."
IMPORT_LOCK = 0x424F4F4B
"""Key of the advisory lock: batches of several imports take turns, so that none doubles a work."""

WORK_FACTS = (
    "title",
    "subtitle",
    "author",
    "series",
    "series_number",
    "description",
    "first_published",
    "popularity",
)
BOOK_FACTS = (
    "format",
    "language",
    "pages",
    "publish_date",
    "publish_year",
    "price",
    "cover_image_url",
)


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
    """Ids of what rows name."""

    genres: Mapping[str, int]
    publishers: Mapping[str, int]

    def of_work(self, book: ImportedBook) -> dict[str, int]:
        """Return the columns of a work that are told by name."""
        return {} if book.genre is None else {"genre_id": self.genres[book.genre]}

    def of_book(self, book: ImportedBook) -> dict[str, int]:
        """Return the columns of a book that are told by name."""
        return {} if book.publisher is None else {"publisher_id": self.publishers[book.publisher]}


async def import_rows(
    rows: Iterator[BookRow | Refusal],
    *,
    options: ImportOptions,
    report: ImportReport,
    lines: dict[int, int],
    on_landed: OnLanded,
    on_batch: Callable[[], None],
) -> None:
    """Land the rows and write into the report what became of them.

    Each batch is committed by itself: what had landed when an import is interrupted stays, and
    the same file can be imported again. Besides one batch, memory holds the ids of the books
    that the file has brought so far (``lines``), to notice a book that comes twice.
    """
    while batch := await asyncio.to_thread(_take, rows):
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
    return list(islice(rows, BATCH_ROWS))


async def _land(
    rows: Sequence[BookRow | Refusal],
    *,
    lines: Mapping[int, int],
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
    lines: Mapping[int, int],
    options: ImportOptions,
    on_landed: OnLanded = forget,
) -> list[Landing | Refusal]:
    """Write what the rows say, and tell of each what became of it, in the order of the file.

    ``lines`` says on which line of the file the books came that have landed before.
    """
    await session.execute(select(func.pg_advisory_xact_lock(IMPORT_LOCK)))
    understood = [row for row in rows if isinstance(row, BookRow)]
    sorting = Sorting(await find_matches(session, understood), lines=lines, options=options)
    for row in understood:
        sorting.add(row)
    accepted = [*sorting.known.values(), *(new.row for new in sorting.new_books)]
    names = await _named(session, [row.book for row in accepted])
    results = [
        *(row for row in rows if isinstance(row, Refusal)),
        *sorting.refusals,
        *await _update_books(session, sorting.known, names=names, options=options),
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


async def _named(session: AsyncSession, books: Sequence[ImportedBook]) -> Names:
    return Names(
        genres=await _genre_ids(session, {book.genre for book in books if book.genre}),
        publishers=await repository.publisher_ids(
            session, {book.publisher for book in books if book.publisher}
        ),
    )


async def _genre_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    """Return the genres' ids by name; the shop gets those that it does not have."""
    if not names:
        return {}
    genres = await service.list_genres(session)
    folded = await fold(session, [*names, *(genre.name for genre in genres)])
    ids = {folded[genre.name]: genre.id for genre in genres}
    for name in sorted(names):
        if folded[name] not in ids:
            genre = await service.create_genre(session, name=name)
            ids[folded[name]] = genre.id
    return {name: ids[folded[name]] for name in names}


async def _contributor_ids(session: AsyncSession, people: Iterable[People]) -> dict[str, int]:
    """Return the contributors' ids by name; who is not known is added.

    New names are written in their order, so that two who bring the same ones do not deadlock.
    """
    names = {name for roles in people for named in roles.values() for name in named}
    ids = await _known_contributor_ids(session, names)
    missing = sorted(names - ids.keys())
    if missing:
        added = insert_or(Contributor).on_conflict_do_nothing()
        await session.execute(added, [{"name": name} for name in missing])
        ids |= await _known_contributor_ids(session, missing)
    return ids


async def _known_contributor_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    statement = select(Contributor.name, Contributor.id).where(Contributor.name.in_(names))
    return dict((await session.execute(statement)).all())


def _facts(names: Sequence[str], book: ImportedBook) -> dict[str, Any]:
    """Return those of the named facts that the row tells."""
    told = {name: getattr(book, name) for name in names}
    return {name: value for name, value in told.items() if value is not None}


async def _insert_people(session: AsyncSession, people: Mapping[int, People]) -> None:
    """Write down who made works, by work, in the order of their roles."""
    ids = await _contributor_ids(session, people.values())
    contributions = []
    for work_id, roles in people.items():
        named = [(role, name) for role, names in roles.items() for name in names]
        contributions += [
            {"work_id": work_id, "position": position, "contributor_id": ids[name], "role": role}
            for position, (role, name) in enumerate(named)
        ]
    await session.execute(insert(Contribution), contributions)


async def _update_books(
    session: AsyncSession,
    rows: Mapping[int, BookRow],
    *,
    names: Names,
    options: ImportOptions,
) -> list[Landing | Refusal]:
    """Make known books, by id, what the rows say, and write nothing where they say nothing new."""
    edition = aliased(Book)
    older = exists().where(edition.work_id == Book.work_id, edition.id < Book.id)
    statement = (
        select(Book, Work, Stock.on_hand, ~older)
        .join(Book.work)
        .join(Book.stock)
        .where(Book.id.in_(rows))
        .order_by(Book.id)
        .options(selectinload(Work.contributions).joinedload(Contribution.contributor))
    )
    results: list[Landing | Refusal] = []
    counts: dict[int, int] = {}
    people: dict[int, People] = {}
    moved: list[int] = []
    for book, work, on_hand, is_oldest in await session.execute(statement):
        row = rows[book.id]
        if book.deleted_at is not None:
            results.append(Refusal(row.line, row.reference, REMOVED))
            continue
        is_changed = _change(
            book,
            _facts(BOOK_FACTS, row.book) | names.of_book(row.book) | _money(row.book, options),
        )
        if is_oldest:
            series = (work.series, work.series_number)
            is_changed |= _change(work, _facts(WORK_FACTS, row.book) | names.of_work(row.book))
            if (work.series, work.series_number) != series:
                moved.append(work.id)
            present = _people(work)
            wanted = {**present, **row.book.people}
            if wanted != present:
                people[work.id] = wanted
                is_changed = True
        if row.book.stock is not None and row.book.stock != on_hand:
            counts[book.id] = row.book.stock
            is_changed = True
        outcome = Outcome.UPDATED if is_changed else Outcome.UNCHANGED
        results.append(Landing(row, book.id, outcome))
    if people:
        await session.execute(delete(Contribution).where(Contribution.work_id.in_(people)))
        await _insert_people(session, people)
    if moved:
        await session.flush()  # the series are read back from the works' rows
        await repository.set_first_series(session, work_ids=moved)
    for book_id, quantity in sorted(counts.items()):
        await stock.set_on_hand(session, book_id=book_id, quantity=quantity)
    return results


def _change(entity: Book | Work, facts: Mapping[str, Any]) -> bool:
    """Set what differs; tell whether anything does."""
    different = {name: value for name, value in facts.items() if getattr(entity, name) != value}
    for name, value in different.items():
        setattr(entity, name, value)
    return bool(different)


def _money(book: ImportedBook, options: ImportOptions) -> dict[str, str]:
    """Return the currency, if the row has a price."""
    return {} if book.price is None else {"currency": options.currency}


def _people(work: Work) -> People:
    people: dict[ContributorRole, tuple[str, ...]] = {}
    for contribution in work.contributions:
        before = people.get(contribution.role, ())
        people[contribution.role] = (*before, contribution.contributor.name)
    return people


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
    added = _insert_returning(Book.id)
    book_ids = await session.scalars(
        added,
        [_book_values(new.row.book, names, options) | {"work_id": new.work.id} for new in books],
    )
    landings = [
        Landing(new.row, book_id, Outcome.TAKEN)
        for new, book_id in zip(books, book_ids, strict=True)
    ]
    counts = [
        options.default_stock if new.row.book.stock is None else new.row.book.stock for new in books
    ]
    await session.execute(
        insert(Stock),
        [
            {"book_id": landing.book_id, "received": count, "on_hand": count}
            for landing, count in zip(landings, counts, strict=True)
        ],
    )
    return landings


def _insert_returning(key: InstrumentedAttribute[int]) -> ReturningInsert[int]:
    """Return a statement that yields the new rows' keys in the order of the values given.

    Rows with and without values in some columns are one statement, hence the nulls.
    """
    statement = insert(key.class_).returning(key, sort_by_parameter_order=True)
    return statement.execution_options(render_nulls=True)


async def _insert_works(session: AsyncSession, books: Sequence[NewBook], *, names: Names) -> None:
    """Write the works and who made them, and tell the works their ids."""
    if not books:
        return
    added = _insert_returning(Work.id)
    work_ids = await session.scalars(added, [_work_values(new.row.book, names) for new in books])
    people = {}
    for new, work_id in zip(books, work_ids, strict=True):
        new.work.id = work_id
        people[work_id] = new.row.book.people
    await _insert_people(session, people)
    await repository.set_first_series(session, work_ids=people.keys())


def _work_values(book: ImportedBook, names: Names) -> dict[str, Any]:
    told = {name: getattr(book, name) for name in WORK_FACTS}
    return told | {"popularity": book.popularity or 0, "genre_id": None} | names.of_work(book)


def _book_values(book: ImportedBook, names: Names, options: ImportOptions) -> dict[str, Any]:
    told = {name: getattr(book, name) for name in BOOK_FACTS}
    return (
        told
        | {"publisher_id": None}
        | names.of_book(book)
        | {
            "isbn": book.isbn,
            "format": book.format or BookFormat.PAPERBACK,
            "price": book.price or options.default_price,
            "currency": options.currency,
        }
    )
