"""SQL for the books: what was sold and paid back in a time."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ARRAY, DateTime, Row, Select, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.fulfilment_models import Paper, PaperKind, Refund, RefundState
from app.orders.models import Order, OrderStatus, Payment


class BookedOrder(NamedTuple):
    """An order as the books have it. ``refunded`` is what went back up to now.

    Gift cards paid ``gift_cards`` of the total, and the gateway the rest.
    """

    id: int
    number: str
    placed_at: datetime
    confirmed_at: datetime
    status: OrderStatus
    country: str | None
    currency: str
    discounts: Decimal
    shipping: Decimal
    tax: Decimal
    total: Decimal
    gift_cards: Decimal
    refunded: Decimal
    gateway: str | None
    payment_reference: str | None
    invoice_series: str | None
    invoice_number: int | None


async def list_booked(
    session: AsyncSession,
    *,
    since: datetime,
    until: datetime,
    behind: tuple[datetime, int] | None,
    limit: int,
) -> list[BookedOrder]:
    """Return orders that were paid in a time, in the order of their payment."""
    refunded = (
        select(func.coalesce(func.sum(Refund.amount), 0))
        .where(Refund.order_id == Order.id, Refund.state == RefundState.DONE)
        .correlate(Order)
        .scalar_subquery()
    )
    statement = (
        select(
            Order.id,
            Order.number,
            Order.created_at,
            Order.confirmed_at,
            Order.status,
            Order.shipping_address["country"].astext,
            Order.currency,
            Order.discount_total,
            Order.shipping_total,
            Order.tax_total,
            Order.total,
            Order.gift_card_total,
            refunded,
            Payment.gateway,
            Payment.reference,
            Paper.series,
            Paper.number,
        )
        .outerjoin(Payment, Payment.order_id == Order.id)
        .outerjoin(Paper, (Paper.order_id == Order.id) & (Paper.kind == PaperKind.INVOICE))
        .where(Order.confirmed_at >= since, Order.confirmed_at < until)
        .order_by(Order.confirmed_at, Order.id)
        .limit(limit)
    )
    if behind is not None:
        statement = statement.where(tuple_(Order.confirmed_at, Order.id) > behind)
    return [BookedOrder(*row) for row in await session.execute(statement)]


class DaySum(NamedTuple):
    """What was sold and what went back on a day, by its place in a row of days, in a currency."""

    day: int
    currency: str
    orders: int
    sold: Decimal
    refunds: int
    refunded: Decimal


async def sum_days(session: AsyncSession, *, bounds: Sequence[datetime]) -> list[DaySum]:
    """Return the sums of days on which something happened.

    Args:
        session: reads alone.
        bounds: the moments at which the days begin, and at which the last one ends.
    """
    days = literal(list(bounds), ARRAY(DateTime(timezone=True)))

    def part(*columns: object) -> Select[*tuple[object, ...]]:
        return select(*columns)  # type: ignore[call-overload, no-any-return]

    sold = part(
        func.width_bucket(Order.confirmed_at, days).label("day"),
        Order.currency.label("currency"),
        Order.total.label("sold"),
        literal(None, Refund.amount.type).label("refunded"),
    ).where(Order.confirmed_at >= bounds[0], Order.confirmed_at < bounds[-1])
    returned = part(
        func.width_bucket(Refund.decided_at, days),
        Refund.currency,
        literal(None, Order.total.type),
        Refund.amount,
    ).where(
        Refund.state == RefundState.DONE,
        Refund.decided_at >= bounds[0],
        Refund.decided_at < bounds[-1],
    )
    rows = union_all(sold, returned).subquery()
    statement = (
        select(
            rows.c.day,
            rows.c.currency,
            func.count(rows.c.sold),
            func.coalesce(func.sum(rows.c.sold), 0),
            func.count(rows.c.refunded),
            func.coalesce(func.sum(rows.c.refunded), 0),
        )
        .group_by(rows.c.day, rows.c.currency)
        .order_by(rows.c.day, rows.c.currency)
    )
    found: Sequence[Row[*tuple[object, ...]]] = (await session.execute(statement)).all()
    return [DaySum(*row) for row in found]  # type: ignore[arg-type]
