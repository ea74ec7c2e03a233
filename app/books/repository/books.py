"""SQL for books one by one: what a page shows of one, and changing it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.books.models import (
    Book,
    Contribution,
    Contributor,
    Genre,
    Publisher,
    Stock,
    Work,
)
from app.books.repository.filters import among
from app.books.repository.lists import summaries
from app.books.repository.trade_facts import AVAILABILITY, SALES_RIGHTS
from app.core.keyset import AnyRow

MAX_EDITIONS = 100

OFFERS = (
    select(
        Book.id.label("book_id"),
        Work.title,
        Work.author,
        Book.isbn,
        Book.price,
        Book.currency,
        Book.cover_image_url,
        Stock.on_hand,
        Book.on_sale_date,
        Book.takes_preorders,
        SALES_RIGHTS,
        Book.weight_g,
        Book.format,
        Book.product_form,
        Work.genre_id,
        Book.publisher_id,
        Book.imprint_id,
        Book.language,
        Book.publish_date,
        Book.publish_date_precision,
        Book.publish_year,
    )
    .select_from(Book)
    .join(Work)
    .join(Stock)
    .where(Book.id == any_(bindparam("book_ids", type_=ARRAY(Integer))), Book.is_sold)
)
"""Made once: every checkout sends it, and to build it takes longer than to run it."""


async def find_book(
    session: AsyncSession, book_id: int, *, with_unpriced: bool = False
) -> AnyRow | None:
    """Return a book that is sold, or just not deleted, with its publication and its genre."""
    imprint = aliased(Publisher)
    statement = (
        summaries()
        .add_columns(
            Book.work_id,
            Book.gtin,
            Publisher.name.label("publisher"),
            imprint.name.label("imprint"),
            Book.publisher_id,
            Book.imprint_id,
            Book.language,
            Work.original_language,
            Book.edition_statement,
            Book.pages,
            Book.minutes,
            Book.height_mm,
            Book.width_mm,
            Book.thickness_mm,
            Book.weight_g,
            Book.publish_date_precision,
            Book.on_sale_date,
            Work.short_description,
            Work.table_of_contents,
            Work.rating_histogram,
            Book.created_at,
            Book.updated_at,
            Genre.name.label("genre_name"),
            Genre.slug.label("genre_slug"),
        )
        .outerjoin(Genre, Genre.id == Work.genre_id)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
        .outerjoin(imprint, imprint.id == Book.imprint_id)
        .where(Book.id == book_id, Book.deleted_at.is_(None) if with_unpriced else Book.is_sold)
    )
    return (await session.execute(statement)).one_or_none()


async def find_book_id(session: AsyncSession, *, isbn: str) -> int | None:
    """Return the book that has the ISBN, sold or not."""
    return (await session.scalars(select(Book.id).where(Book.isbn == isbn))).one_or_none()


async def list_contributors_of_work(session: AsyncSession, *, work_id: int) -> Sequence[AnyRow]:
    """Return names and roles as on the title page."""
    statement = (
        select(Contributor.id, Contributor.name, Contribution.role)
        .join(Contribution.contributor)
        .where(Contribution.work_id == work_id)
        .order_by(Contribution.position)
    )
    return (await session.execute(statement)).all()


async def list_editions(
    session: AsyncSession, *, work_id: int, except_book_id: int
) -> Sequence[AnyRow]:
    """Return the work's other books that are sold, the cheapest first, at most a hundred."""
    statement = (
        select(
            Book.id,
            Book.isbn,
            Book.format,
            Book.price,
            Book.currency,
            (Stock.on_hand > 0).label("in_stock"),
            AVAILABILITY,
        )
        .join(Stock)
        .where(Book.work_id == work_id, Book.id != except_book_id, Book.is_sold)
        .order_by(Book.price, Book.id)
        .limit(MAX_EDITIONS)
    )
    return (await session.execute(statement)).all()


async def list_offers(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return what a buyer, and who sells to them, have to know of books that are sold."""
    return (await session.execute(OFFERS, {"book_ids": list(book_ids)})).all()


async def list_titles(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return titles and authors of books, sold or not."""
    statement = select(Book.id, Work.title, Work.author).join(Work).where(among(Book.id, book_ids))
    return (await session.execute(statement)).all()


async def list_edition_facts(
    session: AsyncSession, *, book_ids: Collection[int]
) -> Sequence[AnyRow]:
    """Return what belongs to whom among books, sold or not, and what their works are called."""
    statement = (
        select(
            Book.id.label("book_id"),
            Book.work_id,
            Work.title,
            Book.cover_image_url,
            Book.is_sold.label("is_sold"),
            Work.rating_count.label("review_count"),
        )
        .join(Work)
        .where(among(Book.id, book_ids))
    )
    return (await session.execute(statement)).all()


async def list_edition_ids(session: AsyncSession, *, work_id: int) -> Sequence[int]:
    """Return all books of a work, sold or not."""
    return (await session.scalars(select(Book.id).where(Book.work_id == work_id))).all()


async def hold_editions(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, int]:
    """Keep books at their works until the transaction ends; return the works' ids by theirs."""
    statement = (
        select(Book.id, Book.work_id)
        .where(among(Book.id, book_ids))
        .order_by(Book.id)
        .with_for_update(read=True)
    )
    return {row.id: row.work_id for row in await session.execute(statement)}


async def hold_works(session: AsyncSession, *, work_ids: Collection[int]) -> None:
    """Keep others from changing works until the transaction ends."""
    await session.execute(
        select(Work.id)
        .where(among(Work.id, work_ids))
        .order_by(Work.id)
        .with_for_update(key_share=True)
    )


async def insert_book(
    session: AsyncSession, *, work: Mapping[str, Any], book: Mapping[str, Any]
) -> tuple[int, int]:
    """Write a work, its book and an empty stock; return the work's and the book's ids."""
    work_id = (await session.scalars(insert(Work).values(**work).returning(Work.id))).one()
    statement = insert(Book).values(work_id=work_id, **book).returning(Book.id)
    book_id = (await session.scalars(statement)).one()
    await session.execute(insert(Stock).values(book_id=book_id))
    return work_id, book_id


async def lock_book(session: AsyncSession, book_id: int) -> None:
    """Keep a book, its work and its copies as they are until the transaction ends.

    What only refers to them, such as an order's line, need not wait.
    """
    await session.execute(
        select(Book.id)
        .join(Work)
        .join(Stock)
        .where(Book.id == book_id)
        .with_for_update(key_share=True)
    )


async def restore_book(session: AsyncSession, *, isbn: str) -> int | None:
    """Sell the deleted book with this ISBN again; return its id, if there is one."""
    statement = (
        update(Book)
        .where(Book.isbn == isbn, Book.deleted_at.is_not(None))
        .values(deleted_at=None)
        .returning(Book.id)
    )
    return (await session.scalars(statement)).one_or_none()


async def update_book(
    session: AsyncSession, *, book_id: int, work: Mapping[str, Any], book: Mapping[str, Any]
) -> int | None:
    """Change a book that is sold and its work; return the work's id, if there is such a book."""
    statement = (
        update(Book)
        .where(Book.id == book_id, Book.deleted_at.is_(None))
        .values(**book, updated_at=func.now())
        .returning(Book.work_id)
    )
    work_id = (await session.scalars(statement)).one_or_none()
    if work_id is not None and work:
        await session.execute(update(Work).where(Work.id == work_id).values(**work))
    return work_id


async def delete_book(session: AsyncSession, *, book_id: int, now: datetime) -> bool:
    """Stop selling a book; tell whether it was sold."""
    statement = (
        update(Book)
        .where(Book.id == book_id, Book.deleted_at.is_(None))
        .values(deleted_at=now)
        .returning(Book.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None
