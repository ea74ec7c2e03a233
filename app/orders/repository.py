"""SQL for orders."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus


def _with_lines_and_payment() -> Select[Order]:
    return (
        select(Order)
        .options(selectinload(Order.lines), joinedload(Order.payment))
        .execution_options(populate_existing=True)
    )


async def find_order(session: AsyncSession, order_id: int) -> Order | None:
    """Return an order with its lines and payment."""
    return await session.scalar(_with_lines_and_payment().where(Order.id == order_id))


async def find_by_key(session: AsyncSession, *, user_id: int, key: str) -> Order | None:
    """Return the order that a buyer placed with an idempotency key."""
    statement = _with_lines_and_payment().where(
        Order.user_id == user_id, Order.idempotency_key == key
    )
    return await session.scalar(statement)


async def list_orders(
    session: AsyncSession, *, user_id: int | None, before: int | None, limit: int
) -> Sequence[Order]:
    """Return orders, the newest first, of one account or of all; ``before`` is the last id seen."""
    statement = _with_lines_and_payment().order_by(Order.id.desc()).limit(limit)
    if user_id is not None:
        statement = statement.where(Order.user_id == user_id)
    if before is not None:
        statement = statement.where(Order.id < before)
    return (await session.scalars(statement)).all()


async def insert_order(session: AsyncSession, values: dict[str, Any]) -> int | None:
    """Write a pending order; ``None`` when the buyer used the idempotency key before."""
    statement = (
        insert(Order)
        .values(values)
        .on_conflict_do_nothing(index_elements=[Order.user_id, Order.idempotency_key])
        .returning(Order.id)
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_lines(session: AsyncSession, lines: list[dict[str, Any]]) -> None:
    """Write the lines of an order."""
    await session.execute(insert(OrderLine).values(lines))


async def insert_payment(
    session: AsyncSession,
    *,
    order_id: int,
    gateway: str,
    reference: str,
    token: str,
    amount: Decimal,
    currency: str,
) -> None:
    """Write the pending payment of an order."""
    await session.execute(
        insert(Payment).values(
            order_id=order_id,
            gateway=gateway,
            reference=reference,
            token=token,
            amount=amount,
            currency=currency,
        )
    )


async def confirm(session: AsyncSession, *, order_id: int, now: datetime) -> bool:
    """Turn a pending order into a confirmed one; tell whether it was still pending."""
    statement = (
        update(Order)
        .where(Order.id == order_id, Order.status == OrderStatus.PENDING)
        .values(status=OrderStatus.CONFIRMED, confirmed_at=now)
        .returning(Order.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def cancel(session: AsyncSession, *, order_id: int) -> int | None:
    """Turn a pending order into a cancelled one; return its buyer if it was still pending."""
    statement = (
        update(Order)
        .where(Order.id == order_id, Order.status == OrderStatus.PENDING)
        .values(status=OrderStatus.CANCELLED)
        .returning(Order.user_id)
    )
    return (await session.scalars(statement)).one_or_none()


async def set_payment(
    session: AsyncSession, *, order_id: int, status: PaymentStatus, failure: str | None
) -> None:
    """Write what the gateway said."""
    await session.execute(
        update(Payment).where(Payment.order_id == order_id).values(status=status, failure=failure)
    )


async def quantities(session: AsyncSession, *, order_id: int) -> dict[int, int]:
    """Return an order's copies by book."""
    statement = select(OrderLine.book_id, OrderLine.quantity).where(OrderLine.order_id == order_id)
    return {row.book_id: row.quantity for row in await session.execute(statement)}


async def list_overdue(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[Order]:
    """Return pending orders whose reservation has run out, with their payments."""
    statement = (
        select(Order)
        .options(joinedload(Order.payment))
        .where(Order.status == OrderStatus.PENDING, Order.reserved_until < now)
        .order_by(Order.reserved_until)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()
