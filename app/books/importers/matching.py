"""Which book of the catalogue a row is about, and which work a new book belongs to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Text, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.rows import BookRow, ImportedBook
from app.books.models import Book, BookFormat, Contribution, Contributor, Work

MAX_NAMESAKES = 100
"""So many works of one title and first author are looked at: with a limit, each title is looked
up in the index, where a join would make the planner read the table once for a whole batch."""

WorkKey = tuple[str, str]
"""Title and first author as the search compares them."""


@dataclass
class KnownWork:
    """A work of the catalogue, or one that a row of this batch is about to make (without id)."""

    id: int | None
    first_published: int | None
    series_number: str | None
    editions: dict[BookFormat, int] = field(default_factory=dict)
    """Ids of its books without ISBN."""

    new_editions: dict[BookFormat, int] = field(default_factory=dict)
    """Lines of the batch's new books without ISBN."""

    def may_be(self, book: ImportedBook) -> bool:
        """Tell whether nothing speaks against the book being an edition of this work."""
        return _agree(self.first_published, book.first_published) and _agree(
            self.series_number, book.series_number
        )


def _agree(one: object, other: object) -> bool:
    return one is None or other is None or one == other


@dataclass(frozen=True)
class Matches:
    """What the catalogue has of a batch: books by ISBN, works by row (its line) and by key."""

    books: dict[str, int]
    keys: dict[int, WorkKey]
    works: dict[WorkKey, list[KnownWork]]


async def fold(session: AsyncSession, texts: Iterable[str]) -> dict[str, str]:
    """Return the texts as the search compares them: no case, no accents, no punctuation."""
    given = func.unnest(cast(sorted(set(texts)), ARRAY(Text))).table_valued("text")
    derived = given.render_derived("given")
    rows = await session.execute(select(derived.c.text, func.search_fold(derived.c.text)))
    return dict(rows.tuples().all())


async def find_matches(session: AsyncSession, rows: Sequence[BookRow]) -> Matches:
    """Return the books that have the rows' ISBNs, and for all other rows the works they may be of.

    Of several works the oldest comes first, now and whenever the same row is imported again.
    """
    books = await _books_by_isbn(session, [row.book.isbn for row in rows if row.book.isbn])
    others = [
        row
        for row in rows
        if row.book.isbn not in books and row.book.title is not None and row.book.authors
    ]
    keys: dict[int, WorkKey] = {}
    works: dict[WorkKey, dict[int, KnownWork]] = {}
    for line, key, work in await _namesakes(session, others):
        keys[line] = key
        found = works.setdefault(key, {})
        if work is not None and work.id is not None:
            found[work.id] = work
    await _add_editions(
        session, {key: work for found in works.values() for key, work in found.items()}
    )
    return Matches(books, keys, {key: list(found.values()) for key, found in works.items()})


async def _books_by_isbn(session: AsyncSession, isbns: Collection[str]) -> dict[str, int]:
    statement = select(Book.isbn, Book.id).where(Book.isbn.in_(isbns))
    return {str(isbn): book_id for isbn, book_id in await session.execute(statement)}


async def _namesakes(
    session: AsyncSession, rows: Sequence[BookRow]
) -> list[tuple[int, WorkKey, KnownWork | None]]:
    """Return each row's line and key with every work of this key, the oldest first."""
    given = (
        func.unnest(
            cast([row.book.title for row in rows], ARRAY(Text)),
            cast([row.book.authors[0] for row in rows], ARRAY(Text)),
        )
        .table_valued("title", "author", with_ordinality="position")
        .render_derived("given")
    )
    folded = select(
        given.c.position,
        given.c.title,
        func.search_fold(given.c.title).label("folded_title"),
        func.search_fold(given.c.author).label("folded_author"),
    ).cte("folded")
    first_author = (
        select(func.search_fold(Contributor.name))
        .join(Contribution, Contribution.contributor_id == Contributor.id)
        .where(Contribution.work_id == Work.id)
        .order_by(Contribution.position)
        .limit(1)
        .scalar_subquery()
    )
    namesake = (
        select(Work.id, Work.first_published, Work.series_number)
        .where(
            func.search_fold(Work.title) == folded.c.folded_title,
            # a title without any word, "1984?" apart from "?!", is compared as it is
            or_(folded.c.folded_title != "", Work.title == folded.c.title),
            first_author == folded.c.folded_author,
        )
        .order_by(Work.id)
        .limit(MAX_NAMESAKES)
        .lateral("namesake")
    )
    statement = (
        select(folded, namesake)
        .outerjoin(namesake, true())
        .order_by(folded.c.position, namesake.c.id)
    )
    return [
        (
            rows[position - 1].line,
            (folded_title or title, folded_author),
            None if work_id is None else KnownWork(work_id, first_published, series_number),
        )
        for (
            position,
            title,
            folded_title,
            folded_author,
            work_id,
            first_published,
            series_number,
        ) in await session.execute(statement)
    ]


async def _add_editions(session: AsyncSession, works: dict[int, KnownWork]) -> None:
    """Add the works' books without ISBN; of several in one format the oldest that is sold."""
    statement = (
        select(Book.work_id, Book.format, Book.id)
        .where(Book.work_id.in_(works), Book.isbn.is_(None))
        .order_by(Book.deleted_at.is_(None), Book.id.desc())
    )
    for work_id, book_format, book_id in await session.execute(statement):
        works[work_id].editions[book_format] = book_id
