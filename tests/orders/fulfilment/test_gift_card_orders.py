"""Orders of gift cards alone: nothing is left to send once the cards are issued."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.books.models import Book
from app.check import check_in
from app.notifications.handlers import mail_gift_card
from app.notifications.models import Mail
from app.orders.due import record_payment
from app.orders.fulfilment.shipments import deliver_gift_cards
from app.orders.gift_card_sales import issue_gift_cards
from app.orders.handlers import deliver_order_of_gift_cards
from app.orders.models import Order, OrderLine, OrderStatus
from app.promotions import gift_cards
from app.promotions.events import GiftCardIssued
from app.promotions.models import GiftCard
from tests.factories import make_book
from tests.orders.bought import make_order
from tests.orders.fulfilment.test_acts import ADMIN, kinds_of, staff
from tests.orders.selling import Buyer, become


@pytest.fixture
async def nora(db_session: AsyncSession) -> dict[str, str]:
    return await staff(db_session)


async def make_voucher(session: AsyncSession) -> Book:
    book = await make_book(session, title="A gift card", author="Us", price="25.00")
    await become(session, book, BookFormat.GIFT_CARD)
    return book


async def hand_out(session: AsyncSession) -> None:
    """Tell of every gift card twice, as happens."""
    for gift_card_id in (await session.scalars(select(GiftCard.id).order_by(GiftCard.id))).all():
        for _ in range(2):
            await deliver_gift_cards(session, gift_card_id=gift_card_id)
    await session.commit()


async def status_of(session: AsyncSession, order: dict[str, Any]) -> OrderStatus:
    return (await session.scalars(select(Order.status).where(Order.id == order["id"]))).one()


async def test_it_is_delivered_once_and_can_be_taken_back_unless_it_was_spent_from(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    await buyer.take(await make_voucher(db_session), 2)
    _, order = await buyer.buy()
    await hand_out(db_session)
    assert await status_of(db_session, order) is OrderStatus.DELIVERED
    assert await kinds_of(buyer.client, nora, order["id"]) == ["placed", "confirmed", "delivered"]
    assert await check_in(db_session) == []

    url = f"{ADMIN}/{order['id']}"
    line = {"line_id": order["items"][0]["id"], "quantity": 1}
    wanted = {"reason": "changed_mind", "lines": [line]}
    back = await buyer.client.post(f"{url}/returns", json=wanted, headers=nora)
    assert (back.status_code, back.json()["refunded_total"]) == (201, "25.00")
    left = await db_session.scalar(select(GiftCard.id).where(GiftCard.ended_at.is_(None)))
    assert left is not None
    await db_session.execute(
        update(GiftCard).where(GiftCard.id == left).values(balance=Decimal("20.00"))
    )
    await db_session.commit()
    spent = await buyer.client.post(f"{url}/returns", json=wanted, headers=nora)
    assert (spent.status_code, spent.json()["code"]) == (409, "GIFT_CARD_USED")
    assert await status_of(db_session, order) is OrderStatus.DELIVERED

    await db_session.execute(update(GiftCard).values(balance=GiftCard.initial_amount))
    await db_session.commit()
    rest = await buyer.client.post(f"{url}/returns", json=wanted, headers=nora)
    assert (rest.status_code, rest.json()["refunded_total"]) == (201, "50.00")
    assert await status_of(db_session, order) is OrderStatus.RETURNED
    assert await db_session.scalar(select(GiftCard.id).where(GiftCard.ended_at.is_(None))) is None


async def test_it_waits_for_books_among_them(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    await buyer.take(await make_voucher(db_session))
    await buyer.take(await make_book(db_session, price="10.00"))
    _, order = await buyer.buy()
    await hand_out(db_session)
    assert await status_of(db_session, order) is OrderStatus.CONFIRMED
    assert await kinds_of(buyer.client, nora, order["id"]) == ["placed", "confirmed"]


async def test_it_is_let_alone_once_it_was_called_off_or_nobody_can_be_written_to(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    voucher = await make_voucher(db_session)
    await buyer.take(voucher)
    _, cancelled = await buyer.buy()
    await buyer.client.post(f"{ADMIN}/{cancelled['id']}/cancel", json={}, headers=nora)
    await buyer.take(voucher)
    _, nobodys = await buyer.buy()
    await db_session.execute(
        update(Order).where(Order.id == nobodys["id"]).values(email=None, user_id=None)
    )
    await gift_cards.issue(db_session, amount=Decimal(5), currency="USD", actor="nora@example.com")
    await hand_out(db_session)
    assert await status_of(db_session, cancelled) is OrderStatus.CANCELLED
    assert await status_of(db_session, nobodys) is OrderStatus.CONFIRMED


@pytest.mark.usefixtures("till")
async def test_at_the_counter_it_is_delivered_when_it_is_paid(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    await buyer.take(await make_voucher(db_session))
    _, order = await buyer.buy()
    await hand_out(db_session)
    assert await status_of(db_session, order) is OrderStatus.CONFIRMED
    await record_payment(db_session, order_id=order["id"])
    await hand_out(db_session)
    assert await status_of(db_session, order) is OrderStatus.DELIVERED
    assert (await kinds_of(buyer.client, nora, order["id"]))[-1] == "delivered"


async def test_the_event_that_mails_a_card_delivers_its_order(committed: AsyncSession) -> None:
    order = await make_order(committed)
    await committed.execute(update(OrderLine).values(is_gift_card=True))
    await issue_gift_cards(committed, order_id=order.id)
    await committed.commit()
    card = (await committed.scalars(select(GiftCard.id))).one()
    event, event_id = GiftCardIssued(gift_card_id=card), uuid4()
    for handler in (mail_gift_card, deliver_order_of_gift_cards) * 2:
        await handler.function(event, event_id=event_id)
    assert (await committed.scalars(select(Mail.recipient))).all() == ["ada@example.com"]
    assert (await committed.scalars(select(Order.status))).all() == [OrderStatus.DELIVERED]
