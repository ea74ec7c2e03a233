"""SQL for what happens to orders after they were placed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import case, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from app.core.keyset import Order as RowOrder
from app.core.keyset import read_objects
from app.core.money import ZERO
from app.core.pagination import Slice, Window
from app.orders.fulfilment_models import (
    EventKind,
    OrderEvent,
    OrderReturn,
    Paper,
    PaperKind,
    PaperSeries,
    Reason,
    Refund,
    RefundLine,
    RefundState,
    RefundWay,
    ReturnLine,
    Shipment,
    ShipmentLine,
)
from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus

OLDEST_FIRST = RowOrder(name="order events by id", keys=(OrderEvent.id.expression,))

PAUSES = {attempts: timedelta(minutes=5 * 2**attempts) for attempts in range(4)}
LONGEST_PAUSE = timedelta(hours=1)
"""So that a gateway that refuses to answer for days is not asked all the time."""


class Copies(NamedTuple):
    """So many copies of a line of an order."""

    line_id: int
    quantity: int


class PricedCopies(NamedTuple):
    """So many copies of a line of an order, and what they cost together."""

    line_id: int
    quantity: int
    amount: Decimal


async def move(
    session: AsyncSession,
    *,
    order_id: int,
    sources: Collection[OrderStatus],
    to: OrderStatus,
    values: Mapping[str, Any],
) -> Any:
    """Take an order from one of some states to another; return the row, or ``None``."""
    statement = (
        update(Order)
        .where(Order.id == order_id, Order.status.in_(sources))
        .values({**values, "status": to})
        .returning(Order.user_id, Order.guest_hash)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).one_or_none()


async def lock_in(
    session: AsyncSession, *, order_id: int, statuses: Collection[OrderStatus]
) -> bool:
    """Lock an order that is in one of some states, and tell whether it is."""
    statement = (
        update(Order)
        .where(Order.id == order_id, Order.status.in_(statuses))
        .values(status=Order.status)
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def find_order_of_line(session: AsyncSession, *, line_id: int) -> int:
    """Return the order that a line belongs to."""
    statement = select(OrderLine.order_id).where(OrderLine.id == line_id)
    return (await session.scalars(statement)).one()


async def read_status(session: AsyncSession, *, order_id: int) -> OrderStatus | None:
    """Return where an order stands."""
    return await session.scalar(select(Order.status).where(Order.id == order_id))


async def insert_event(
    session: AsyncSession, *, order_id: int, kind: EventKind, actor: str, data: Mapping[str, Any]
) -> None:
    """Write a line of the time line."""
    await session.execute(
        insert(OrderEvent).values(order_id=order_id, kind=kind, actor=actor, data=dict(data))
    )


async def list_events(
    session: AsyncSession, *, order_id: int, with_notes: bool, window: Window
) -> Slice[OrderEvent]:
    """Return an order's time line, the oldest first."""
    statement = select(OrderEvent).where(OrderEvent.order_id == order_id)
    if not with_notes:
        statement = statement.where(OrderEvent.kind != EventKind.NOTE)
    return await read_objects(session, statement, order=OLDEST_FIRST, window=window)


async def count_lines(
    session: AsyncSession,
    *,
    order_id: int,
    copies: Copies,
    counter: InstrumentedAttribute[int],
    limit: Any,
) -> bool:
    """Add copies to a counter of a line, if it stays within the limit; tell whether it does."""
    statement = (
        update(OrderLine)
        .where(
            OrderLine.id == copies.line_id,
            OrderLine.order_id == order_id,
            counter + copies.quantity <= limit,
        )
        .values({counter: counter + copies.quantity})
        .returning(OrderLine.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def send_rest(session: AsyncSession, *, order_id: int) -> None:
    """Count every copy of an order that is not dropped as sent."""
    await session.execute(
        update(OrderLine)
        .where(OrderLine.order_id == order_id)
        .values(sent=OrderLine.quantity - OrderLine.dropped)
        .execution_options(synchronize_session=False)
    )


async def drop_rest(session: AsyncSession, *, order_id: int) -> None:
    """Count every copy of an order that was not sent as dropped."""
    await session.execute(
        update(OrderLine)
        .where(OrderLine.order_id == order_id)
        .values(dropped=OrderLine.quantity - OrderLine.sent)
        .execution_options(synchronize_session=False)
    )


async def list_lines(session: AsyncSession, *, order_id: int) -> Sequence[OrderLine]:
    """Return an order's lines as they are now, in the order of their ids."""
    statement = (
        select(OrderLine)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.id)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def insert_shipment(
    session: AsyncSession,
    *,
    order_id: int,
    carrier: str | None,
    tracking_number: str | None,
    tracking_url: str | None,
    copies: Iterable[Copies],
) -> int:
    """Write a parcel down; return its id."""
    statement = (
        insert(Shipment)
        .values(
            order_id=order_id,
            carrier=carrier,
            tracking_number=tracking_number,
            tracking_url=tracking_url,
        )
        .returning(Shipment.id)
    )
    shipment_id = (await session.scalars(statement)).one()
    rows = [
        {"shipment_id": shipment_id, "order_line_id": each.line_id, "quantity": each.quantity}
        for each in copies
    ]
    await session.execute(insert(ShipmentLine).values(rows))
    return shipment_id


async def list_shipments(session: AsyncSession, *, order_id: int) -> Sequence[Shipment]:
    """Return an order's parcels, the oldest first."""
    statement = (
        select(Shipment)
        .where(Shipment.order_id == order_id)
        .options(selectinload(Shipment.lines))
        .order_by(Shipment.id)
    )
    return (await session.scalars(statement)).all()


async def insert_return(
    session: AsyncSession,
    *,
    order_id: int,
    reason: Reason,
    was_sent: bool,
    copies: Iterable[Copies],
    on_shelf: Collection[int],
    refund_id: int | None,
) -> None:
    """Write down which copies came back."""
    statement = (
        insert(OrderReturn)
        .values(order_id=order_id, reason=reason, was_sent=was_sent, refund_id=refund_id)
        .returning(OrderReturn.id)
    )
    return_id = (await session.scalars(statement)).one()
    rows = [
        {
            "return_id": return_id,
            "order_line_id": each.line_id,
            "quantity": each.quantity,
            "on_shelf": each.line_id in on_shelf,
        }
        for each in copies
    ]
    await session.execute(insert(ReturnLine).values(rows))


class PaymentLeft(NamedTuple):
    """The payment of an order, and what was or will be paid back of it."""

    amount: Decimal
    refunded_total: Decimal
    currency: str
    status: PaymentStatus

    @property
    def left(self) -> Decimal:
        """What is left of it: nothing where it was not paid."""
        is_captured = self.status is PaymentStatus.CAPTURED
        return self.amount - self.refunded_total if is_captured else ZERO


async def find_payment(
    session: AsyncSession, *, order_id: int, for_update: bool = False
) -> PaymentLeft | None:
    """Return what was paid for an order; with ``for_update`` nobody changes it meanwhile."""
    statement = select(
        Payment.amount, Payment.refunded_total, Payment.currency, Payment.status
    ).where(Payment.order_id == order_id)
    if for_update:
        statement = statement.with_for_update()
    row = (await session.execute(statement)).one_or_none()
    return PaymentLeft(*row) if row is not None else None


async def take_from_payment(
    session: AsyncSession, *, order_id: int, at_most: Decimal | None
) -> Decimal | None:
    """Set aside what is left of a captured payment, up to an amount; ``None`` if that is nothing.

    Without ``at_most`` it is all. What is written is made of the row as it was locked alone: the
    update itself may first see an older one, whose checks would then look at a mixture of both.
    """
    left = Payment.amount - Payment.refunded_total
    before = (
        select(
            Payment.id,
            Payment.refunded_total.label("before"),
            (left if at_most is None else func.least(left, at_most)).label("taken"),
        )
        .where(
            Payment.order_id == order_id,
            Payment.status == PaymentStatus.CAPTURED,
            Payment.refunded_total < Payment.amount,
        )
        .with_for_update()
        .cte("before")
    )
    statement = (
        update(Payment)
        .where(Payment.id == before.c.id)
        .values(refunded_total=before.c.before + before.c.taken)
        .returning(before.c.taken)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_refund(
    session: AsyncSession, values: Mapping[str, Any], *, copies: Iterable[PricedCopies]
) -> int:
    """Write a refund down; return its id."""
    refund_id = (
        await session.scalars(insert(Refund).values(dict(values)).returning(Refund.id))
    ).one()
    rows = [
        {
            "refund_id": refund_id,
            "order_line_id": each.line_id,
            "quantity": each.quantity,
            "amount": each.amount,
        }
        for each in copies
    ]
    if rows:
        await session.execute(insert(RefundLine).values(rows))
    return refund_id


async def includes_tax(session: AsyncSession, *, order_id: int) -> bool:
    """Tell whether an order's prices have the tax in them."""
    statement = select(Order.prices_include_tax).where(Order.id == order_id)
    return (await session.scalars(statement)).one()


async def list_refunds(session: AsyncSession, *, order_id: int) -> Sequence[Refund]:
    """Return an order's refunds as they are now, the oldest first."""
    statement = (
        select(Refund)
        .where(Refund.order_id == order_id)
        .options(selectinload(Refund.lines))
        .order_by(Refund.id)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def find_refund(session: AsyncSession, *, refund_id: int) -> Refund | None:
    """Return a refund as it is now."""
    statement = (
        select(Refund)
        .where(Refund.id == refund_id)
        .options(selectinload(Refund.lines))
        .execution_options(populate_existing=True)
    )
    return await session.scalar(statement)


class AskedRefund(NamedTuple):
    """A pending refund, and whom to ask for how much of which charge."""

    id: int
    order_id: int
    reference: str
    amount: Decimal
    currency: str
    gateway: str
    charge_reference: str


async def find_pending_refund(session: AsyncSession, *, refund_id: int) -> AskedRefund | None:
    """Return a refund that the gateway has not decided yet."""
    statement = (
        select(
            Refund.id,
            Refund.order_id,
            Refund.reference,
            Refund.amount,
            Refund.currency,
            Payment.gateway,
            Payment.reference,
        )
        .join(Payment, Payment.order_id == Refund.order_id)
        .where(Refund.id == refund_id, Refund.state == RefundState.PENDING)
    )
    row = (await session.execute(statement)).one_or_none()
    return AskedRefund(*row) if row is not None else None


async def find_refund_by_reference(
    session: AsyncSession, *, gateway: str, reference: str
) -> int | None:
    """Return the pending refund that a gateway was asked for under a reference."""
    statement = (
        select(Refund.id)
        .join(Payment, Payment.order_id == Refund.order_id)
        .where(
            Refund.reference == reference,
            Refund.state == RefundState.PENDING,
            Payment.gateway == gateway,
        )
    )
    return (await session.scalars(statement)).one_or_none()


async def claim_pending_refunds(session: AsyncSession, *, now: datetime, limit: int) -> list[int]:
    """Take pending refunds that are to be asked about, and put them off, longer each time."""
    due = (
        select(Refund.id)
        .where(Refund.state == RefundState.PENDING, Refund.ask_after < now)
        .order_by(Refund.ask_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    pause = case(PAUSES, value=Refund.attempts, else_=LONGEST_PAUSE)
    statement = (
        update(Refund)
        .where(Refund.id == due.c.id)
        .values(attempts=Refund.attempts + 1, ask_after=literal(now) + pause)
        .returning(Refund.id)
        .execution_options(synchronize_session=False)
    )
    return list(await session.scalars(statement))


async def decide_refund(
    session: AsyncSession,
    *,
    refund_id: int,
    state: RefundState,
    failure: str | None,
    now: datetime,
) -> bool:
    """Write what the gateway said of a pending refund; tell whether it was still pending."""
    statement = (
        update(Refund)
        .where(Refund.id == refund_id, Refund.state == RefundState.PENDING)
        .values(state=state, failure=failure, decided_at=now)
        .returning(Refund.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def give_back_to_payment(session: AsyncSession, *, refund_id: int) -> None:
    """Count the money and the copies of a refund that failed as not paid back."""
    amount = select(Refund.amount).where(Refund.id == refund_id).scalar_subquery()
    order_id = select(Refund.order_id).where(Refund.id == refund_id).scalar_subquery()
    await session.execute(
        update(OrderLine)
        .where(RefundLine.refund_id == refund_id, OrderLine.id == RefundLine.order_line_id)
        .values(refunded=OrderLine.refunded - RefundLine.quantity)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(Payment)
        .where(Payment.order_id == order_id)
        .values(refunded_total=Payment.refunded_total - amount)
        .execution_options(synchronize_session=False)
    )


async def number_paper(
    session: AsyncSession,
    *,
    order_id: int,
    kind: PaperKind,
    refund_id: int | None,
    series: str,
    issued_at: datetime,
    seller: Mapping[str, Any],
) -> Paper | None:
    """Give a paper the next number of its series, unless there is one; return it if it is new.

    One statement: a number is taken if and only if a paper has it. Who asks has locked the order,
    so that two who ask for the same paper come one after the other.
    """
    is_same = (Paper.order_id == order_id) & (Paper.kind == kind)
    if refund_id is not None:
        is_same &= Paper.refund_id == refund_id
    wanted = select(literal(series), literal(1)).where(~exists().where(is_same))
    following = insert(PaperSeries).from_select(["name", "last_number"], wanted)
    given = (
        following.on_conflict_do_update(
            index_elements=[PaperSeries.name],
            set_={"last_number": PaperSeries.last_number + 1},
        )
        .returning(PaperSeries.last_number)
        .cte("given")
    )
    facts = {
        Paper.order_id: order_id,
        Paper.kind: kind,
        Paper.refund_id: refund_id,
        Paper.series: series,
        Paper.issued_at: issued_at,
        Paper.seller: dict(seller),
    }
    columns = [column.key for column in facts]
    row = select(
        *(literal(value, column.type) for column, value in facts.items()), given.c.last_number
    )
    statement = insert(Paper).from_select([*columns, "number"], row).returning(Paper)
    return (await session.scalars(statement)).one_or_none()


async def list_papers(session: AsyncSession, *, order_id: int) -> Sequence[Paper]:
    """Return an order's papers, the oldest first."""
    statement = select(Paper).where(Paper.order_id == order_id).order_by(Paper.id)
    return (await session.scalars(statement)).all()


async def forget_notes(session: AsyncSession, *, user_id: int) -> None:
    """Empty what staff noted about an account's orders; that they noted something stays."""
    of_account = select(Order.id).where(Order.user_id == user_id)
    await session.execute(
        update(OrderEvent)
        .where(OrderEvent.order_id.in_(of_account), OrderEvent.kind == EventKind.NOTE)
        .values(data={})
        .execution_options(synchronize_session=False)
    )


class Overrun(NamedTuple):
    """An order of which more was paid back, or sent, than was paid, or ordered."""

    order_id: int
    much: Decimal
    limit: Decimal


async def list_over_refunded(session: AsyncSession, *, limit: int) -> list[Overrun]:
    """Return orders whose refunds are more than was captured, or not what their payment says."""
    counted = func.coalesce(func.sum(Refund.amount), 0)
    captured = case((Payment.status == PaymentStatus.CAPTURED, Payment.amount), else_=0)
    statement = (
        select(Payment.order_id, counted, captured)
        .outerjoin(
            Refund,
            (Refund.order_id == Payment.order_id)
            & (Refund.state != RefundState.FAILED)
            & (Refund.way == RefundWay.PAYMENT),
        )
        .group_by(Payment.id)
        .having((counted > captured) | (counted != Payment.refunded_total))
        .order_by(Payment.order_id)
        .limit(limit)
    )
    return [Overrun(*row) for row in await session.execute(statement)]


async def list_over_sent(session: AsyncSession, *, limit: int) -> list[Overrun]:
    """Return orders of which more copies of a line were sent than ordered, or came back."""
    in_parcels = func.coalesce(
        select(func.sum(ShipmentLine.quantity))
        .where(ShipmentLine.order_line_id == OrderLine.id)
        .correlate(OrderLine)
        .scalar_subquery(),
        0,
    )
    statement = (
        select(OrderLine.order_id, func.greatest(OrderLine.sent, in_parcels), OrderLine.quantity)
        .where(
            (OrderLine.sent + OrderLine.dropped > OrderLine.quantity)
            | (in_parcels > OrderLine.sent)
            | (OrderLine.returned > OrderLine.sent)
        )
        .order_by(OrderLine.id)
        .limit(limit)
    )
    return [Overrun(*row) for row in await session.execute(statement)]
