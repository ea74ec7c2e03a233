"""The rules of the catalogue."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import highlights, repository, search, stock, suggest
from app.books.codes import DatePrecision
from app.books.errors import (
    BookNotFoundError,
    GenreConflictError,
    GenreNotFoundError,
    IsbnConflictError,
)
from app.books.isbn import parse_isbn
from app.books.repository import BookFilter, ShelfSort
from app.books.schemas import (
    BookCreate,
    BookPage,
    BookQuery,
    BookRead,
    BookSort,
    BookSummary,
    BookUpdate,
    ContributorRead,
    EditionRead,
    GenreRead,
    Highlights,
    Shelf,
    SortDirection,
    Suggestion,
)
from app.core.exceptions import AppError

MAX_EXACT_TOTAL = 1_000
SHELF_BOOKS = 8
GENRE_SHELVES = 4
SHOP_SHELVES: Sequence[tuple[str, ShelfSort]] = (
    ("Most read", BookSort.BESTSELLING),
    ("New in the shop", BookSort.CREATED_AT),
)

WORK_FIELDS = {
    "title",
    "subtitle",
    "author",
    "series",
    "series_number",
    "short_description",
    "description",
    "table_of_contents",
    "genre_id",
    "original_language",
}
"""What a book's schema tells about its work; everything else is the edition's."""

ASCENDING_BY_NATURE = {BookSort.TITLE, BookSort.PRICE}
AUTHOR_SEPARATORS = re.compile(r"[|;]")

CONFLICTS: Mapping[str, tuple[type[AppError], str]] = {
    "uq_books_isbn": (IsbnConflictError, "isbn"),
    "fk_works_genre_id_genres": (GenreNotFoundError, "genre_id"),
}
"""What it means when a constraint refuses, and the field to blame."""


@dataclass(frozen=True)
class Offer:
    """What a buyer has to know of a book that is sold. ``on_hand`` copies can be bought now."""

    book_id: int
    title: str
    author: str
    isbn: str | None
    price: Decimal
    currency: str
    cover_image_url: str | None
    on_hand: int


async def list_books(session: AsyncSession, *, query: BookQuery) -> BookPage:
    """Return a page of the books that are asked for.

    ``total`` is exact to a thousand books, or to as many as a search ranks; ``total_is_exact``
    tells. A search for which nothing is found is repeated with its spelling repaired.
    """
    author = await search.split_words(session, query.author) if query.author else ()
    if query.author and not author:  # nothing but punctuation is nobody's name
        return BookPage(items=[], total=0, total_is_exact=True, page=query.page, size=query.size)
    books = BookFilter(
        author=search.author_query(author),
        genre_id=query.genre_id,
        min_price=query.min_price,
        max_price=query.max_price,
    )
    if query.q is not None:
        return await _list_found(session, text=query.q, query=query, books=books)
    count = await repository.count_books(session, books=books, limit=MAX_EXACT_TOTAL + 1)
    return BookPage(
        items=await _list_sorted(session, query=query, books=books),
        total=min(count, MAX_EXACT_TOTAL),
        total_is_exact=count <= MAX_EXACT_TOTAL,
        page=query.page,
        size=query.size,
    )


async def suggest_books(session: AsyncSession, *, text: str) -> list[Suggestion]:
    """Return works, people and series that somebody may be about to type."""
    return await suggest.suggest(session, text=text)


async def get_book(session: AsyncSession, *, book_id: int, is_staff: bool = False) -> BookRead:
    """Return a book with its genre, its contributors and its work's other editions.

    Staff also see what is not sold for want of a price.

    Raises:
        BookNotFoundError: no such book, or not sold.
    """
    row = await repository.find_book(session, book_id, with_unpriced=is_staff)
    if row is None:
        raise BookNotFoundError
    genre = (
        None
        if row.genre_id is None
        else GenreRead(id=row.genre_id, name=row.genre_name, slug=row.genre_slug)
    )
    contributors = await repository.list_contributors(session, work_id=row.work_id)
    editions = await repository.list_editions(session, work_id=row.work_id, except_book_id=book_id)
    return BookRead(
        **row._asdict(),
        genre=genre,
        contributors=[ContributorRead.model_validate(person) for person in contributors],
        editions=[EditionRead.model_validate(edition) for edition in editions],
    )


async def create_book(session: AsyncSession, *, book: BookCreate, currency: str) -> BookRead:
    """Add a book, with no copies yet, as the first edition of a new work.

    A deleted book with the same ISBN is sold again under its old id, with the new details, so
    that what readers said of it and wished for is found again.

    Raises:
        InvalidIsbnError: not an ISBN.
        IsbnConflictError: another book has it.
        GenreNotFoundError: no such genre.
    """
    work_values, book_values = _columns(book.model_dump())
    book_values["currency"] = currency
    async with _explained_conflicts(session):
        await _name_publishers(session, book_values)
        book_id = await _restore(session, work_values, book_values)
        if book_id is None:
            work_id, book_id = await repository.insert_book(
                session, work=work_values, book=book_values
            )
            names = contributor_names(book.author)
            await repository.set_authors(session, work_id=work_id, names=names)
            await repository.set_first_series(session, work_ids=[work_id])
    return await get_book(session, book_id=book_id, is_staff=True)


async def update_book(session: AsyncSession, *, book_id: int, change: BookUpdate) -> BookRead:
    """Change what is told of a book. Title, author and the like are its work's.

    Raises:
        BookNotFoundError: no such book.
        InvalidIsbnError: not an ISBN.
        IsbnConflictError: another book has it.
        GenreNotFoundError: no such genre.
    """
    work_values, book_values = _columns(change.model_dump(exclude_unset=True))
    async with _explained_conflicts(session):
        await _name_publishers(session, book_values)
        await _update(session, book_id, work_values, book_values)
    return await get_book(session, book_id=book_id, is_staff=True)


async def delete_book(session: AsyncSession, *, book_id: int, now: datetime) -> None:
    """Stop selling a book. Orders that have it keep it.

    Raises:
        BookNotFoundError: no such book.
    """
    if not await repository.delete_book(session, book_id=book_id, now=now):
        raise BookNotFoundError


async def set_stock(session: AsyncSession, *, book_id: int, quantity: int) -> BookRead:
    """Make a book's stock what staff counted on the shelf.

    Raises:
        BookNotFoundError: no such book.
    """
    await stock.set_on_hand(session, book_id=book_id, quantity=quantity)
    return await get_book(session, book_id=book_id, is_staff=True)


async def list_genres(session: AsyncSession) -> list[GenreRead]:
    """Return the shop's genres by name."""
    return [GenreRead.model_validate(genre) for genre in await repository.list_genres(session)]


async def create_genre(session: AsyncSession, *, name: str) -> GenreRead:
    """Add a genre.

    Raises:
        GenreConflictError: there is one of this name, or one that differs in case or punctuation.
    """
    slug = "-".join(re.findall(r"\w+", name.casefold()))
    genre = await repository.insert_genre(session, name=name, slug=slug)
    if genre is None:
        raise GenreConflictError(field="name")
    return GenreRead.model_validate(genre)


async def get_offers(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, Offer]:
    """Return the offers of the books that are sold, by id; the others are left out."""
    rows = await repository.list_offers(session, book_ids=book_ids)
    return {row.id: Offer(*row) for row in rows}


async def get_titles(
    session: AsyncSession, *, book_ids: Collection[int]
) -> dict[int, tuple[str, str]]:
    """Return title and author of books by id, also of those that are no longer sold."""
    rows = await repository.list_titles(session, book_ids=book_ids)
    return {row.id: (row.title, row.author) for row in rows}


async def home_shelves(session: AsyncSession) -> list[Shelf]:
    """Return what the home page shows: the most read, the newest, the favourites of some genres.

    Of each work one edition is shown; empty shelves are left out.
    """
    shelves = []
    for title, sort in SHOP_SHELVES:
        rows = await repository.list_shelf(session, sort=sort, limit=SHELF_BOOKS)
        books = [BookSummary.model_validate(row) for row in rows]
        shelves.append(Shelf(title=title, sort=sort, books=books))
    rows = await repository.list_genre_shelves(session, shelves=GENRE_SHELVES, books=SHELF_BOOKS)
    for title, group in groupby(rows, key=lambda row: str(row.shelf)):
        books = [BookSummary.model_validate(row) for row in group]
        shelves.append(
            Shelf(title=title, sort=BookSort.BESTSELLING, genre_id=books[0].genre_id, books=books)
        )
    return [shelf for shelf in shelves if shelf.books]


def contributor_names(author: str) -> list[str]:
    """Return the people that an author line names, once each; ``|`` and ``;`` separate them.

    A comma or "and" does not: they are part of names ("Tolkien, J. R. R.", "Simon and Schuster").
    """
    names = (name.strip() for name in AUTHOR_SEPARATORS.split(author))
    return list(dict.fromkeys(name for name in names if name)) or [author]


async def _list_found(
    session: AsyncSession, *, text: str, query: BookQuery, books: BookFilter
) -> BookPage:
    outcome = await search.find_books(session, text=text, books=books)
    found = outcome.book_ids
    if query.sort in {None, BookSort.RELEVANCE}:
        shown = found[query.offset : query.offset + query.size]
        items = await _list_in_order(session, shown)
    else:
        items = await _list_sorted(session, query=query, books=BookFilter(book_ids=found))
    return BookPage(
        items=items,
        total=len(found),
        total_is_exact=outcome.is_complete,
        corrected_query=outcome.corrected_query,
        suggested_query=outcome.suggested_query,
        highlights=await _highlight(session, items, words=outcome.words),
        page=query.page,
        size=query.size,
    )


async def _highlight(
    session: AsyncSession, books: Sequence[BookSummary], *, words: Sequence[str]
) -> dict[int, Highlights]:
    """Return where the books of a page have the words that were searched for."""
    if not words or not books:
        return {}
    texts = [text for book in books for text in (book.title, book.author, book.series) if text]
    folded = await search.fold_texts(session, texts=highlights.list_words(texts))

    def ranges(text: str | None) -> list[tuple[int, int]]:
        return highlights.find_ranges(text or "", folded=folded, words=words)

    return {
        book.id: Highlights(
            title=ranges(book.title), author=ranges(book.author), series=ranges(book.series)
        )
        for book in books
    }


async def _list_sorted(
    session: AsyncSession, *, query: BookQuery, books: BookFilter
) -> list[BookSummary]:
    sort = BookSort.BESTSELLING if query.sort in {None, BookSort.RELEVANCE} else query.sort
    natural = SortDirection.ASCENDING if sort in ASCENDING_BY_NATURE else SortDirection.DESCENDING
    rows = await repository.list_books(
        session,
        books=books,
        sort=sort,
        direction=query.sort_dir or natural,
        offset=query.offset,
        limit=query.size,
    )
    return [BookSummary.model_validate(row) for row in rows]


async def _list_in_order(session: AsyncSession, book_ids: Sequence[int]) -> list[BookSummary]:
    rows = await repository.list_books(
        session,
        books=BookFilter(book_ids=book_ids),
        sort=BookSort.CREATED_AT,
        direction=SortDirection.DESCENDING,
        offset=0,
        limit=len(book_ids),
    )
    summaries = {row.id: BookSummary.model_validate(row) for row in rows}
    return [summaries[book_id] for book_id in book_ids if book_id in summaries]


def _columns(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of the work's and of the book's columns."""
    work = {name: value for name, value in fields.items() if name in WORK_FIELDS}
    book = {name: value for name, value in fields.items() if name not in WORK_FIELDS}
    if book.get("isbn") is not None:
        book["isbn"] = parse_isbn(book["isbn"])
    if "publish_date" in book:
        published = book["publish_date"]
        book["publish_year"] = published.year if published else None
        book["publish_date_precision"] = DatePrecision.DAY
    return work, book


async def _restore(
    session: AsyncSession, work: Mapping[str, Any], book: Mapping[str, Any]
) -> int | None:
    """Sell a deleted book with this ISBN again and return its id, if there is one."""
    if book["isbn"] is None:
        return None
    book_id = await repository.restore_book(session, isbn=book["isbn"])
    if book_id is not None:
        await _update(session, book_id, work, book)
    return book_id


async def _update(
    session: AsyncSession, book_id: int, work: Mapping[str, Any], book: Mapping[str, Any]
) -> None:
    work_id = await repository.update_book(session, book_id=book_id, work=work, book=book)
    if work_id is None:
        raise BookNotFoundError
    if "author" in work:
        names = contributor_names(work["author"])
        await repository.set_authors(session, work_id=work_id, names=names)
    if not work.keys().isdisjoint({"series", "series_number"}):
        await repository.set_first_series(session, work_ids=[work_id])


async def _name_publishers(session: AsyncSession, book: dict[str, Any]) -> None:
    """Replace the names of publisher and imprint by their ids."""
    named = {column: book.pop(column) for column in ("publisher", "imprint") if column in book}
    ids = await repository.publisher_ids(session, [name for name in named.values() if name])
    book |= {f"{column}_id": ids.get(name) for column, name in named.items()}


@asynccontextmanager
async def _explained_conflicts(session: AsyncSession) -> AsyncIterator[None]:
    """Say what a constraint that refuses means; what the block did is undone then."""
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        constraint = str(getattr(error.driver_exception, "constraint_name", None))
        if constraint not in CONFLICTS:
            raise
        explanation, field = CONFLICTS[constraint]
        raise explanation(field=field) from None
