"""The part of the catalogue that a batch of records is about, read at once and held in memory."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    any_,
    cast,
    exists,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload, selectinload
from sqlalchemy.orm.strategy_options import _AbstractLoad

from app.books import repository
from app.books.codes import BookFormat
from app.books.importers.landing_repository import fold
from app.books.importers.onix.facts import Facts
from app.books.importers.onix.product import OnixProduct
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    FeedRecord,
    Series,
    Subject,
    SubjectScheme,
    Work,
    WorkAlias,
    WorkIdentifier,
    WorkSubject,
)

AnyText: TypeAlias = InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
WorkKey: TypeAlias = tuple[str, str]
"""Title and first author as the search compares them."""

TEXT_FORMATS = {
    BookFormat.HARDBACK,
    BookFormat.PAPERBACK,
    BookFormat.MASS_MARKET,
    BookFormat.BOARD_BOOK,
    BookFormat.SPIRAL_BOUND,
    BookFormat.EBOOK,
    BookFormat.AUDIOBOOK,
    BookFormat.OTHER,
}
"""Formats of one text: a calendar or a game with a book's title is not an edition of it."""


@dataclass
class Shelf:
    """What the catalogue has of a batch; it learns what the batch adds."""

    records: dict[str, FeedRecord] = field(default_factory=dict)
    by_number: dict[str, Book] = field(default_factory=dict)
    """Books by ISBN and by other bar code."""

    works_by_identifier: dict[tuple[str, str], Work] = field(default_factory=dict)
    works_by_key: dict[WorkKey, list[Work]] = field(default_factory=dict)
    first_editions: dict[Work, Book] = field(default_factory=dict)
    """The oldest edition of each work. The others stay where they are: a classic has thousands."""

    folded: dict[str, str] = field(default_factory=dict)
    """Titles and names as the search compares them."""

    contributors: dict[str, Contributor] = field(default_factory=dict)
    publishers: dict[str, int] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)
    subjects: dict[tuple[SubjectScheme, str], Subject] = field(default_factory=dict)

    def find_book(self, product: OnixProduct) -> Book | None:
        """Return the book that a record is about."""
        record = self.records.get(product.record_reference)
        if record is not None and record.book is not None:
            return record.book
        return next(
            (
                self.by_number[number]
                for number in (product.isbn, product.gtin)
                if number is not None and number in self.by_number
            ),
            None,
        )

    def key_of(self, title: str, name: str) -> WorkKey:
        """Return what works are compared by; a title without any word is compared as it is."""
        return self.folded[title] or title, self.folded[name] or name


async def load_shelf(
    session: AsyncSession,
    products: Sequence[OnixProduct],
    facts: Sequence[Facts],
    *,
    records: dict[str, FeedRecord],
) -> Shelf:
    """Read what the catalogue has of the records, and add the names that it does not know."""
    shelf = Shelf(records=records)
    await _load_books_of_records(session, shelf, products)
    await _load_books(session, shelf, products, facts)
    await _load_works(session, shelf, products, facts)
    await _load_first_editions(session, shelf)
    await _load_names(session, shelf, facts)
    return shelf


async def find_records(
    session: AsyncSession, products: Sequence[OnixProduct], *, sender: str
) -> dict[str, FeedRecord]:
    """Return what was taken from the sender under the records' references before.

    The books are not among it, for most records of a feed say nothing new.
    """
    references = {product.record_reference for product in products}
    statement = select(FeedRecord).where(
        FeedRecord.sender == sender, among(FeedRecord.reference, references)
    )
    return {record.reference: record for record in await session.scalars(statement)}


def among(column: AnyText, texts: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that a text is one of these: one statement however many they are."""
    return column == any_(cast(sorted(texts), ARRAY(Text)))


def _whole_work() -> tuple[_AbstractLoad, ...]:
    return (
        selectinload(Work.contributions).joinedload(Contribution.contributor),
        selectinload(Work.series_memberships),
        selectinload(Work.subjects).joinedload(WorkSubject.subject),
        selectinload(Work.identifiers),
    )


def _whole_book() -> tuple[_AbstractLoad, ...]:
    return (
        joinedload(Book.work).options(*_whole_work()),
        selectinload(Book.prices),
        selectinload(Book.sales_rights),
    )


async def _load_books_of_records(
    session: AsyncSession, shelf: Shelf, products: Sequence[OnixProduct]
) -> None:
    """Read the books that the products' references stood for before."""
    references = {product.record_reference for product in products}
    ids = [shelf.records[name].id for name in references & shelf.records.keys()]
    if ids:
        known = select(FeedRecord).where(repository.among(FeedRecord.id, ids))
        whole = known.options(joinedload(FeedRecord.book).options(*_whole_book()))
        (await session.scalars(whole)).all()  # what the records lack is added to them


async def _load_books(
    session: AsyncSession, shelf: Shelf, products: Sequence[OnixProduct], facts: Sequence[Facts]
) -> None:
    isbns = {product.isbn for product in products if product.isbn}
    isbns |= {isbn for told in facts for isbn in told.related_isbns}
    gtins = {product.gtin for product in products if product.gtin}
    for column, numbers in ((Book.isbn, isbns), (Book.gtin, gtins)):
        statement = select(Book).where(among(column, numbers)).options(*_whole_book())
        if numbers:
            for book in await session.scalars(statement):
                shelf.by_number[str(book.isbn or book.gtin)] = book


async def _load_works(
    session: AsyncSession, shelf: Shelf, products: Sequence[OnixProduct], facts: Sequence[Facts]
) -> None:
    """Read the works that new books may be editions of."""
    identifiers = {identifier for told in facts for identifier in told.work_identifiers}
    if identifiers:
        columns = tuple_(WorkIdentifier.scheme, WorkIdentifier.value)
        known = select(WorkIdentifier).where(columns.in_(identifiers))
        ids = {(row.scheme, row.value): row.work_id for row in await session.scalars(known)}
        works = select(Work).where(Work.id.in_(ids.values())).options(*_whole_work())
        by_id = {work.id: work for work in await session.scalars(works)}
        shelf.works_by_identifier = {key: by_id[work_id] for key, work_id in ids.items()}

    new = [
        (product, told)
        for product, told in zip(products, facts, strict=True)
        if product.title and shelf.find_book(product) is None
    ]
    titles = {product.title for product, _ in new}
    names = {person.name for _, told in new for person in (told.people or ())[:1]}
    if not titles:
        return
    shelf.folded |= await fold(session, titles | names)
    statement = (
        select(Work)
        .where(
            among(Work.folded_title, {shelf.folded[title] for title in titles}),
            _first_author_is_among({shelf.folded[name] for name in names}),
            _is_text(),
        )
        .order_by(Work.id)
        .options(*_whole_work())
    )
    namesakes = (await session.scalars(statement)).all()
    first = [work.contributions[0].contributor.name for work in namesakes if work.contributions]
    shelf.folded |= await fold(
        session, {*first, *(work.title for work in namesakes)} - shelf.folded.keys()
    )
    for work in namesakes:
        if work.contributions:
            key = shelf.key_of(work.title, work.contributions[0].contributor.name)
            shelf.works_by_key.setdefault(key, []).append(work)
    await _add_aliases(session, shelf, titles)


def _first_author_is_among(folded_names: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that spares loading the many works of a title like "Poems"."""
    return exists().where(
        Contribution.work_id == Work.id,
        Contribution.position == 0,
        Contribution.contributor_id == Contributor.id,
        func.search_fold(Contributor.name) == any_(cast(sorted(folded_names), ARRAY(Text))),
    )


def _is_text() -> ColumnElement[bool]:
    """Return the condition that a work's oldest edition is one of a text.

    It spares loading all the calendars of a name: each year's is a work of its own.
    """
    first = select(Book.format).where(Book.work_id == Work.id).order_by(Book.id).limit(1)
    return first.correlate(Work).scalar_subquery().in_(TEXT_FORMATS)


async def _load_first_editions(session: AsyncSession, shelf: Shelf) -> None:
    """Read the oldest edition of every work that was read."""
    by_id = {entity.id: entity for entity in session if isinstance(entity, Work)}
    given = func.unnest(cast(sorted(by_id), ARRAY(Integer))).table_valued("id").render_derived()
    oldest = select(Book.id).where(Book.work_id == given.c.id).order_by(Book.id).limit(1)
    chosen = select(oldest.correlate(given).scalar_subquery()).select_from(given)
    for book in await session.scalars(select(Book).where(Book.id.in_(chosen))):
        shelf.first_editions[by_id[book.work_id]] = book


async def _add_aliases(session: AsyncSession, shelf: Shelf, titles: Collection[str]) -> None:
    """Let works also be found by what they were called before staff merged or renamed them."""
    aliases = (
        await session.scalars(
            select(WorkAlias)
            .where(among(WorkAlias.folded_title, {shelf.folded[title] for title in titles}))
            .order_by(WorkAlias.id)
        )
    ).all()
    if not aliases:
        return
    works = select(Work).where(Work.id.in_({alias.work_id for alias in aliases}))
    by_id = {work.id: work for work in await session.scalars(works.options(*_whole_work()))}
    names = {alias.author for alias in aliases} | {alias.title for alias in aliases}
    shelf.folded |= await fold(session, names - shelf.folded.keys())
    for alias in aliases:
        known = shelf.works_by_key.setdefault(shelf.key_of(alias.title, alias.author), [])
        if by_id[alias.work_id] not in known:
            known.append(by_id[alias.work_id])


async def _load_names(session: AsyncSession, shelf: Shelf, facts: Sequence[Facts]) -> None:
    """Have a row for every name and code that the records tell.

    New ones are written in their order, so that two imports that bring the same do not deadlock.
    """
    people = {person.name for told in facts for person in told.people or ()}
    await _insert_missing(session, Contributor.name, people)
    found = await session.scalars(select(Contributor).where(among(Contributor.name, people)))
    shelf.contributors = {person.name: person for person in found}

    publishers = {name for told in facts for name in (told.publisher, told.imprint) if name}
    shelf.publishers = await repository.publisher_ids(session, publishers)

    titles = {title for told in facts for title, _ in told.series or ()}
    await _insert_missing(session, Series.title, titles)
    rows = await session.execute(select(Series.title, Series.id).where(among(Series.title, titles)))
    shelf.series = dict(rows.all())

    codes = {code for told in facts for code in told.subjects or ()}
    if codes:
        added = insert(Subject).on_conflict_do_nothing()
        await session.execute(
            added, [{"scheme": scheme, "code": code} for scheme, code in sorted(codes)]
        )
        chosen = select(Subject).where(among(Subject.code, {code for _, code in codes}))
        shelf.subjects = {
            (subject.scheme, subject.code): subject for subject in await session.scalars(chosen)
        }


async def _insert_missing(
    session: AsyncSession, column: InstrumentedAttribute[str], names: Collection[str]
) -> None:
    """Write those of the names that the column's table does not have."""
    known = set(await session.scalars(select(column).where(among(column, names))))
    missing = sorted(set(names) - known)
    if missing:
        added = insert(column.class_).on_conflict_do_nothing()
        await session.execute(added, [{column.key: name} for name in missing])
