"""Books that are bought before they are on sale: who gets them, when they leave, what is told."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.events import BookRestocked
from app.books.models import Book
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.rights import Right
from app.core.security import Role
from app.jobs.models import OutboxEvent
from app.notifications.handlers import (
    move_preorder_by_mail,
    release_preorder_by_mail,
    tell_that_book_is_back,
)
from app.notifications.models import Mail
from app.orders.events import PreorderMoved, PreorderReleased
from app.orders.models import Order, OrderLine, OrderStatus
from app.orders.preorders import follow_moved, release_due
from app.prebooks.models import Prebook, PrebookStatus
from app.users.models import User
from tests.factories import bearer, make_book, make_user
from tests.orders.bought import make_order

STOCK = "/api/v1/admin/stock"
ORDERS = "/api/v1/admin/orders"
CHECKOUT = "/api/v1/orders/checkout"
SOON = date.today() + timedelta(days=30)  # noqa: DTZ011 (any day to come will do)
ADDRESS = {
    "name": "Ada",
    "street": "1 Road",
    "postal_code": "10001",
    "city": "New York",
    "country": "US",
}


async def make_forthcoming(session: AsyncSession, *, copies: int = 0, day: date = SOON) -> Book:
    book = await make_book(session, title="Piranesi II", copies=copies)
    await session.execute(update(Book).where(Book.id == book.id).values(on_sale_date=day))
    await session.commit()
    return book


async def open_preorders(
    client: AsyncClient, session: AsyncSession, book: Book, *, copies: int
) -> None:
    staff = bearer(await make_user(session, rights=[Right.CATALOGUE]))
    answer = await client.put(
        f"{STOCK}/{book.id}/preorders", json={"copies": copies}, headers=staff
    )
    assert answer.status_code == 200, answer.text


async def buy(client: AsyncClient, reader: User, *books: Book, key: str = "first") -> int:
    """Put one copy of each into the reader's basket, buy them, and return the status."""
    headers = bearer(reader)
    for book in books:
        added = await client.post(
            "/api/v1/cart/items", json={"book_id": book.id, "quantity": 1}, headers=headers
        )
        if added.status_code != 201:
            return added.status_code
    bought = await client.post(
        CHECKOUT,
        json={"shipping_address": ADDRESS},
        headers=headers | {"Idempotency-Key": f"{key} {reader.id}"},
    )
    return bought.status_code


async def test_what_is_announced_is_sold_in_advance_and_no_more(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_forthcoming(db_session, copies=1)
    readers = [await make_user(db_session) for _ in range(3)]
    assert await buy(client, readers[0], book) == 409, "a copy is there, and nobody has opened it"
    await open_preorders(client, db_session, book, copies=1)
    shown = (await client.get(f"/api/v1/books/{book.id}")).json()["availability"]
    assert (shown["status"], shown["is_open"]) == ("pre_order", True)
    assert [await buy(client, reader, book) for reader in readers] == [201, 201, 409]
    shown = (await client.get(f"/api/v1/books/{book.id}")).json()["availability"]
    assert (shown["status"], shown["is_open"]) == ("pre_order", False)
    lines = (await db_session.scalars(select(OrderLine))).all()
    assert [(line.on_sale_date, line.released_at) for line in lines] == [(SOON, None)] * 2


async def test_who_cancels_makes_room_for_the_next(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_forthcoming(db_session)
    await open_preorders(client, db_session, book, copies=1)
    first, second = [await make_user(db_session) for _ in range(2)]
    assert await buy(client, first, book) == 201
    assert await buy(client, second, book) == 409
    order_id = await db_session.scalar(select(Order.id))
    gone = await client.post(f"/api/v1/orders/{order_id}/cancel", headers=bearer(first))
    assert gone.status_code == 200, gone.text
    assert await buy(client, second, book) == 201


async def test_only_what_is_to_come_can_be_opened(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    out = await make_forthcoming(db_session, day=date(2020, 1, 1))
    plain = await make_book(db_session)
    for book in (out, plain):
        answer = await client.put(f"{STOCK}/{book.id}/preorders", json={}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (409, "BOOK_NOT_FORTHCOMING")
    missing = await client.put(f"{STOCK}/999999/preorders", json={}, headers=staff)
    assert missing.status_code == 404


async def test_closing_keeps_the_orders(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_forthcoming(db_session)
    await open_preorders(client, db_session, book, copies=5)
    first, second = [await make_user(db_session) for _ in range(2)]
    assert await buy(client, first, book) == 201
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    for _ in range(2):
        closed = await client.delete(f"{STOCK}/{book.id}/preorders", headers=staff)
        assert closed.status_code == 200
    assert await buy(client, second, book) == 409
    assert (await db_session.scalars(select(Order.status))).all() == [OrderStatus.CONFIRMED]


async def test_no_copy_leaves_the_shop_before_its_day(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    early = await make_forthcoming(db_session)
    await open_preorders(client, db_session, early, copies=5)
    there = await make_book(db_session, title="Emma")
    ada = await make_user(db_session)
    assert await buy(client, ada, early, there) == 201
    order_id = await db_session.scalar(select(Order.id))
    staff = bearer(await make_user(db_session, role=Role.ADMIN))
    lines = {line.book_id: line.id for line in await db_session.scalars(select(OrderLine))}
    for act in ("pack", "ready", "deliver"):
        refused = await client.post(f"{ORDERS}/{order_id}/{act}", headers=staff)
        assert (refused.status_code, refused.json()["code"]) == (409, "ORDER_EMBARGOED"), act
        assert refused.json()["items"] == [{"line_id": lines[early.id], "on_sale_date": str(SOON)}]
    named = {"lines": [{"line_id": lines[early.id], "quantity": 1}]}
    refused = await client.post(f"{ORDERS}/{order_id}/shipments", json=named, headers=staff)
    assert refused.json()["code"] == "ORDER_EMBARGOED"
    sent = await client.post(f"{ORDERS}/{order_id}/shipments", json={}, headers=staff)
    assert sent.status_code == 201, sent.text
    assert sent.json()["status"] == "partly_shipped", "Emma has left, the other waits"
    again = await client.post(f"{ORDERS}/{order_id}/shipments", json={}, headers=staff)
    assert again.json()["code"] == "ORDER_EMBARGOED"
    await db_session.execute(
        update(Book).where(Book.id == early.id).values(on_sale_date=date(2020, 1, 1))
    )
    await db_session.commit()
    rest = await client.post(f"{ORDERS}/{order_id}/shipments", json={}, headers=staff)
    assert rest.json()["status"] == "shipped"


async def preorder(
    session: AsyncSession, *, day: date = SOON, email: str = "ada@example.com"
) -> int:
    """Write an order of a book of which its buyer was told a day; return the line's id."""
    bought = await make_order(session, email=email)
    await session.execute(
        update(OrderLine).where(OrderLine.order_id == bought.id).values(on_sale_date=day)
    )
    await session.execute(update(Book).where(Book.id.in_(bought.books)).values(on_sale_date=day))
    await session.commit()
    return bought.lines[0]


async def test_on_the_day_each_buyer_is_told_once(db_session: AsyncSession) -> None:
    now = utc_now()
    line_id = await preorder(db_session)
    assert await release_due(db_session, now=now, limit=10, settings=get_settings()) == 0
    on_the_day = now + timedelta(days=31)
    for expected in (1, 0):
        released = await release_due(db_session, now=on_the_day, limit=10, settings=get_settings())
        assert released == expected
    assert await follow_moved(db_session, limit=10) == 0
    line = await db_session.get(OrderLine, line_id, populate_existing=True)
    assert line is not None
    assert line.released_at == on_the_day
    found = await db_session.scalars(select(OutboxEvent.payload))
    assert [payload["line_ids"] for payload in found if "line_ids" in payload] == [[line_id]]


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.DELIVERED])
async def test_who_has_it_or_called_it_off_hears_nothing(
    db_session: AsyncSession, status: OrderStatus
) -> None:
    await preorder(db_session)
    await db_session.execute(update(Order).values(status=status))
    later = utc_now() + timedelta(days=31)
    assert await release_due(db_session, now=later, limit=10, settings=get_settings()) == 0


async def test_a_day_that_is_moved_is_told_once_for_each_move(committed: AsyncSession) -> None:
    line_id = await preorder(committed, email="ada@example.com")
    later = SOON + timedelta(days=21)
    await committed.execute(update(Book).values(on_sale_date=later))
    await committed.commit()
    assert [await follow_moved(committed, limit=10) for _ in range(2)] == [1, 0]
    await committed.commit()
    (payload,) = [
        found for found in await committed.scalars(select(OutboxEvent.payload)) if "after" in found
    ]
    event = PreorderMoved(**payload)
    assert (event.line_id, event.before, event.after) == (line_id, str(SOON), str(later))
    event_id = await committed.scalar(select(OutboxEvent.id).where(OutboxEvent.payload == payload))
    assert event_id is not None
    for _ in range(2):
        await move_preorder_by_mail.function(event, event_id=event_id)
    (mail,) = (await committed.scalars(select(Mail))).all()
    assert f"{later.day}, {later.year}" in mail.body_text
    assert "1 x Emma" in mail.body_text


async def test_the_mail_of_the_day_names_what_has_appeared(committed: AsyncSession) -> None:
    bought = await make_order(committed, 1, 2, titles=("Emma", "Persuasion"))
    event = PreorderReleased(order_id=bought.id, line_ids=[bought.lines[1]])
    await release_preorder_by_mail.function(event, event_id=uuid4())
    (mail,) = (await committed.scalars(select(Mail))).all()
    assert "2 x Persuasion" in mail.body_text
    assert "Emma" not in mail.body_text


async def test_who_waits_hears_that_it_can_be_ordered_in_advance(
    committed: AsyncSession,
) -> None:
    book = await make_forthcoming(committed, copies=3)
    committed.add(Prebook(user_id=(await make_user(committed)).id, book_id=book.id))
    await committed.commit()
    event = BookRestocked(book_id=book.id)
    await tell_that_book_is_back.function(event, event_id=uuid4())
    assert (await committed.scalars(select(Prebook.status))).all() == [PrebookStatus.WAITING]
    await committed.execute(update(Book).values(takes_preorders=True))
    await committed.commit()
    await tell_that_book_is_back.function(event, event_id=uuid4())
    (mail,) = (await committed.scalars(select(Mail))).all()
    assert mail.template == "preorder_opened"
