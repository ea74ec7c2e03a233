"""SQL that looks for orders, payments and refunds which break a promise."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Text, case, cast, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.fulfilment_models import EventKind, OrderEvent, Refund, RefundState, RefundWay
from app.orders.models import Order, OrderStatus, Payment, PaymentStatus
from app.orders.repository import was_confirmed
from app.promotions.models import GiftCard, GiftCardPayment

ONCE = (EventKind.PLACED, EventKind.CONFIRMED, EventKind.PAID, EventKind.DELIVERED)
"""What happens to an order at most once, whatever its gateway tells and how often."""


class GivenBack(NamedTuple):
    """An order, what refunds put back onto gift cards, and what its payments by them say."""

    order_id: int
    refunded: Decimal
    given_back: Decimal


class OtherCurrency(NamedTuple):
    """An order, and a currency that something of it has instead of the order's."""

    order_id: int
    currency: str
    other: str
    what: str


class Repeated(NamedTuple):
    """Orders of one buyer with one key, or what was told of an order more often than once."""

    subject: int
    what: str
    times: int


class StalePayment(NamedTuple):
    """A payment that waits although its order does not."""

    order_id: int
    order_status: OrderStatus
    status: PaymentStatus


class LateRefund(NamedTuple):
    """A pending refund that was to be asked about before."""

    id: int
    order_id: int
    ask_after: datetime
    attempts: int


async def list_wrongly_given_back(session: AsyncSession, *, limit: int) -> list[GivenBack]:
    """Return orders whose refunds onto gift cards are not what went back by their payments.

    What a given-up order spent goes back as well, but by no refund.
    """
    refunds = (
        select(Refund.order_id, func.sum(Refund.amount).label("amount"))
        .where(Refund.way == RefundWay.GIFT_CARDS, Refund.state != RefundState.FAILED)
        .group_by(Refund.order_id)
        .subquery()
    )
    payments = (
        select(GiftCardPayment.order_id, func.sum(GiftCardPayment.given_back).label("amount"))
        .group_by(GiftCardPayment.order_id)
        .subquery()
    )
    refunded = func.coalesce(refunds.c.amount, 0)
    given_back = case((was_confirmed(), func.coalesce(payments.c.amount, 0)), else_=0)
    statement = (
        select(Order.id, refunded, given_back)
        .outerjoin(refunds, refunds.c.order_id == Order.id)
        .outerjoin(payments, payments.c.order_id == Order.id)
        .where(refunded != given_back)
        .order_by(Order.id)
        .limit(limit)
    )
    return [GivenBack(*row) for row in await session.execute(statement)]


async def list_other_currencies(session: AsyncSession, *, limit: int) -> list[OtherCurrency]:
    """Return orders of which a refund, or a gift card that paid, has another currency."""
    refunds = (
        select(Order.id, Order.currency, Refund.currency, literal("a refund"))
        .join(Refund, Refund.order_id == Order.id)
        .where(Refund.currency != Order.currency)
    )
    cards = (
        select(Order.id, Order.currency, GiftCard.currency, literal("a gift card"))
        .join(GiftCardPayment, GiftCardPayment.order_id == Order.id)
        .join(GiftCard, GiftCard.id == GiftCardPayment.gift_card_id)
        .where(GiftCard.currency != Order.currency)
    )
    rows = await session.execute(union_all(refunds, cards).limit(limit))
    return [OtherCurrency(*row) for row in rows]


async def list_repeated_orders(session: AsyncSession, *, limit: int) -> list[Repeated]:
    """Return the first order of each buyer's key, or of each checkout, that made several."""
    times = func.count()
    first = func.min(Order.id)
    by_account = (
        select(first, literal("orders with one key of an account"), times)
        .where(Order.user_id.is_not(None))
        .group_by(Order.user_id, Order.idempotency_key)
        .having(times > 1)
    )
    by_guest = (
        select(first, literal("orders with one key of a guest"), times)
        .where(Order.guest_hash.is_not(None), Order.guest_key.is_not(None))
        .group_by(Order.guest_hash, Order.guest_key)
        .having(times > 1)
    )
    by_checkout = (
        select(first, literal("orders of one checkout"), times)
        .where(
            Order.checkout_id.is_not(None),
            or_(Order.status == OrderStatus.PENDING, was_confirmed()),
        )
        .group_by(Order.checkout_id)
        .having(times > 1)
    )
    rows = await session.execute(union_all(by_account, by_guest, by_checkout).limit(limit))
    return [Repeated(*row) for row in rows]


async def list_repeated_effects(session: AsyncSession, *, limit: int) -> list[Repeated]:
    """Return orders that became something twice, or of which one refund was paid twice."""
    times = func.count()
    moves = (
        select(OrderEvent.order_id, cast(OrderEvent.kind, Text), times)
        .where(OrderEvent.kind.in_(ONCE))
        .group_by(OrderEvent.order_id, OrderEvent.kind)
        .having(times > 1)
    )
    decided = (EventKind.REFUNDED, EventKind.REFUND_FAILED)
    refund_id = OrderEvent.data["refund_id"].astext
    refunds = (
        select(OrderEvent.order_id, func.concat("decided on refund ", refund_id), times)
        .where(OrderEvent.kind.in_(decided))
        .group_by(OrderEvent.order_id, refund_id)
        .having(times > 1)
    )
    rows = await session.execute(union_all(moves, refunds).limit(limit))
    return [Repeated(*row) for row in rows]


async def list_stale_payments(session: AsyncSession, *, limit: int) -> list[StalePayment]:
    """Return payments that a gateway is to decide on, of orders that are decided."""
    waiting = [PaymentStatus.PENDING, PaymentStatus.NEEDS_ACTION]
    statement = (
        select(Order.id, Order.status, Payment.status)
        .join(Payment, Payment.order_id == Order.id)
        .where(Payment.status.in_(waiting), Order.status != OrderStatus.PENDING)
        .order_by(Order.id)
        .limit(limit)
    )
    return [StalePayment(*row) for row in await session.execute(statement)]


async def list_late_refunds(
    session: AsyncSession, *, before: datetime, limit: int
) -> list[LateRefund]:
    """Return pending refunds that were to be asked about before a moment."""
    statement = (
        select(Refund.id, Refund.order_id, Refund.ask_after, Refund.attempts)
        .where(Refund.state == RefundState.PENDING, Refund.ask_after < before)
        .order_by(Refund.ask_after)
        .limit(limit)
    )
    return [LateRefund(*row) for row in await session.execute(statement)]
