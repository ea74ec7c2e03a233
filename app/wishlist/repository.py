"""SQL for wish lists."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window
from app.wishlist.models import WishlistItem

NEWEST_FIRST = Order(name="wishes by id", keys=(WishlistItem.id.expression,), is_descending=True)


async def list_items(session: AsyncSession, *, user_id: int, window: Window) -> Slice[WishlistItem]:
    """Return the account's items, the newest first."""
    statement = select(WishlistItem).where(WishlistItem.user_id == user_id)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


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
