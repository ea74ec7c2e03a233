"""SQL for checkouts in steps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, not_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order as RowOrder
from app.core.keyset import read_objects
from app.core.pagination import Slice, Window
from app.orders.checkout_models import Checkout
from app.orders.models import Order, OrderStatus
from app.orders.schemas import Buyer

NEWEST_FIRST = RowOrder(name="checkouts by id", keys=(Checkout.id.expression,), is_descending=True)


def _open_to(buyer: Buyer, *, checkout_id: int, now: datetime) -> ColumnElement[bool]:
    mine = (
        Checkout.user_id == buyer.user_id
        if buyer.user_id is not None
        else Checkout.guest_hash == buyer.guest_hash
    )
    return and_(Checkout.id == checkout_id, Checkout.expires_at > now, mine)


async def list_checkouts(session: AsyncSession, *, user_id: int, window: Window) -> Slice[Checkout]:
    """Return an account's checkouts that are still kept, the newest first."""
    statement = select(Checkout).where(Checkout.user_id == user_id)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def insert_checkout(session: AsyncSession, values: Mapping[str, Any]) -> Checkout:
    """Write a checkout."""
    statement = insert(Checkout).values(**values).returning(Checkout)
    return (await session.scalars(statement)).one()


async def find_checkout(
    session: AsyncSession, *, buyer: Buyer, checkout_id: int, now: datetime
) -> Checkout | None:
    """Return a buyer's own checkout, unless it has expired."""
    statement = (
        select(Checkout)
        .where(_open_to(buyer, checkout_id=checkout_id, now=now))
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def update_checkout(
    session: AsyncSession,
    *,
    buyer: Buyer,
    checkout_id: int,
    values: Mapping[str, Any],
    now: datetime,
) -> Checkout | None:
    """Change a buyer's own checkout; ``None`` when there is none, or it has expired."""
    statement = (
        update(Checkout)
        .where(_open_to(buyer, checkout_id=checkout_id, now=now))
        .values(**values)
        .returning(Checkout)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


CAME_TO_NOTHING = and_(
    Order.status.in_([OrderStatus.DECLINED, OrderStatus.CANCELLED]), Order.confirmed_at.is_(None)
)
"""What is true of an attempt that was never paid: declined at once, or given up later."""


async def find_order_of_checkout(
    session: AsyncSession, *, checkout_id: int, other_than: str | None = None
) -> int | None:
    """Return the order that a checkout became; attempts that came to nothing are none.

    ``other_than`` is the key of a request, whose own order is not looked for.
    """
    statement = select(Order.id).where(Order.checkout_id == checkout_id, not_(CAME_TO_NOTHING))
    if other_than is not None:
        key = func.coalesce(Order.guest_key, Order.idempotency_key)
        statement = statement.where(key != other_than)
    return (await session.scalars(statement.order_by(Order.id).limit(1))).one_or_none()


async def count_attempts(session: AsyncSession, *, checkout_id: int) -> int:
    """Return how often a checkout came to nothing."""
    statement = (
        select(func.count())
        .select_from(Order)
        .where(Order.checkout_id == checkout_id, CAME_TO_NOTHING)
    )
    return (await session.scalars(statement)).one()


async def delete_expired(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Forget checkouts that expired before a moment, up to a limit; return how many."""
    expired = (
        select(Checkout.id)
        .where(Checkout.expires_at < before)
        .order_by(Checkout.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = await session.scalars(
        delete(Checkout).where(Checkout.id.in_(expired)).returning(Checkout.id)
    )
    return len(deleted.all())
