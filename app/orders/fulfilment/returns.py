"""Copies come back, or will never leave; paid back or not, on the shelf again or not."""

from collections import Counter
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import fulfilment_repository as repository
from app.orders.errors import MoveNotAllowedError, NothingLeftError, OrderNotFoundError
from app.orders.fulfilment.shelf import put_on_shelf
from app.orders.fulfilment.shipments import finish_if_all_left, to_send
from app.orders.fulfilment_models import EventKind
from app.orders.fulfilment_repository import Copies
from app.orders.fulfilment_schemas import ReturnCreate
from app.orders.gift_card_sales import withdraw_gift_cards
from app.orders.models import OrderLine, OrderStatus
from app.orders.moves import move
from app.orders.refunds import refund_copies, refuse_copies
from app.orders.timeline import write_event

S = OrderStatus

HAS_SENT = frozenset({S.PARTLY_SHIPPED, S.SHIPPED, S.DELIVERED})
HAS_TO_SEND = frozenset({S.CONFIRMED, S.PACKED, S.PARTLY_SHIPPED, S.READY_TO_COLLECT})


async def take_back(
    session: AsyncSession, *, order_id: int, wanted: ReturnCreate, actor: str, now: datetime
) -> int | None:
    """Take copies back that were sent, or drop copies that were not; return the refund's id.

    An order of which every copy that was sent came back is returned.

    Raises:
        OrderNotFoundError, MoveNotAllowedError: of the order: it has sent nothing, or all.
        LineNotFoundError, TooManyCopiesError: of the copies.
        NothingLeftError: every copy would be dropped: the order is to be cancelled.
        GiftCardUsedError: copies are gift cards that were spent from.
        RefundTooHighError: so much is not left of what was paid.
    """
    statuses = HAS_SENT if wanted.was_sent else HAS_TO_SEND
    if not await repository.lock_in(session, order_id=order_id, statuses=statuses):
        await _refuse(session, order_id=order_id, wanted=wanted)
    copies = sorted(Copies(line.line_id, line.quantity) for line in wanted.lines)
    counter = OrderLine.returned if wanted.was_sent else OrderLine.dropped
    limit = OrderLine.sent if wanted.was_sent else OrderLine.quantity - OrderLine.sent
    for each in copies:
        if not await repository.count_lines(
            session, order_id=order_id, copies=each, counter=counter, limit=limit
        ):
            await refuse_copies(session, order_id=order_id, line_id=each.line_id)
    await withdraw_gift_cards(session, order_id=order_id, copies=copies, now=now)
    await _go_on(session, order_id=order_id, was_sent=wanted.was_sent)
    refund_id = None
    if wanted.refund:
        refund_id = await refund_copies(
            session, order_id=order_id, copies=copies, reason=wanted.reason, actor=actor, now=now
        )
    on_shelf = {line.line_id for line in wanted.lines if line.on_shelf}
    await repository.insert_return(
        session,
        order_id=order_id,
        reason=wanted.reason,
        was_sent=wanted.was_sent,
        copies=copies,
        on_shelf=on_shelf,
        refund_id=refund_id,
    )
    await write_event(
        session,
        order_id=order_id,
        kind=EventKind.RETURNED if wanted.was_sent else EventKind.DROPPED,
        actor=actor,
        copies=sum(each.quantity for each in copies),
        reason=wanted.reason,
        refund_id=refund_id,
    )
    books = {
        line.id: line.book_id for line in await repository.list_lines(session, order_id=order_id)
    }
    quantities = Counter[int]()
    for each in copies:
        if each.line_id in on_shelf:
            quantities[books[each.line_id]] += each.quantity
    await put_on_shelf(
        session, order_id=order_id, quantities=quantities, actor=actor, reason=wanted.reason
    )
    return refund_id


async def _go_on(session: AsyncSession, *, order_id: int, was_sent: bool) -> None:
    """Take the order where the copies that came back, or are dropped, bring it."""
    status = await repository.read_status(session, order_id=order_id)
    lines = await repository.list_lines(session, order_id=order_id)
    if not was_sent:
        if status is OrderStatus.PARTLY_SHIPPED:
            await finish_if_all_left(session, order_id=order_id)
        elif not any(to_send(line) for line in lines):
            raise NothingLeftError
    elif status is not OrderStatus.PARTLY_SHIPPED and all(
        line.returned == line.sent for line in lines
    ):
        await move(session, order_id=order_id, to=OrderStatus.RETURNED)


async def _refuse(session: AsyncSession, *, order_id: int, wanted: ReturnCreate) -> None:
    status = await repository.read_status(session, order_id=order_id)
    if status is None:
        raise OrderNotFoundError
    raise MoveNotAllowedError(now=status, wanted="returned" if wanted.was_sent else "smaller")
