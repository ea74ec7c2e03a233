"""Buyers hear of what becomes of their orders; guests get a link that needs no account."""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.jobs.outbox import Event, Handler, publish
from app.notifications.handlers import (
    call_order_off_by_mail,
    ready_to_collect_by_mail,
    refund_by_mail,
    ship_order_by_mail,
)
from app.notifications.models import Mail
from app.orders.events import OrderCalledOff, OrderReadyToCollect, OrderShipped, RefundPaid
from app.orders.fulfilment import shipments
from app.orders.fulfilment_models import Reason
from app.orders.fulfilment_schemas import LineCopies, ShipmentCreate
from app.orders.guests import order_token
from app.orders.refunds import refund_rest
from tests.factories import make_user
from tests.orders.bought import make_order


async def written(session: AsyncSession, event: Event, handler: Handler) -> Mail:
    """Hand an event out twice, as happens; return the one mail that comes of it."""
    event_id = await publish(session, event)
    await session.commit()
    for _ in range(2):
        await handler.function(event, event_id=event_id)
    return (await session.scalars(select(Mail).where(Mail.event_id == event_id))).one()


async def test_each_step_is_told_once_and_leads_to_the_order(committed: AsyncSession) -> None:
    guest = await make_order(committed, 2, 1, titles=["Emma & Co", "Persuasion"])
    parcel = ShipmentCreate(
        lines=[LineCopies(line_id=guest.lines[0], quantity=2)],
        carrier="DHL",
        tracking_number="0034",
        tracking_url="https://track.example/0034?a=1&b=2",
    )
    shipment_id = await shipments.ship(
        committed, order_id=guest.id, parcel=parcel, actor="nora@example.com"
    )
    event = OrderShipped(order_id=guest.id, shipment_id=shipment_id)
    sent = await written(committed, event, ship_order_by_mail)
    assert sent.subject == f"Your order {guest.number} at Bookstore is under way"
    assert "2 x Emma & Co\n" in sent.body_text
    assert "Persuasion" not in sent.body_text
    assert "0034?a=1&b=2\n" in sent.body_text
    assert "0034?a=1&amp;b=2" in sent.body_html
    assert "The rest follows" in sent.body_text
    link = f"/orders/by-link?token={order_token(guest.id, get_settings())}"
    assert link in sent.body_text
    assert link in sent.body_html

    buyer = await make_user(committed, email="bea@example.com")
    order = await make_order(committed, 3, user_id=buyer.id, email="bea@example.com")
    waits = OrderReadyToCollect(order_id=order.id)
    ready = await written(committed, waits, ready_to_collect_by_mail)
    assert f"Your order {order.number} is at the counter." in ready.body_text
    assert f"/orders/{order.id}\n" in ready.body_text
    called_off = await written(committed, OrderCalledOff(order_id=order.id), call_order_off_by_mail)
    assert "is cancelled. What you paid goes back" in called_off.body_text
    refund_id = await refund_rest(
        committed,
        order_id=order.id,
        reason=Reason.OTHER,
        actor="shop",
        now=called_off.created_at,
    )
    assert refund_id is not None
    paid = await written(
        committed, RefundPaid(order_id=order.id, refund_id=refund_id), refund_by_mail
    )
    assert paid.subject == f"$30.00 of your order {order.number} at Bookstore"
    assert "we have paid $30.00 back" in paid.body_text

    await committed.execute(text("UPDATE orders SET email = NULL, user_id = NULL"))
    event_id = await publish(committed, waits)
    await committed.commit()
    await ready_to_collect_by_mail.function(waits, event_id=event_id)
    assert (await committed.scalars(select(Mail).where(Mail.event_id == event_id))).all() == []
