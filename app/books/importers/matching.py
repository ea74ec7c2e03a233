"""Which book of the catalogue a row is about, and which work a new book belongs to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers import landing_repository as repository
from app.books.importers.rows import BookRow, ImportedBook
from app.books.models import BookFormat

WorkKey = tuple[str, str]
"""Title and first author as the search compares them."""


@dataclass
class KnownWork:
    """A work of the catalogue, or one that a row of this batch is about to make (without id)."""

    id: int | None
    first_published: int | None
    series_number: str | None
    editions: dict[BookFormat, int] = field(default_factory=dict)
    """Ids of its books without ISBN and other bar code."""

    new_editions: dict[BookFormat, int] = field(default_factory=dict)
    """Lines of the batch's new books without ISBN."""

    def has_nameless(self, book_format: BookFormat) -> bool:
        """Tell whether it has, or is about to have, a book of this format without number."""
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
    """What the catalogue has of a batch.

    Books by ISBN or other bar code, works by row (its line) and by key, and by the number of their
    first edition where a row names it.
    """

    books: dict[str, int]
    keys: dict[int, WorkKey]
    works: dict[WorkKey, list[KnownWork]]
    named_works: dict[str, KnownWork]


@dataclass(frozen=True, slots=True)
class _Namesake:
    """A work that has the title of a row."""

    work: KnownWork
    title: str
    folded_title: str
    author: str


async def find_matches(session: AsyncSession, rows: Sequence[BookRow]) -> Matches:
    """Return the books that have the rows' numbers, and for other rows the works they may be of.

    Of several works the oldest comes first, now and whenever the same row is imported again.
    """
    numbers = [number for row in rows if (number := row.book.number)]
    books = await repository.find_by_number(session, numbers)
    others = [
        row
        for row in rows
        if row.book.number not in books and row.book.title is not None and row.book.first_name
    ]
    titles = await repository.fold(session, [str(row.book.title) for row in others])
    namesakes = await _works_by_title(session, set(titles.values()))
    namesakes += await _works_by_alias(session, set(titles.values()), namesakes)
    authors = await _fold_shared(session, others, titles, namesakes)

    keys = {
        row.line: _key(str(row.book.title), str(row.book.first_name), titles, authors)
        for row in others
    }
    works: dict[WorkKey, list[KnownWork]] = {key: [] for key in keys.values()}
    for namesake in namesakes:
        key = _key(
            namesake.title, namesake.author, {namesake.title: namesake.folded_title}, authors
        )
        if key in works:
            works[key].append(namesake.work)
    named = await _works_by_edition(session, others)
    await _add_editions(
        session, [*named.values(), *(work for found in works.values() for work in found)]
    )
    return Matches(books, keys, works, named)


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
        by_title.setdefault(titles[str(row.book.title)], set()).add(str(row.book.first_name))
    for namesake in namesakes:
        by_title[namesake.folded_title].add(namesake.author)
    shared = {name for names in by_title.values() if len(names) > 1 for name in names}
    return await repository.fold(session, shared) if shared else {}


async def _works_by_edition(session: AsyncSession, rows: Sequence[BookRow]) -> dict[str, KnownWork]:
    """Return the works whose first editions the rows name, by the number of that edition."""
    numbers = {number for row in rows if (number := row.book.edition_of)}
    found = await repository.find_works_by_number(session, numbers) if numbers else {}
    works = {
        row.id: KnownWork(row.id, row.first_published, row.series_number) for row in found.values()
    }
    return {number: works[row.id] for number, row in found.items()}


async def _works_by_title(session: AsyncSession, titles: Collection[str]) -> list[_Namesake]:
    """Return the works with these folded titles, the oldest first."""
    return [
        _Namesake(KnownWork(work_id, year, number), title, folded, author or "")
        for work_id, year, number, title, folded, author in await repository.find_by_title(
            session, titles
        )
    ]


async def _works_by_alias(
    session: AsyncSession, titles: Collection[str], others: Sequence[_Namesake]
) -> list[_Namesake]:
    """Return the works that had these titles before staff merged or renamed them.

    A work that is found under several names is one: all of them share its editions.
    """
    known = {other.work.id: other.work for other in others}
    found = []
    for work_id, year, number, title, folded, author in await repository.find_by_alias(
        session, titles
    ):
        alias = KnownWork(work_id, year, number)
        first = known.setdefault(work_id, alias)
        alias.editions, alias.new_editions = first.editions, first.new_editions
        found.append(_Namesake(alias, title, folded, author))
    return found


async def _add_editions(session: AsyncSession, works: Sequence[KnownWork]) -> None:
    """Add the works' books without number; of several in one format the oldest that is sold."""
    by_id: dict[int, list[KnownWork]] = {}
    for work in works:
        if work.id is not None:
            by_id.setdefault(work.id, []).append(work)
    editions = await repository.list_without_number(session, work_ids=by_id)
    for work_id, book_format, book_id in editions:
        for work in by_id[work_id]:
            work.editions[book_format] = book_id
