"""What shipping has to know of books: what they weigh, and whether they are downloaded."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import repository
from app.books.codes import BookFormat, is_download


@dataclass(frozen=True, kw_only=True)
class Measures:
    """A book's weight in grams, if it is known, and what kind of thing it is."""

    weight_g: int | None
    format: BookFormat
    is_download: bool


async def get_measures(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, Measures]:
    """Return the measures of books by id, also of those that are no longer sold."""
    return {
        row.id: Measures(
            weight_g=row.weight_g,
            format=row.format,
            is_download=is_download(row.format, row.product_form),
        )
        for row in await repository.list_measures(session, book_ids=book_ids)
    }
