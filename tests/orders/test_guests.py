"""Buying without an account: by a basket's cookie and an e-mail address."""

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.models import CartItem
from app.cart.schemas import CartOwner
from app.core.clock import utc_now
from app.integrations.payments.demo import DECLINED_CARD
from app.orders.models import Order
from app.users.models import User
from tests.factories import bearer, make_book, make_user
from tests.orders.selling import ADDRESS, COOKIE, GUEST, fill_basket, stock_of

CHECKOUT = "/api/v1/orders/checkout"
EMAIL = "ada@example.com"


async def test_a_guest_buys_and_an_account_with_the_address_has_it_later(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, price="7.50")
    await fill_basket(db_session, CartOwner.guest(GUEST), book, copies=2)
    body = {"email": "Ada@Example.com", "shipping_address": ADDRESS, "billing_address": ADDRESS}
    key = COOKIE | {"Idempotency-Key": "mine"}

    bought = await client.post(CHECKOUT, json=body, headers=key)

    assert bought.status_code == 201
    order = bought.json()
    assert (order["status"], order["email"], order["total_price"]) == ("confirmed", EMAIL, "15.00")
    assert order["billing_address"] == ADDRESS
    assert await stock_of(db_session, book) == (3, 0, 2)
    assert (await db_session.scalars(select(Order.user_id))).one() is None

    user = await make_user(db_session, email=EMAIL)
    await db_session.execute(
        update(User).where(User.id == user.id).values(email_verified_at=utc_now())
    )
    await fill_basket(db_session, CartOwner.account(user.id), book)
    await client.post(CHECKOUT, json={}, headers=bearer(user))
    listed = (await client.get("/api/v1/orders", headers=bearer(user))).json()
    assert [one["id"] for one in listed][1:] == [order["id"]]

    again = await client.post(CHECKOUT, json=body, headers=key)  # the browser is the same
    assert (again.status_code, again.content) == (201, bought.content)
    others = await client.post(CHECKOUT, json=body, headers=bearer(user) | key)
    assert (others.status_code, others.json()["code"]) == (422, "ORDER_CART_EMPTY")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (COOKIE, 422, "ORDER_EMAIL_NEEDED"),
        ({}, 401, "AUTH_TOKEN_INVALID"),
        (COOKIE | {"Authorization": "Bearer none"}, 401, "AUTH_TOKEN_INVALID"),
    ],
)
async def test_who_cannot_be_written_to_buys_nothing(
    client: AsyncClient,
    db_session: AsyncSession,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    book = await make_book(db_session)
    await fill_basket(db_session, CartOwner.guest(GUEST), book)
    response = await client.post(CHECKOUT, json={}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert await stock_of(db_session, book) == (5, 0, 0)
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [1]


async def test_a_guests_basket_comes_back_when_the_payment_is_declined(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await fill_basket(db_session, CartOwner.guest(GUEST), book, copies=2)
    body = {"email": EMAIL, "payment_token": DECLINED_CARD}
    declined = await client.post(CHECKOUT, json=body, headers=COOKIE)
    assert declined.status_code == 402
    assert await stock_of(db_session, book) == (5, 0, 0)
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [2]
    bought = await client.post(CHECKOUT, json={"email": EMAIL}, headers=COOKIE)
    assert bought.status_code == 201


async def test_a_key_is_its_buyers_own(client: AsyncClient, db_session: AsyncSession) -> None:
    user = await make_user(db_session, email=EMAIL)
    book = await make_book(db_session)
    key = {"Idempotency-Key": "the same for everybody"}
    body = {"email": EMAIL}
    buyers = [
        (CartOwner.account(user.id), bearer(user)),
        (CartOwner.guest(GUEST), COOKIE),
        (CartOwner.guest("another guest"), {"Cookie": "cart=another guest"}),
    ]
    ids = []
    for owner, headers in buyers:
        empty = await client.post(CHECKOUT, json=body, headers=headers | key)
        assert (empty.status_code, empty.json()["code"]) == (422, "ORDER_CART_EMPTY")
        await fill_basket(db_session, owner, book)
        bought = await client.post(CHECKOUT, json=body, headers=headers | key)
        again = await client.post(CHECKOUT, json=body, headers=headers | key)
        assert (bought.status_code, again.content) == (201, bought.content)
        ids.append(bought.json()["id"])
    assert len(set(ids)) == len(buyers)
    assert (await db_session.scalars(select(func.count()).select_from(Order))).one() == 3
