"""SQL for lists of books: their order, their pages, their number."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, Stock, Work
from app.books.queries import BookSort, SortDirection
from app.books.repository.filters import BookFilter
from app.books.repository.trade_facts import AVAILABILITY
from app.core.keyset import AnyRow, AnySelect, Order, count_rows, read_slice
from app.core.pagination import Slice, Window

SUMMARY = (
    Book.id,
    Work.title,
    Work.subtitle,
    Work.author,
    Work.series,
    Work.series_number,
    Book.price,
    Book.currency,
    Book.isbn,
    Book.format,
    Work.genre_id,
    Work.description,
    Book.cover_image_url,
    Book.publish_date,
    Book.publish_year,
    Work.first_published,
    Stock.on_hand.label("stock_quantity"),
    Work.average_rating.label("avg_rating"),
    Work.rating_count.label("review_count"),
    AVAILABILITY,
)


SORTS_WITH_GAPS = {BookSort.DATE, BookSort.AVERAGE_RATING}


def book_order(sort: BookSort, direction: SortDirection) -> Order:
    """Return the order of books by something, one index serving both directions; gaps come last."""
    index_keys: int | None = 2
    keys: tuple[ColumnElement[Any], ...]
    match sort:
        case BookSort.TITLE:
            keys = (Work.folded_title.expression, Work.id.expression)
        case BookSort.AVERAGE_RATING:
            keys = (Work.average_rating.expression, Work.id.expression)
        case BookSort.PRICE:
            keys, index_keys = (Book.price.expression,), None
        case BookSort.DATE:
            keys, index_keys = (Book.published_on.expression,), None
        case BookSort.CREATED_AT:
            keys, index_keys = (Book.created_at.expression,), None
        case _:
            keys = (Work.popularity.expression, Work.id.expression)
    return Order(
        name=f"books {sort} {direction}",
        keys=(*keys, Book.id.expression),
        is_descending=direction is SortDirection.DESCENDING,
        has_gaps=sort in SORTS_WITH_GAPS,
        index_keys=index_keys,
    )


def order_by(sort: BookSort, direction: SortDirection) -> list[ColumnElement[Any]]:
    """Return the keys all in one direction, so that an index serves both; gaps come last."""
    return book_order(sort, direction).clauses()


def summaries() -> AnySelect:
    """Return what lists show of books, over books, their works and their stock."""
    return select(*SUMMARY).select_from(Book).join(Work).join(Stock)


async def list_books(
    session: AsyncSession, *, books: BookFilter, order: Order, window: Window
) -> Slice[AnyRow]:
    """Return summaries of the books of a window, in order."""
    return await read_slice(session, books.apply(summaries()), order=order, window=window)


async def list_summaries(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return summaries of the books that are sold, in no order."""
    statement = BookFilter(book_ids=book_ids).apply(summaries())
    return (await session.execute(statement)).all()


async def list_ids(session: AsyncSession, *, books: BookFilter) -> Sequence[int]:
    """Return the ids of the books, by id."""
    statement = books.apply(select(Book.id).join(Work)).order_by(Book.id)
    return (await session.scalars(statement)).all()


async def count_books(session: AsyncSession, *, books: BookFilter, limit: int) -> int:
    """Return how many books there are, and no more than the limit."""
    return await count_rows(session, books.apply(books.smallest_source()), limit=limit)
