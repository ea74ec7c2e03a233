"""SQL for wish lists."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window
from app.wishlist.models import WishlistItem, WishlistShare

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


async def set_notices(
    session: AsyncSession,
    *,
    user_id: int,
    book_id: int,
    changes: Mapping[str, bool | Decimal | None],
) -> WishlistItem | None:
    """Change what the account is told of a book on its list; ``None`` when it is not there."""
    statement = (
        update(WishlistItem)
        .where(WishlistItem.user_id == user_id, WishlistItem.book_id == book_id)
        .values(**changes)
        .returning(WishlistItem)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_item(session: AsyncSession, *, user_id: int, book_id: int) -> WishlistItem | None:
    """Return a book on the account's list."""
    return await session.scalar(
        select(WishlistItem).where(WishlistItem.user_id == user_id, WishlistItem.book_id == book_id)
    )


async def list_hoping(session: AsyncSession, *, book_id: int) -> Sequence[int]:
    """Return the accounts that want to hear that a book is back in stock."""
    statement = select(WishlistItem.user_id).where(
        WishlistItem.book_id == book_id, WishlistItem.notify_back_in_stock
    )
    return (await session.scalars(statement.order_by(WishlistItem.id))).all()


async def list_watched(
    session: AsyncSession, *, after_id: int, limit: int
) -> Sequence[WishlistItem]:
    """Return wishes whose price is watched, by id, after one of them."""
    statement = (
        select(WishlistItem)
        .where(WishlistItem.id > after_id, WishlistItem.price_seen.is_not(None))
        .order_by(WishlistItem.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def see_lower_price(session: AsyncSession, *, item_id: int, price: Decimal) -> Decimal | None:
    """Write down a price that is lower than the one seen, and return that; else do nothing."""
    seen = (
        select(WishlistItem.id, WishlistItem.price_seen)
        .where(WishlistItem.id == item_id, WishlistItem.price_seen > price)
        .with_for_update()
        .cte("seen")
    )
    statement = (
        update(WishlistItem)
        .where(WishlistItem.id == seen.c.id)
        .values(price_seen=price)
        .returning(seen.c.price_seen)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_share(session: AsyncSession, *, user_id: int, key: UUID) -> WishlistShare | None:
    """Share the account's list; ``None`` when it is shared already."""
    statement = (
        insert(WishlistShare)
        .values(user_id=user_id, key=key)
        .on_conflict_do_nothing(index_elements=[WishlistShare.user_id])
        .returning(WishlistShare)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_share(session: AsyncSession, *, user_id: int) -> WishlistShare | None:
    """Return how the account's list is shared."""
    return await session.get(WishlistShare, user_id)


async def find_sharing(session: AsyncSession, *, key: UUID) -> int | None:
    """Return whose list is shared under a key."""
    return await session.scalar(select(WishlistShare.user_id).where(WishlistShare.key == key))


async def delete_share(session: AsyncSession, *, user_id: int) -> None:
    """End the sharing of the account's list, if it is shared."""
    await session.execute(delete(WishlistShare).where(WishlistShare.user_id == user_id))


async def delete_item(session: AsyncSession, *, user_id: int, book_id: int) -> bool:
    """Take a book off; tell whether it was there."""
    statement = (
        delete(WishlistItem)
        .where(WishlistItem.user_id == user_id, WishlistItem.book_id == book_id)
        .returning(WishlistItem.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None
