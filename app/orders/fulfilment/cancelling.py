"""Calling a confirmed order off: the copies go back on the shelf, the money to the buyer.

Coupons count as not used, gift cards that it paid with have their part again, and gift cards that
were bought with it end.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.outbox import publish
from app.orders import fulfilment_repository as repository
from app.orders.events import OrderCalledOff
from app.orders.fulfilment.shelf import put_on_shelf
from app.orders.fulfilment_models import EventKind, Reason
from app.orders.fulfilment_repository import Copies
from app.orders.gift_card_sales import withdraw_gift_cards
from app.orders.models import OrderStatus
from app.orders.moves import PAID, refuse_move, sources_of
from app.orders.refunds import refund_rest
from app.orders.repository import void_payment
from app.orders.timeline import BUYER, write_event
from app.promotions import service as coupons

BY_BUYER = frozenset({OrderStatus.CONFIRMED})
"""Once it is packed, the buyer sends it back instead."""

BY_STAFF = sources_of(OrderStatus.CANCELLED) & PAID
"""A pending order is the gateway's to decide: its payment may be under way."""


async def cancel_as_buyer(session: AsyncSession, *, order_id: int, now: datetime) -> None:
    """Call an order off that nobody has packed yet.

    Raises:
        OrderNotFoundError, MoveNotAllowedError: of the order.
        GiftCardUsedError: a gift card was bought with it, and spent from.
    """
    await _cancel(
        session,
        order_id=order_id,
        sources=BY_BUYER,
        reason=Reason.CHANGED_MIND,
        actor=BUYER,
        now=now,
    )


async def cancel_as_staff(
    session: AsyncSession, *, order_id: int, reason: Reason, actor: str, now: datetime
) -> None:
    """Call an order off of which nothing has left the shop.

    Raises:
        OrderNotFoundError, MoveNotAllowedError: of the order.
        GiftCardUsedError: a gift card was bought with it, and spent from.
    """
    await _cancel(session, order_id=order_id, sources=BY_STAFF, reason=reason, actor=actor, now=now)


async def _cancel(
    session: AsyncSession,
    *,
    order_id: int,
    sources: Collection[OrderStatus],
    reason: Reason,
    actor: str,
    now: datetime,
) -> None:
    to = OrderStatus.CANCELLED
    if not await repository.move(session, order_id=order_id, sources=sources, to=to, values={}):
        await refuse_move(session, order_id=order_id, to=to)
    quantities = Counter[int]()
    dropped = []
    unpaid = []
    for line in await repository.list_lines(session, order_id=order_id):
        quantities[line.book_id] += line.quantity - line.dropped
        dropped += [Copies(line.id, line.quantity - line.dropped)]
        unpaid += [Copies(line.id, line.quantity - line.refunded)]
    await repository.drop_rest(session, order_id=order_id)
    await coupons.release(session, order_id=order_id, now=now)  # first, as in a checkout
    await withdraw_gift_cards(session, order_id=order_id, copies=dropped, now=now)
    await void_payment(session, order_id=order_id)
    await write_event(
        session, order_id=order_id, kind=EventKind.CANCELLED, actor=actor, reason=reason
    )
    await publish(session, OrderCalledOff(order_id=order_id))
    await refund_rest(
        session,
        order_id=order_id,
        reason=reason,
        actor=actor,
        now=now,
        copies=[each for each in unpaid if each.quantity],
    )
    await put_on_shelf(
        session, order_id=order_id, quantities=+quantities, actor=actor, reason=reason
    )
