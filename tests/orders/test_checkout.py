"""Checkout through the API: what is sold, what is charged, and what stays as it was."""

from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, SalesRight, Stock
from app.cart.models import CartItem
from app.core.config import get_settings
from app.integrations.payments.demo import (
    APPROVED_CARD,
    DECLINED_CARD,
    POOR_CARD,
    SILENT_CARD,
    DemoGateway,
)
from app.integrations.payments.gateway import ChargeOutcome, ChargeRequest, ChargeState
from app.jobs.models import OutboxEvent
from app.orders.models import Order, OrderStatus, Payment
from app.orders.reservations import new_order_number
from tests.factories import bearer, fill_cart, make_book, make_user, withdraw_book

CHECKOUT = "/api/v1/orders/checkout"
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "GB",
}


async def add_to_cart(
    client: AsyncClient, headers: dict[str, str], book: Book, copies: int
) -> None:
    response = await client.post(
        "/api/v1/cart/items", json={"book_id": book.id, "quantity": copies}, headers=headers
    )
    assert response.status_code == 201


async def stock_of(session: AsyncSession, book: Book) -> tuple[int, int, int]:
    row = (
        await session.execute(
            select(Stock.on_hand, Stock.reserved, Stock.sold).where(Stock.book_id == book.id)
        )
    ).one()
    return row.on_hand, row.reserved, row.sold


async def count(session: AsyncSession, model: Any) -> int:
    return int((await session.scalars(select(func.count()).select_from(model))).one())


async def test_order_is_confirmed(client: AsyncClient, db_session: AsyncSession) -> None:
    user = await make_user(db_session, email="ada@example.com")
    first = await make_book(db_session, title="Persuasion", price="7.50", copies=5)
    second = await make_book(db_session, title="Emma", price="9.99", copies=2)
    headers = bearer(user)
    await add_to_cart(client, headers, first, 2)
    await add_to_cart(client, headers, second, 1)

    response = await client.post(CHECKOUT, json={"shipping_address": ADDRESS}, headers=headers)

    assert response.status_code == 201
    order = response.json()
    assert order["status"] == "confirmed"
    assert order["payment_status"] == "captured"
    assert order["email"] == "ada@example.com"
    assert order["total_price"] == "24.99"
    assert order["shipping_address"] == ADDRESS
    assert [
        (item["book"]["title"], item["quantity"], item["unit_price"], item["line_total"])
        for item in order["items"]
    ] == [("Persuasion", 2, "7.50", "15.00"), ("Emma", 1, "9.99", "9.99")]
    assert await stock_of(db_session, first) == (3, 0, 2)
    assert await stock_of(db_session, second) == (1, 0, 1)
    assert await count(db_session, CartItem) == 0
    event = (await db_session.scalars(select(OutboxEvent))).one()
    assert (event.name, event.payload) == ("OrderConfirmed", {"order_id": order["id"]})
    jobs = await db_session.execute(text("SELECT task_name FROM procrastinate_jobs"))
    assert jobs.scalars().all() == ["outbox.dispatch"]


@pytest.mark.parametrize(
    ("card", "detail"),
    [
        (DECLINED_CARD, "The card was declined."),
        (POOR_CARD, "The card was declined: insufficient funds."),
        ("1234", "This is not one of the test cards."),
    ],
)
async def test_declined_payment_leaves_everything_as_it_was(
    client: AsyncClient, db_session: AsyncSession, card: str, detail: str
) -> None:
    user = await make_user(db_session)
    book = await make_book(db_session, copies=5)
    headers = bearer(user)
    await add_to_cart(client, headers, book, 2)

    response = await client.post(CHECKOUT, json={"payment_token": card}, headers=headers)

    assert response.status_code == 402
    assert response.json() == {"detail": detail, "code": "ORDER_PAYMENT_FAILED"}
    assert await stock_of(db_session, book) == (5, 0, 0)
    items = (await db_session.execute(select(CartItem.book_id, CartItem.quantity))).all()
    assert [tuple(item) for item in items] == [(book.id, 2)]
    order = (await db_session.scalars(select(Order))).one()
    assert order.status is OrderStatus.DECLINED
    assert await count(db_session, OutboxEvent) == 0


async def test_forced_failure_is_honoured_by_the_demo_gateway(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    await add_to_cart(client, headers, await make_book(db_session), 1)
    response = await client.post(CHECKOUT, json={"force_payment_failure": True}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (402, "ORDER_PAYMENT_FAILED")


async def test_empty_cart(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    response = await client.post(CHECKOUT, json={}, headers=headers)
    assert response.status_code == 422
    assert response.json() == {"detail": "Your basket is empty.", "code": "ORDER_CART_EMPTY"}


async def test_too_few_copies(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    plenty = await make_book(db_session, copies=9)
    scarce = await make_book(db_session, copies=3)
    await add_to_cart(client, headers, plenty, 1)
    await add_to_cart(client, headers, scarce, 3)
    await db_session.execute(
        text("UPDATE stock SET on_hand = 1, received = 1 WHERE book_id = :id"), {"id": scarce.id}
    )
    await db_session.commit()

    response = await client.post(CHECKOUT, json={}, headers=headers)

    assert response.status_code == 409
    assert response.json() == {
        "detail": "There are not enough copies left of a book in your basket.",
        "code": "ORDER_INSUFFICIENT_STOCK",
        "items": [{"book_id": scarce.id, "requested": 3, "available": 1}],
    }
    assert await stock_of(db_session, plenty) == (9, 0, 0)
    assert await stock_of(db_session, scarce) == (1, 0, 0)
    assert await count(db_session, CartItem) == 2
    assert await count(db_session, Order) == 0


async def test_withdrawn_book(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session)
    await add_to_cart(client, headers, book, 1)
    await withdraw_book(db_session, book)

    response = await client.post(CHECKOUT, json={}, headers=headers)

    assert response.status_code == 409
    assert response.json()["code"] == "ORDER_ITEMS_UNAVAILABLE"
    assert response.json()["items"] == [{"book_id": book.id}]
    assert await count(db_session, Order) == 0


@pytest.mark.parametrize(
    ("country", "code"),
    [("GB", "BOOK_NOT_SOLD_IN_COUNTRY"), (None, None), ("US", None)],
)
async def test_a_book_is_only_sold_where_its_publisher_allows(
    client: AsyncClient, db_session: AsyncSession, country: str | None, code: str | None
) -> None:
    book = await make_book(db_session, copies=5)
    headers = bearer(await make_user(db_session))
    await add_to_cart(client, headers, book, 1)
    db_session.add(SalesRight(book_id=book.id, type_code="03", countries=["GB"]))
    await db_session.commit()

    address = {"shipping_address": ADDRESS | {"country": country}} if country else {}
    response = await client.post(CHECKOUT, json=address, headers=headers)

    assert (response.status_code, response.json().get("code")) == (409 if code else 201, code)
    assert await stock_of(db_session, book) == ((5, 0, 0) if code else (4, 0, 1))
    assert await count(db_session, CartItem) == (1 if code else 0)
    assert await count(db_session, Order) == (0 if code else 1)


async def test_an_embargoed_book_is_not_sold_yet(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, copies=5)
    headers = bearer(await make_user(db_session))
    await add_to_cart(client, headers, book, 1)
    await db_session.execute(
        update(Book).where(Book.id == book.id).values(on_sale_date=date(2999, 1, 2))
    )
    await db_session.commit()

    response = await client.post(CHECKOUT, json={}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (409, "BOOK_EMBARGOED")
    assert response.json()["items"][0]["on_sale_date"] == "2999-01-02"
    assert await stock_of(db_session, book) == (5, 0, 0)
    assert (await count(db_session, CartItem), await count(db_session, Order)) == (1, 0)


async def test_as_many_titles_as_an_order_can_have(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    await add_to_cart(client, headers, await make_book(db_session, price="1.00"), 1)
    await fill_cart(db_session, titles=200)
    response = await client.post(CHECKOUT, json={}, headers=headers)
    assert response.status_code == 201
    assert len(response.json()["items"]) == 200
    assert response.json()["total_price"] == "200.00"


async def test_more_titles_than_an_order_can_have(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    """So many that their lines have more arguments than one statement can."""
    headers = bearer(await make_user(db_session))
    await add_to_cart(client, headers, await make_book(db_session), 1)
    await fill_cart(db_session, titles=4_500)
    response = await client.post(CHECKOUT, json={}, headers=headers)
    assert response.status_code == 409
    assert response.json() == {
        "detail": "Your basket has more different books than one order can. Please take some out.",
        "code": "ORDER_TOO_MANY_TITLES",
        "limit": 200,
    }
    assert await count(db_session, CartItem) == 4_500
    assert await count(db_session, Order) == 0


class TestIdempotencyKey:
    async def test_same_request_same_answer(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        headers = bearer(await make_user(db_session)) | {"Idempotency-Key": "key-1"}
        book = await make_book(db_session, copies=5)
        await add_to_cart(client, headers, book, 1)
        first = await client.post(CHECKOUT, json={}, headers=headers)
        await add_to_cart(client, headers, book, 1)
        second = await client.post(CHECKOUT, json={}, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert await count(db_session, Order) == 1
        assert await stock_of(db_session, book) == (4, 0, 1)

    async def test_another_request_is_refused(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        headers = bearer(await make_user(db_session)) | {"Idempotency-Key": "key-1"}
        await add_to_cart(client, headers, await make_book(db_session), 1)
        await client.post(CHECKOUT, json={}, headers=headers)
        changed = await client.post(CHECKOUT, json={"shipping_address": ADDRESS}, headers=headers)
        assert changed.status_code == 422
        assert changed.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert await count(db_session, Order) == 1

    async def test_a_refusal_is_repeated_too(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        headers = bearer(await make_user(db_session)) | {"Idempotency-Key": "key-1"}
        await add_to_cart(client, headers, await make_book(db_session), 1)
        body = {"payment_token": DECLINED_CARD}
        first = await client.post(CHECKOUT, json=body, headers=headers)
        second = await client.post(CHECKOUT, json=body, headers=headers)
        assert first.status_code == 402
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert await count(db_session, Payment) == 1

    async def test_a_key_is_the_buyers_own(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        book = await make_book(db_session, copies=5)
        numbers = set()
        for _ in range(2):
            headers = bearer(await make_user(db_session)) | {"Idempotency-Key": "shared"}
            await add_to_cart(client, headers, book, 1)
            response = await client.post(CHECKOUT, json={}, headers=headers)
            assert response.status_code == 201
            numbers.add(response.json()["number"])
        assert len(numbers) == 2

    async def test_while_it_is_being_worked_on(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        headers = bearer(await make_user(db_session)) | {"Idempotency-Key": "key-1"}
        await add_to_cart(client, headers, await make_book(db_session), 1)
        await client.post(CHECKOUT, json={}, headers=headers)
        await db_session.execute(
            text(
                "UPDATE orders SET status = 'pending', confirmed_at = NULL, "
                "created_at = clock_timestamp()"
            )
        )
        await db_session.commit()
        response = await client.post(CHECKOUT, json={}, headers=headers)
        assert response.status_code == 409
        assert response.json()["code"] == "ORDER_IN_PROGRESS"
        assert response.headers["Retry-After"] == "1"

    async def test_an_order_without_answer_is_the_answer_again(
        self, client: AsyncClient, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(get_settings(), "gateway_timeout_seconds", 0.05)
        headers = bearer(await make_user(db_session)) | {"Idempotency-Key": "key-1"}
        await add_to_cart(client, headers, await make_book(db_session), 1)
        body = {"payment_token": SILENT_CARD}
        first = await client.post(CHECKOUT, json=body, headers=headers)
        second = await client.post(CHECKOUT, json=body, headers=headers)
        assert first.status_code == 202
        assert first.json()["status"] == "pending"
        assert (second.status_code, second.content) == (first.status_code, first.content)
        assert await count(db_session, Order) == 1


async def test_demo_gateway_charges_a_reference_once(db_session: AsyncSession) -> None:
    gateway = DemoGateway()
    number = new_order_number()
    request = ChargeRequest(
        reference=number, amount=await price(db_session), currency="USD", token=APPROVED_CARD
    )
    assert await gateway.charge(request) == ChargeOutcome(state=ChargeState.CAPTURED)
    assert await gateway.charge(request) == ChargeOutcome(state=ChargeState.CAPTURED)
    assert await gateway.cancel(number) == ChargeOutcome(state=ChargeState.CAPTURED)
    refused = await gateway.cancel(new_order_number())
    assert refused == ChargeOutcome(state=ChargeState.DECLINED, reason="The payment was cancelled.")


async def price(session: AsyncSession) -> Any:
    return (await make_book(session, price="1.00")).price


def test_order_numbers_give_nothing_away() -> None:
    numbers = {new_order_number() for _ in range(1000)}
    assert len(numbers) == 1000
    assert all(len(number) == 11 and number[5] == "-" for number in numbers)
