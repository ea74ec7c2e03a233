"""Editions as others speak of them: by id, with the work that they belong to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import repository


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A book, sold or not, and how many readers review its work in public."""

    book_id: int
    work_id: int
    title: str
    cover_image_url: str | None
    is_sold: bool
    review_count: int


async def get_editions(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, Edition]:
    """Return books by id, also those that are no longer sold."""
    rows = await repository.list_edition_facts(session, book_ids=book_ids)
    return {row.book_id: Edition(**row._asdict()) for row in rows}


async def list_ids_of_work(session: AsyncSession, *, work_id: int) -> Sequence[int]:
    """Return all books of a work, sold or not."""
    return await repository.list_edition_ids(session, work_id=work_id)


async def hold(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, int]:
    """Return the works of books by the book's id.

    Until the transaction ends no book is moved to another work, and nobody else who holds an
    edition of the same works goes on.
    """
    works = await repository.hold_editions(session, book_ids=book_ids)
    await repository.hold_works(session, work_ids=set(works.values()))
    return works
