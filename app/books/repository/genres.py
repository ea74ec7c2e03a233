"""SQL for the shop's genres."""

from collections.abc import Sequence

from sqlalchemy import Text, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Genre
from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window

GENRES_BY_NAME = Order(
    name="genres by name", keys=(func.search_fold(Genre.name, type_=Text), Genre.id.expression)
)


async def list_genres(session: AsyncSession, *, window: Window) -> Slice[Genre]:
    """Return the genres of a window, by name."""
    return await read_objects(session, select(Genre), order=GENRES_BY_NAME, window=window)


async def list_all_genres(session: AsyncSession) -> Sequence[Genre]:
    """Return all genres by name."""
    return (await session.scalars(select(Genre).order_by(func.search_fold(Genre.name)))).all()


async def find_genre_id(session: AsyncSession, *, slug: str) -> int | None:
    """Return a genre's id."""
    return await session.scalar(select(Genre.id).where(Genre.slug == slug))


async def insert_genre(session: AsyncSession, *, name: str, slug: str) -> Genre | None:
    """Write a genre; ``None`` when its name or slug is taken."""
    statement = insert(Genre).values(name=name, slug=slug).on_conflict_do_nothing().returning(Genre)
    return (await session.scalars(statement)).one_or_none()
