"""Copies leave the shop: packed, in one parcel or several, or over the counter.

Each act begins with the order's own conditional update, which locks it, so that two who work on
one order come one after the other.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.outbox import publish
from app.orders import fulfilment_repository as repository
from app.orders.due import record_payment_if_due
from app.orders.errors import NothingLeftError
from app.orders.events import OrderDelivered, OrderReadyToCollect, OrderShipped
from app.orders.fulfilment_models import EventKind
from app.orders.fulfilment_repository import Copies
from app.orders.fulfilment_schemas import ShipmentCreate
from app.orders.models import OrderLine, OrderStatus
from app.orders.moves import move
from app.orders.preorders import find_embargoed, refuse_embargoed
from app.orders.refunds import refuse_copies
from app.orders.repository import list_gift_card_lines
from app.orders.timeline import SHOP, write_event
from app.promotions import gift_cards

NOTHING_SENT = frozenset({OrderStatus.CONFIRMED, OrderStatus.PACKED, OrderStatus.READY_TO_COLLECT})


async def pack(session: AsyncSession, *, order_id: int, actor: str) -> None:
    """Say that an order is packed; its buyer can no longer call it off.

    Raises:
        OrderNotFoundError, MoveNotAllowedError, OrderEmbargoedError
    """
    await move(session, order_id=order_id, to=OrderStatus.PACKED)
    await refuse_embargoed(session, order_id=order_id)
    await write_event(session, order_id=order_id, kind=EventKind.PACKED, actor=actor)


async def ship(session: AsyncSession, *, order_id: int, parcel: ShipmentCreate, actor: str) -> int:
    """Send a parcel with some copies, or with all that are left and may leave; return its id.

    The order is shipped when the last copy has left that is not dropped. Publishes
    ``OrderShipped``.

    Raises:
        OrderNotFoundError, MoveNotAllowedError: of the order.
        LineNotFoundError, TooManyCopiesError, NothingLeftError, OrderEmbargoedError: of the
            copies. Nothing is sent: the transaction is to be undone.
    """
    await move(session, order_id=order_id, to=OrderStatus.PARTLY_SHIPPED)
    copies = await _what_to_send(session, order_id=order_id, parcel=parcel)
    for each in copies:
        if not await repository.count_lines(
            session,
            order_id=order_id,
            copies=each,
            counter=OrderLine.sent,
            limit=OrderLine.quantity - OrderLine.dropped,
        ):
            await refuse_copies(session, order_id=order_id, line_id=each.line_id)
    shipment_id = await repository.insert_shipment(
        session,
        order_id=order_id,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        tracking_url=parcel.tracking_url,
        copies=copies,
    )
    await finish_if_all_left(session, order_id=order_id)
    await write_event(
        session,
        order_id=order_id,
        kind=EventKind.SHIPPED,
        actor=actor,
        shipment_id=shipment_id,
        copies=sum(each.quantity for each in copies),
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
    )
    await publish(session, OrderShipped(order_id=order_id, shipment_id=shipment_id))
    return shipment_id


async def finish_if_all_left(session: AsyncSession, *, order_id: int) -> None:
    """Call a partly shipped order shipped if no copy of it is left to send."""
    lines = await repository.list_lines(session, order_id=order_id)
    if not any(to_send(line) for line in lines):
        await move(session, order_id=order_id, to=OrderStatus.SHIPPED)


def to_send(line: OrderLine) -> int:
    """Return how many copies of a line are still to leave."""
    return line.quantity - line.sent - line.dropped


async def make_ready(session: AsyncSession, *, order_id: int, actor: str) -> None:
    """Say that an order waits at the counter. Publishes ``OrderReadyToCollect``.

    Raises:
        OrderNotFoundError, MoveNotAllowedError, OrderEmbargoedError
    """
    await move(session, order_id=order_id, to=OrderStatus.READY_TO_COLLECT)
    await refuse_embargoed(session, order_id=order_id)
    await write_event(session, order_id=order_id, kind=EventKind.READY_TO_COLLECT, actor=actor)
    await publish(session, OrderReadyToCollect(order_id=order_id))


async def deliver(session: AsyncSession, *, order_id: int, actor: str) -> None:
    """Say that the buyer has everything, by parcel or over the counter.

    What was not sent is handed over with this, and what was to be paid at the counter is paid.
    Publishes ``OrderDelivered``.

    Raises:
        OrderNotFoundError, MoveNotAllowedError, OrderEmbargoedError
    """
    await move(session, order_id=order_id, to=OrderStatus.DELIVERED)
    await refuse_embargoed(session, order_id=order_id)
    await repository.send_rest(session, order_id=order_id)
    if await record_payment_if_due(session, order_id=order_id):
        await write_event(session, order_id=order_id, kind=EventKind.PAID, actor=actor)
    await write_event(session, order_id=order_id, kind=EventKind.DELIVERED, actor=actor)
    await publish(session, OrderDelivered(order_id=order_id))


async def deliver_gift_cards(session: AsyncSession, *, gift_card_id: int) -> None:
    """Deliver the order that an issued gift card was bought with, if nothing is left to send.

    So it is where all of its copies that are not dropped are gift cards: they were issued together,
    and what issued them has each mailed. It can be repeated, and does nothing then; nor where the
    buyer has deleted the account, so that nobody is written to.
    """
    line_id = await gift_cards.find_order_line(session, gift_card_id=gift_card_id)
    if line_id is None:
        return
    order_id = await repository.find_order_of_line(session, line_id=line_id)
    if not await repository.lock_in(session, order_id=order_id, statuses=NOTHING_SENT):
        return
    cards = await list_gift_card_lines(session, order_id=order_id)
    bought = {line.id for line in cards if line.email is not None}
    lines = await repository.list_lines(session, order_id=order_id)
    if all(line.id in bought for line in lines if to_send(line)):
        await deliver(session, order_id=order_id, actor=SHOP)


async def _what_to_send(
    session: AsyncSession, *, order_id: int, parcel: ShipmentCreate
) -> Sequence[Copies]:
    if parcel.lines is not None:
        asked = sorted(Copies(line.line_id, line.quantity) for line in parcel.lines)
        line_ids = {each.line_id for each in asked}
        await refuse_embargoed(session, order_id=order_id, line_ids=line_ids)
        return asked
    lines = await repository.list_lines(session, order_id=order_id)
    held = await find_embargoed(session, order_id=order_id)
    left = [Copies(line.id, to_send(line)) for line in lines if to_send(line)]
    copies = [each for each in left if each.line_id not in held]
    if left and not copies:
        await refuse_embargoed(session, order_id=order_id)
    if not copies:
        raise NothingLeftError
    return copies
