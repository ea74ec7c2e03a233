"""What staff do with an order, by the API or the command line; written down for good."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.orders.fulfilment import cancelling, returns, shipments
from app.orders.fulfilment.progress import describe
from app.orders.fulfilment_models import EventKind
from app.orders.fulfilment_schemas import (
    CancelRequest,
    FulfilmentRead,
    RefundCreate,
    ReturnCreate,
    ShipmentCreate,
)
from app.orders.models import OrderStatus
from app.orders.refunds import refund_as_staff
from app.orders.service import get_order_of_shop
from app.orders.timeline import write_event


async def pack(session: AsyncSession, *, actor: Actor, order_id: int) -> FulfilmentRead:
    """Say that an order is packed. Raises as ``shipments.pack``."""
    before = await _status(session, order_id)
    await shipments.pack(session, order_id=order_id, actor=actor.name)
    return await _written(session, actor, order_id, "order.pack", before)


async def ship(
    session: AsyncSession, *, actor: Actor, order_id: int, parcel: ShipmentCreate
) -> FulfilmentRead:
    """Send a parcel. Raises as ``shipments.ship``."""
    before = await _status(session, order_id)
    shipment_id = await shipments.ship(session, order_id=order_id, parcel=parcel, actor=actor.name)
    return await _written(session, actor, order_id, "order.ship", before, shipment_id=shipment_id)


async def make_ready(session: AsyncSession, *, actor: Actor, order_id: int) -> FulfilmentRead:
    """Say that an order waits at the counter. Raises as ``shipments.make_ready``."""
    before = await _status(session, order_id)
    await shipments.make_ready(session, order_id=order_id, actor=actor.name)
    return await _written(session, actor, order_id, "order.make_ready", before)


async def deliver(session: AsyncSession, *, actor: Actor, order_id: int) -> FulfilmentRead:
    """Say that the buyer has everything. Raises as ``shipments.deliver``."""
    before = await _status(session, order_id)
    await shipments.deliver(session, order_id=order_id, actor=actor.name)
    return await _written(session, actor, order_id, "order.deliver", before)


async def cancel(
    session: AsyncSession, *, actor: Actor, order_id: int, wanted: CancelRequest, now: datetime
) -> FulfilmentRead:
    """Call an order off. Raises as ``cancelling.cancel_as_staff``."""
    before = await _status(session, order_id)
    await cancelling.cancel_as_staff(
        session, order_id=order_id, reason=wanted.reason, actor=actor.name, now=now
    )
    await _note(session, actor, order_id, wanted.note)
    return await _written(session, actor, order_id, "order.cancel", before, reason=wanted.reason)


async def refund(
    session: AsyncSession, *, actor: Actor, order_id: int, wanted: RefundCreate, now: datetime
) -> FulfilmentRead:
    """Pay money back. Raises as ``refunds.refund_as_staff``."""
    before = await _status(session, order_id)
    refund_id = await refund_as_staff(
        session, order_id=order_id, wanted=wanted, actor=actor.name, now=now
    )
    await _note(session, actor, order_id, wanted.note)
    return await _written(
        session,
        actor,
        order_id,
        "order.refund",
        before,
        refund_id=refund_id,
        **wanted.model_dump(mode="json", exclude={"note"}),
    )


async def take_back(
    session: AsyncSession, *, actor: Actor, order_id: int, wanted: ReturnCreate, now: datetime
) -> FulfilmentRead:
    """Take copies back, or drop them. Raises as ``returns.take_back``."""
    before = await _status(session, order_id)
    refund_id = await returns.take_back(
        session, order_id=order_id, wanted=wanted, actor=actor.name, now=now
    )
    await _note(session, actor, order_id, wanted.note)
    return await _written(
        session,
        actor,
        order_id,
        "order.return",
        before,
        refund_id=refund_id,
        **wanted.model_dump(mode="json", exclude={"note"}),
    )


async def add_note(
    session: AsyncSession, *, actor: Actor, order_id: int, text: str
) -> FulfilmentRead:
    """Note something about an order, for the staff.

    Raises:
        OrderNotFoundError: there is none.
    """
    before = await _status(session, order_id)
    await _note(session, actor, order_id, text)
    return await _written(session, actor, order_id, "order.note", before)


async def _status(session: AsyncSession, order_id: int) -> OrderStatus:
    return (await get_order_of_shop(session, order_id=order_id)).status


async def _note(session: AsyncSession, actor: Actor, order_id: int, text: str | None) -> None:
    if text is not None:
        await write_event(
            session, order_id=order_id, kind=EventKind.NOTE, actor=actor.name, text=text
        )


async def _written(
    session: AsyncSession,
    actor: Actor,
    order_id: int,
    action: str,
    before: OrderStatus,
    **facts: Any,
) -> FulfilmentRead:
    order = await get_order_of_shop(session, order_id=order_id)
    await record(
        session,
        actor=actor,
        action=action,
        thing_id=order_id,
        before={"status": before},
        after={"status": order.status, **facts},
    )
    return await describe(session, order=order)
