"""SQL for the shelves of the home page."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.books.models import Book, Genre, Stock, Work
from app.books.queries import BookSort
from app.books.repository.lists import SUMMARY
from app.core.keyset import AnyRow, AnySelect

ShelfSort: TypeAlias = Literal[BookSort.BESTSELLING, BookSort.CREATED_AT]

SHELF_ORDERS: Mapping[ShelfSort, Sequence[ColumnElement[Any]]] = {
    BookSort.BESTSELLING: (Work.popularity.desc(), Work.id.desc()),
    BookSort.CREATED_AT: (Work.id.desc(),),
}


def works_by_best_edition() -> AnySelect:
    """Return summaries of one edition per work: one that can be bought now, or else the first."""
    edition, copies = aliased(Book), aliased(Stock)
    best = (
        select(edition.id)
        .join(copies, copies.book_id == edition.id)
        .where(edition.work_id == Work.id, edition.is_sold)
        .order_by((copies.on_hand > 0).desc(), edition.id)
        .limit(1)
        .lateral("best")
    )
    return (
        select(*SUMMARY)
        .select_from(Work)
        .join(best, true())
        .join(Book, Book.id == best.c.id)
        .join(Stock, Stock.book_id == Book.id)
    )


async def list_shelf(session: AsyncSession, *, sort: ShelfSort, limit: int) -> Sequence[AnyRow]:
    """Return summaries of the first works in order."""
    statement = works_by_best_edition().order_by(*SHELF_ORDERS[sort]).limit(limit)
    return (await session.execute(statement)).all()


async def list_genre_shelves(
    session: AsyncSession, *, shelves: int, books: int
) -> Sequence[AnyRow]:
    """Return the most read works of the genres whose favourites are the most read.

    The rows are summaries with ``shelf``, the genre's name; a genre's rows stand together.
    """
    fame = (
        select(func.max(Work.popularity).label("popularity"))
        .where(Work.genre_id == Genre.id)
        .lateral()
    )
    famous = (
        select(Genre.id, Genre.name.label("shelf"), fame.c.popularity)
        .join(fame, true())
        .where(fame.c.popularity.is_not(None))
        .order_by(fame.c.popularity.desc(), Genre.id)
        .limit(shelves)
        .subquery()
    )
    favourites = (
        works_by_best_edition()
        .add_columns(Work.popularity, Work.id.label("work_id"))
        .where(Work.genre_id == famous.c.id)
        .order_by(*SHELF_ORDERS[BookSort.BESTSELLING])
        .limit(books)
        .lateral()
    )
    statement = (
        select(famous.c.shelf, favourites)
        .join(favourites, true())
        .order_by(
            famous.c.popularity.desc(),
            famous.c.id,
            favourites.c.popularity.desc(),
            favourites.c.work_id.desc(),
        )
    )
    return (await session.execute(statement)).all()
