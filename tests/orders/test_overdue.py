"""Orders whose gateway did not answer: what the schedule makes of them, and when."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, Stock
from app.cart.models import CartItem
from app.core.config import get_settings
from app.integrations.payments.demo import SILENT_CARD, DemoGateway
from app.integrations.payments.factory import UnknownGatewayError, find_gateway
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    PaymentGateway,
)
from app.jobs.models import OutboxEvent
from app.main import app
from app.orders import checkout, overdue
from app.orders.jobs import settle_overdue_orders
from app.orders.models import Order, OrderStatus, Payment, PaymentStatus
from app.orders.overdue import OVERDUE_BATCH, settle_overdue
from tests.factories import bearer, make_book, make_user

CHECKOUT = "/api/v1/orders/checkout"
LATER = timedelta(hours=1)
PATIENT_SECONDS = 60.0


class LostAnswer(DemoGateway):
    """Takes the money and breaks the connection before it says so."""

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        await super().charge(request)
        raise ConnectionResetError


class Unsure(DemoGateway):
    """Cannot say what became of a charge."""

    async def cancel(self, reference: str) -> ChargeOutcome:
        del reference
        return ChargeOutcome(state=ChargeState.UNKNOWN)


class Hanging(DemoGateway):
    """Does not answer for one reference, or for any; counts how often it was asked."""

    def __init__(self, reference: str | None = None) -> None:
        self.reference = reference
        self.asked: list[str] = []

    async def cancel(self, reference: str) -> ChargeOutcome:
        self.asked.append(reference)
        if self.reference in {None, reference}:
            await asyncio.Event().wait()
        return await super().cancel(reference)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Wait so long for a gateway: little for one that never answers, else as long as it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(get_settings(), "gateway_timeout_seconds", seconds)
        yield


async def leave_pending(
    client: AsyncClient, session: AsyncSession, *, gateway: PaymentGateway | None = None
) -> Book:
    """Check two copies of a new book out, with a gateway that does not answer."""
    headers = bearer(await make_user(session))
    book = await make_book(session, copies=5)
    await client.post(
        "/api/v1/cart/items", json={"book_id": book.id, "quantity": 2}, headers=headers
    )
    before, app.state.gateway = app.state.gateway, gateway or app.state.gateway
    body = {} if gateway else {"payment_token": SILENT_CARD}
    try:
        with patience(PATIENT_SECONDS if gateway else 0.2):
            response = await client.post(CHECKOUT, json=body, headers=headers)
    finally:
        app.state.gateway = before
    assert response.status_code == 202
    assert response.json()["status"] == "pending"
    assert await stock_of(session, book) == (3, 2, 0)
    return book


async def settle(
    session: AsyncSession, gateway: PaymentGateway, *, after: timedelta = LATER
) -> int:
    with patience(2.0 if isinstance(gateway, Hanging) else PATIENT_SECONDS):
        return await settle_overdue(
            session,
            find_gateway=lambda _name: gateway,
            now=datetime.now(UTC) + after,
            settings=get_settings(),
        )


async def stock_of(session: AsyncSession, book: Book) -> tuple[Any, ...]:
    statement = select(Stock.on_hand, Stock.reserved, Stock.sold).where(Stock.book_id == book.id)
    return tuple((await session.execute(statement)).one())


async def statuses(session: AsyncSession) -> list[OrderStatus]:
    return list(await session.scalars(select(Order.status).order_by(Order.id)))


async def events(session: AsyncSession) -> list[tuple[str, dict[str, Any]]]:
    rows = await session.execute(select(OutboxEvent.name, OutboxEvent.payload))
    return [(row.name, row.payload) for row in rows]


async def test_it_is_confirmed_when_the_money_was_taken(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await leave_pending(client, db_session, gateway=LostAnswer())
    assert await settle(db_session, DemoGateway(), after=timedelta(0)) == 0
    assert await settle(db_session, DemoGateway()) == 1
    order = (await db_session.scalars(select(Order))).one()
    assert order.status is OrderStatus.CONFIRMED
    assert (await db_session.scalars(select(Payment.status))).all() == [PaymentStatus.CAPTURED]
    assert await stock_of(db_session, book) == (3, 0, 2)
    assert await events(db_session) == [("OrderConfirmed", {"order_id": order.id})]
    assert await settle(db_session, DemoGateway()) == 0


async def test_it_is_cancelled_when_no_money_was_taken_and_that_is_told(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await leave_pending(client, db_session)
    assert await settle(db_session, DemoGateway()) == 1
    order = (await db_session.scalars(select(Order))).one()
    assert order.status is OrderStatus.CANCELLED
    assert await stock_of(db_session, book) == (5, 0, 0)
    items = (await db_session.execute(select(CartItem.book_id, CartItem.quantity))).all()
    assert [tuple(item) for item in items] == [(book.id, 2)]
    assert await events(db_session) == [("OrderCancelled", {"order_id": order.id})]


@pytest.mark.parametrize("state", [ChargeState.CAPTURED, ChargeState.DECLINED])
async def test_who_comes_second_finds_it_settled(
    client: AsyncClient, db_session: AsyncSession, state: ChargeState
) -> None:
    book = await leave_pending(client, db_session)
    assert await settle(db_session, DemoGateway()) == 1
    order_id = (await db_session.scalars(select(Order.id))).one()
    late = await checkout.settle(
        db_session,
        order_id=order_id,
        outcome=ChargeOutcome(state=state),
        refusal=OrderStatus.DECLINED,
        now=datetime.now(UTC),
    )
    assert late.status is OrderStatus.CANCELLED
    assert await stock_of(db_session, book) == (5, 0, 0)
    assert await events(db_session) == [("OrderCancelled", {"order_id": order_id})]


async def test_it_stays_pending_while_the_gateway_cannot_say(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await leave_pending(client, db_session)
    assert await settle(db_session, Unsure()) == 0
    assert await statuses(db_session) == [OrderStatus.PENDING]
    assert await stock_of(db_session, book) == (3, 2, 0)
    assert await events(db_session) == []
    assert await settle(db_session, DemoGateway(), after=2 * LATER) == 1
    assert await statuses(db_session) == [OrderStatus.CANCELLED]


async def test_one_hanging_cancellation_does_not_hold_up_the_others(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    for _ in range(3):
        await leave_pending(client, db_session)
    first = await db_session.scalar(select(Payment.reference).order_by(Payment.id))
    assert await settle(db_session, Hanging(first)) == 2
    assert await statuses(db_session) == [
        OrderStatus.PENDING,
        OrderStatus.CANCELLED,
        OrderStatus.CANCELLED,
    ]


async def test_what_cannot_be_settled_is_put_off_for_longer_each_time(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await leave_pending(client, db_session)
    gateway = Unsure()
    now = datetime.now(UTC) + LATER
    pauses = []
    for _ in range(6):
        await settle_overdue(
            db_session, find_gateway=lambda _: gateway, now=now, settings=get_settings()
        )
        due = (await db_session.scalars(select(Order.settle_after))).one()
        pauses.append(due - now)
        now = due + timedelta(microseconds=1)
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 5, 5, 5)]
    assert (await db_session.scalars(select(Order.settle_attempts))).one() == 6


async def test_what_cannot_be_settled_does_not_fill_the_batch_for_ever(
    client: AsyncClient, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "OVERDUE_BATCH", 2)
    for _ in range(3):
        await leave_pending(client, db_session)
    references = (await db_session.scalars(select(Payment.reference).order_by(Payment.id))).all()
    gateway = Hanging()
    await settle(db_session, gateway)
    assert sorted(gateway.asked) == sorted(references[:2])
    assert await settle(db_session, DemoGateway()) == 1
    assert await statuses(db_session) == [
        OrderStatus.PENDING,
        OrderStatus.PENDING,
        OrderStatus.CANCELLED,
    ]


async def test_a_fault_of_ours_in_one_order_does_not_hold_up_the_others(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    broken = await leave_pending(client, db_session)
    await leave_pending(client, db_session)
    await db_session.execute(
        text("UPDATE stock SET reserved = 0, on_hand = 5 WHERE book_id = :id"), {"id": broken.id}
    )
    await db_session.commit()
    assert await settle(db_session, DemoGateway()) == 1
    assert await statuses(db_session) == [OrderStatus.PENDING, OrderStatus.CANCELLED]


async def write_pending(session: AsyncSession, *, gateways: list[str]) -> list[int]:
    """Write overdue orders, one for each gateway's name, without going through a checkout."""
    user = await make_user(session)
    book = await make_book(session, copies=len(gateways))
    now = datetime.now(UTC)
    ids = []
    for number, gateway in enumerate(gateways):
        order_id = await session.scalar(
            text("""
                INSERT INTO orders (number, user_id, email, currency, total, idempotency_key,
                                    request_hash, reserved_until, settle_after)
                VALUES (:key, :user, 'a@example.com', 'USD', 12.99, :key, '', :until, :until)
                RETURNING id
            """),
            {"key": f"key-{number}", "user": user.id, "until": now - timedelta(minutes=1)},
        )
        await session.execute(
            text("""
                INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity)
                VALUES (:id, :book, 'T', 'A', 12.99, 1)
            """),
            {"id": order_id, "book": book.id},
        )
        await session.execute(
            text("""
                INSERT INTO payments (order_id, gateway, reference, amount, currency)
                VALUES (:id, :gateway, :reference, 12.99, 'USD')
            """),
            {"id": order_id, "gateway": gateway, "reference": f"reference-{number}"},
        )
        ids.append(order_id)
    await session.execute(text("UPDATE stock SET on_hand = 0, reserved = received"))
    await session.commit()
    return ids


async def test_the_job_asks_each_payments_own_gateway(committed: AsyncSession) -> None:
    await write_pending(committed, gateways=["closed-down", "demo"])
    with patience(PATIENT_SECONDS):
        await settle_overdue_orders.function()
    assert await statuses(committed) == [OrderStatus.PENDING, OrderStatus.CANCELLED]
    with pytest.raises(UnknownGatewayError, match="no payment gateway is named 'closed-down'"):
        find_gateway("closed-down")


async def test_the_job_settles_more_than_one_batch(committed: AsyncSession) -> None:
    await write_pending(committed, gateways=["demo"] * (OVERDUE_BATCH + 5))
    with patience(PATIENT_SECONDS):
        await settle_overdue_orders.function()
    assert set(await statuses(committed)) == {OrderStatus.CANCELLED}
    cancelled = select(func.count()).where(OutboxEvent.name == "OrderCancelled")
    assert await committed.scalar(cancelled) == OVERDUE_BATCH + 5
