"""SQL for what kind of books some are."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, Work
from app.books.repository.filters import among
from app.core.keyset import AnyRow


async def list_classes(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return genre, publishers, format, language and date of books, sold or not."""
    statement = (
        select(
            Book.id,
            Work.genre_id,
            Book.publisher_id,
            Book.imprint_id,
            Book.format,
            Book.language,
            Book.publish_date,
            Book.publish_date_precision,
            Book.publish_year,
        )
        .join(Work, Work.id == Book.work_id)
        .where(among(Book.id, book_ids))
    )
    return (await session.execute(statement)).all()
