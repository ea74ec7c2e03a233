"""Which book of the catalogue a row is about, and which work a new book belongs to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Text, any_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.rows import BookRow, ImportedBook
from app.books.models import Book, BookFormat, Contribution, Contributor, Work, WorkAlias

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

    def has_nameless(self, book_format: BookFormat) -> bool:
        """Tell whether it has, or is about to have, a book of this format without ISBN."""
        return book_format in self.editions or book_format in self.new_editions

    def may_be(self, book: ImportedBook) -> bool:
        """Tell whether nothing speaks against the book being an edition of this work."""
        return agree(self.first_published, book.first_published) and agree(
            self.series_number, book.series_number
        )


def agree(one: object, other: object) -> bool:
    """Tell whether two facts can both hold; what is not known contradicts nothing."""
    return one is None or other is None or one == other


@dataclass(frozen=True)
class Matches:
    """What the catalogue has of a batch: books by ISBN, works by row (its line) and by key."""

    books: dict[str, int]
    keys: dict[int, WorkKey]
    works: dict[WorkKey, list[KnownWork]]


@dataclass(frozen=True, slots=True)
class _Namesake:
    """A work that has the title of a row."""

    work: KnownWork
    title: str
    folded_title: str
    author: str


async def fold(session: AsyncSession, texts: Iterable[str]) -> dict[str, str]:
    """Return the texts as the search compares them: no case, no accents, no punctuation."""
    given = func.unnest(cast(sorted(set(texts)), ARRAY(Text))).table_valued("text")
    derived = given.render_derived("given")
    statement = select(derived.c.text, func.search_fold(derived.c.text))
    return dict((await session.execute(statement)).all())


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
    titles = await fold(session, [str(row.book.title) for row in others])
    namesakes = await _works_by_title(session, set(titles.values()))
    namesakes += await _works_by_alias(session, set(titles.values()), namesakes)
    authors = await _fold_shared(session, others, titles, namesakes)

    keys = {
        row.line: _key(str(row.book.title), row.book.authors[0], titles, authors) for row in others
    }
    works: dict[WorkKey, list[KnownWork]] = {key: [] for key in keys.values()}
    for namesake in namesakes:
        key = _key(
            namesake.title, namesake.author, {namesake.title: namesake.folded_title}, authors
        )
        if key in works:
            works[key].append(namesake.work)
    await _add_editions(session, [work for found in works.values() for work in found])
    return Matches(books, keys, works)


def _key(title: str, author: str, titles: Mapping[str, str], authors: Mapping[str, str]) -> WorkKey:
    """Return the key; a title without any word ("?!") is compared as it is."""
    return titles[title] or title, authors.get(author, author)


async def _fold_shared(
    session: AsyncSession,
    rows: Sequence[BookRow],
    titles: Mapping[str, str],
    namesakes: Sequence[_Namesake],
) -> dict[str, str]:
    """Return folded names of the first authors of those titles that occur more than once.

    Folding takes the database longer than anything else about a row, and most titles are unique.
    """
    by_title: dict[str, set[str]] = {}
    for row in rows:
        by_title.setdefault(titles[str(row.book.title)], set()).add(row.book.authors[0])
    for namesake in namesakes:
        by_title[namesake.folded_title].add(namesake.author)
    shared = {name for names in by_title.values() if len(names) > 1 for name in names}
    return await fold(session, shared) if shared else {}


async def _books_by_isbn(session: AsyncSession, isbns: Collection[str]) -> dict[str, int]:
    statement = select(Book.isbn, Book.id).where(Book.isbn.in_(isbns))
    return {str(isbn): book_id for isbn, book_id in await session.execute(statement)}


async def _works_by_title(session: AsyncSession, titles: Collection[str]) -> list[_Namesake]:
    """Return the works with these folded titles, the oldest first."""
    first_author = (
        select(Contributor.name)
        .join(Contribution, Contribution.contributor_id == Contributor.id)
        .where(Contribution.work_id == Work.id)
        .order_by(Contribution.position)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(
            Work.id,
            Work.first_published,
            Work.series_number,
            Work.title,
            Work.folded_title,
            first_author,
        )
        .where(Work.folded_title == any_(cast(sorted(titles), ARRAY(Text))))
        .order_by(Work.id)
    )
    return [
        _Namesake(KnownWork(work_id, year, number), title, folded, author or "")
        for work_id, year, number, title, folded, author in await session.execute(statement)
    ]


async def _works_by_alias(
    session: AsyncSession, titles: Collection[str], others: Sequence[_Namesake]
) -> list[_Namesake]:
    """Return the works that had these titles before staff merged or renamed them.

    A work that is found under several names is one: all of them share its editions.
    """
    statement = (
        select(
            WorkAlias.work_id,
            WorkAlias.first_published,
            WorkAlias.series_number,
            WorkAlias.title,
            WorkAlias.folded_title,
            WorkAlias.author,
        )
        .where(WorkAlias.folded_title == any_(cast(sorted(titles), ARRAY(Text))))
        .order_by(WorkAlias.id)
    )
    known = {other.work.id: other.work for other in others}
    found = []
    for work_id, year, number, title, folded, author in await session.execute(statement):
        alias = KnownWork(work_id, year, number)
        first = known.setdefault(work_id, alias)
        alias.editions, alias.new_editions = first.editions, first.new_editions
        found.append(_Namesake(alias, title, folded, author))
    return found


async def _add_editions(session: AsyncSession, works: Sequence[KnownWork]) -> None:
    """Add the works' books without ISBN; of several in one format the oldest that is sold."""
    by_id = {work.id: work for work in works}
    statement = (
        select(Book.work_id, Book.format, Book.id)
        .where(Book.work_id.in_(by_id), Book.isbn.is_(None))
        .order_by(Book.deleted_at.is_(None), Book.id.desc())
    )
    for work_id, book_format, book_id in await session.execute(statement):
        by_id[work_id].editions[book_format] = book_id
