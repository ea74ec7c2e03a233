"""The rules of the catalogue."""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import assignments, catalogue, listing, repository, stock, suggest
from app.books.assignments import Lists
from app.books.availability import SalesRule
from app.books.classification import BookClass, classify
from app.books.codes import DatePrecision
from app.books.errors import (
    BookNotFoundError,
    GenreConflictError,
    GenreNotFoundError,
    InvalidIsbnError,
    IsbnConflictError,
)
from app.books.isbn import parse_isbn
from app.books.measures import Measures, measure
from app.books.queries import BookQuery, BookSort
from app.books.repository import ShelfSort
from app.books.schemas import (
    BookCreate,
    BookPage,
    BookRead,
    BookSummary,
    BookUpdate,
    ContributorRead,
    EditionRead,
    GenreRead,
    Shelf,
    Suggestion,
)
from app.core.exceptions import AppError
from app.core.pagination import ListQuery, Slice
from app.core.schemas import MAX_ID

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

AUTHOR_SEPARATORS = re.compile(r"[|;]")

CONFLICTS: Mapping[str, tuple[type[AppError], str]] = {
    "uq_books_isbn": (IsbnConflictError, "isbn"),
    "fk_works_genre_id_genres": (GenreNotFoundError, "genre_id"),
}
"""What it means when a constraint refuses, and the field to blame."""


@dataclass(frozen=True)
class Offer:
    """What a buyer has to know of a book that is sold. ``on_hand`` copies can be bought now.

    No copy leaves the shop before ``on_sale_date``, or for where ``sales_rights`` forbid it; where
    the book ``takes_preorders``, copies on hand can be bought before that day.
    Shipping goes by ``measures``, promotions and laws on prices by ``kind``.
    """

    book_id: int
    title: str
    author: str
    isbn: str | None
    price: Decimal
    currency: str
    cover_image_url: str | None
    on_hand: int
    on_sale_date: date | None
    takes_preorders: bool
    sales_rights: Sequence[SalesRule]
    measures: Measures
    kind: BookClass


async def list_books(session: AsyncSession, *, query: BookQuery) -> BookPage:
    """Return a page of the books that are asked for; ``app.books.listing`` says how.

    Raises:
        CursorError: the cursor is not of this order, or a page is numbered beside it.
    """
    return await listing.list_books(session, query=query)


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
    contributors = await repository.list_contributors_of_work(session, work_id=row.work_id)
    editions = await repository.list_editions(session, work_id=row.work_id, except_book_id=book_id)
    return BookRead(
        **row._asdict(),
        genre=genre,
        contributors=[ContributorRead.model_validate(person) for person in contributors],
        editions=[EditionRead.model_validate(edition) for edition in editions],
        series_list=await catalogue.list_series_of_work(session, work_id=row.work_id),
        subjects=await catalogue.list_subjects_of_work(session, work_id=row.work_id),
    )


async def hold_book(session: AsyncSession, *, book_id: int) -> BookRead:
    """Return a book to staff who are about to change it; until they did, nobody else does.

    Raises:
        BookNotFoundError: no such book.
    """
    await repository.lock_book(session, book_id)
    return await get_book(session, book_id=book_id, is_staff=True)


async def get_book_by_isbn(session: AsyncSession, *, isbn: str) -> BookRead:
    """Return the book with an ISBN, in whatever spelling.

    Raises:
        BookNotFoundError: not an ISBN, no such book, or not sold.
    """
    try:
        wanted = parse_isbn(isbn)
    except InvalidIsbnError:
        raise BookNotFoundError from None
    book_id = await repository.find_book_id(session, isbn=wanted)
    if book_id is None:
        raise BookNotFoundError
    return await get_book(session, book_id=book_id)


async def find_book_id(session: AsyncSession, *, named: str) -> int:
    """Return the id of the book that somebody names, by ISBN in whatever spelling or by id.

    Raises:
        BookNotFoundError: neither is known.
    """
    try:
        found = await repository.find_book_id(session, isbn=parse_isbn(named))
    except InvalidIsbnError:
        is_id = named.isascii() and named.isdecimal() and 1 <= int(named[:11]) <= MAX_ID
        found = int(named) if is_id else None
    if found is None:
        raise BookNotFoundError
    return found


async def create_book(session: AsyncSession, *, book: BookCreate, currency: str) -> BookRead:
    """Add a book, with no copies yet, as the first edition of a new work.

    A deleted book with the same ISBN is sold again under its old id, with the new details, so
    that what readers said of it and wished for is found again.

    Raises:
        InvalidIsbnError: not an ISBN.
        IsbnConflictError: another book has it.
        GenreNotFoundError: no such genre.
    """
    fields, lists = assignments.split_lists(book, exclude_unset=False)
    work_values, book_values = _columns(fields)
    book_values["currency"] = currency
    async with _explained_conflicts(session):
        await _name_publishers(session, book_values)
        book_id = await _restore(session, work_values, book_values, lists)
        if book_id is None:
            work_id, book_id = await repository.insert_book(
                session, work=work_values, book=book_values
            )
            await _tell_all(session, work_id, work_values, lists)
    return await get_book(session, book_id=book_id, is_staff=True)


async def update_book(session: AsyncSession, *, book_id: int, change: BookUpdate) -> BookRead:
    """Change what is told of a book. Title, author and the like are its work's.

    Raises:
        BookNotFoundError: no such book.
        InvalidIsbnError: not an ISBN.
        IsbnConflictError: another book has it.
        GenreNotFoundError: no such genre.
    """
    fields, lists = assignments.split_lists(change, exclude_unset=True)
    work_values, book_values = _columns(fields)
    async with _explained_conflicts(session):
        await _name_publishers(session, book_values)
        await _update(session, book_id, work_values, book_values, lists)
    return await get_book(session, book_id=book_id, is_staff=True)


async def delete_book(session: AsyncSession, *, book_id: int, now: datetime) -> None:
    """Stop selling a book. Orders that have it keep it.

    Raises:
        BookNotFoundError: no such book.
    """
    if not await repository.delete_book(session, book_id=book_id, now=now):
        raise BookNotFoundError


async def set_stock(session: AsyncSession, *, book_id: int, quantity: int, actor: str) -> BookRead:
    """Make a book's stock what staff counted on the shelf.

    Raises:
        BookNotFoundError: no such book.
    """
    await stock.set_on_hand(session, book_id=book_id, quantity=quantity, actor=actor)
    return await get_book(session, book_id=book_id, is_staff=True)


async def list_genres(session: AsyncSession) -> list[GenreRead]:
    """Return all of the shop's genres by name."""
    genres = await repository.list_all_genres(session)
    return [GenreRead.model_validate(genre) for genre in genres]


async def read_genres(session: AsyncSession, *, query: ListQuery) -> Slice[GenreRead]:
    """Return a part of the shop's genres by name.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.GENRES_BY_NAME.name)
    found = await repository.list_genres(session, window=window)
    return found.map(GenreRead.model_validate)


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
    offers = {}
    for row in await repository.list_offers(session, book_ids=book_ids):
        offers[row.book_id] = Offer(
            book_id=row.book_id,
            title=row.title,
            author=row.author,
            isbn=row.isbn,
            price=row.price,
            currency=row.currency,
            cover_image_url=row.cover_image_url,
            on_hand=row.on_hand,
            on_sale_date=row.on_sale_date,
            takes_preorders=row.takes_preorders,
            sales_rights=[SalesRule.model_validate(right) for right in row.sales_rights or ()],
            measures=measure(row),
            kind=classify(row),
        )
    return offers


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
    session: AsyncSession, work: Mapping[str, Any], book: Mapping[str, Any], lists: Lists
) -> int | None:
    """Sell a deleted book with this ISBN again and return its id, if there is one."""
    if book["isbn"] is None:
        return None
    book_id = await repository.restore_book(session, isbn=book["isbn"])
    if book_id is not None:
        await _update(session, book_id, work, book, lists)
    return book_id


async def _update(
    session: AsyncSession,
    book_id: int,
    work: Mapping[str, Any],
    book: Mapping[str, Any],
    lists: Lists,
) -> None:
    work_id = await repository.update_book(session, book_id=book_id, work=work, book=book)
    if work_id is None:
        raise BookNotFoundError
    await _tell_all(session, work_id, work, lists)


async def _tell_all(
    session: AsyncSession, work_id: int, work: Mapping[str, Any], lists: Lists
) -> None:
    """Write down the people, series and subjects that a work's lines and lists tell of."""
    if "author" in work and "contributors" not in lists:
        names = contributor_names(work["author"])
        await repository.set_authors(session, work_id=work_id, names=names)
    if not work.keys().isdisjoint({"series", "series_number"}):
        await repository.set_first_series(session, work_ids=[work_id])
    await assignments.assign(session, work_id=work_id, lists=lists)


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
