"""SQL for wish lists."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.wishlist.models import WishlistItem

MAX_ITEMS = 500


async def list_items(session: AsyncSession, *, user_id: int) -> Sequence[WishlistItem]:
    """Return the account's newest items, at most ``MAX_ITEMS``."""
    statement = (
        select(WishlistItem)
        .where(WishlistItem.user_id == user_id)
        .order_by(WishlistItem.id.desc())
        .limit(MAX_ITEMS)
    )
    return (await session.scalars(statement)).all()


async def insert_item(session: AsyncSession, *, user_id: int, book_id: int) -> WishlistItem | None:
    """Add a book; ``None`` when it is there already."""
    statement = (
        insert(WishlistItem)
        .values(user_id=user_id, book_id=book_id)
        .on_conflict_do_nothing()
        .returning(WishlistItem)
    )
    return (await session.scalars(statement)).one_or_none()


async def delete_item(session: AsyncSession, *, user_id: int, book_id: int) -> bool:
    """Take a book off; tell whether it was there."""
    statement = (
        delete(WishlistItem)
        .where(WishlistItem.user_id == user_id, WishlistItem.book_id == book_id)
        .returning(WishlistItem.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None
