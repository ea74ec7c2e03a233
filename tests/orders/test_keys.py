"""The Idempotency-Key header, bare and as a Structured Field string."""

import pytest
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.schemas import CartOwner
from app.orders.errors import BadIdempotencyKeyError
from app.orders.keys import read_key
from app.orders.models import Order, OrderStatus, Payment, PaymentStatus
from tests.factories import bearer, make_book, make_user
from tests.orders.selling import fill_basket

CHECKOUT = "/api/v1/orders/checkout"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("8e03978e-40d5", "8e03978e-40d5"),
        ('"8e03978e-40d5"', "8e03978e-40d5"),
        (r'"say \"it\" \\ twice"', r'say "it" \ twice'),
        (' "a b" ', "a b"),
        ('it"s', 'it"s'),
        ("k" * 255, "k" * 255),
    ],
)
def test_a_key_is_read_in_either_spelling(header: str, key: str) -> None:
    assert read_key(header) == key


@pytest.mark.parametrize(
    "header", ["", "  ", '""', '"', '"a', '"a"b', r'"a\b"', '"a\\', "é", "a\tb", "k" * 256]
)
def test_what_is_no_key_is_refused(header: str) -> None:
    with pytest.raises(BadIdempotencyKeyError):
        read_key(header)


async def test_a_bad_key_is_400_and_buys_nothing(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    await fill_basket(db_session, CartOwner.account(user.id), await make_book(db_session))
    refused = await client.post(CHECKOUT, json={}, headers=bearer(user) | {"Idempotency-Key": '"a'})
    assert (refused.status_code, refused.json()["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")
    bought = await client.post(CHECKOUT, json={}, headers=bearer(user) | {"Idempotency-Key": '"a"'})
    same = await client.post(CHECKOUT, json={}, headers=bearer(user) | {"Idempotency-Key": "a"})
    assert (bought.status_code, same.content) == (201, bought.content)


async def test_the_answer_stays_whatever_happens_to_the_order_later(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    await fill_basket(db_session, CartOwner.account(user.id), await make_book(db_session))
    headers = bearer(user) | {"Idempotency-Key": "key"}
    bought = await client.post(CHECKOUT, json={}, headers=headers)
    await db_session.execute(update(Order).values(status=OrderStatus.CANCELLED))
    await db_session.execute(update(Payment).values(status=PaymentStatus.FAILED))
    await db_session.commit()
    again = await client.post(CHECKOUT, json={}, headers=headers)
    assert (again.status_code, again.content) == (201, bought.content)
