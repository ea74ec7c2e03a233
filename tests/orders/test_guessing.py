"""Guessing codes at the checkout: who types wrong ones may do so only so often."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.models import CartItem
from app.cart.schemas import CartOwner
from app.main import app
from app.orders.models import Order
from app.promotions import gift_cards
from app.users.limits import LIMITS, Purpose
from app.users.models import AttemptCount
from tests.factories import bearer, make_book, make_user
from tests.orders.selling import COOKIE, GUEST, fill_basket, make_coupon

CHECKOUT = "/api/v1/orders/checkout"
STEPS = "/api/v1/checkouts"
OF_ACCOUNT = LIMITS[Purpose.COUPON].account.attempts
OF_ADDRESS = LIMITS[Purpose.COUPON].address.attempts


@pytest_asyncio.fixture
async def stranger(client: AsyncClient) -> AsyncIterator[AsyncClient]:  # noqa: ARG001 (sets up)
    """Another's connection, from an address of the internet."""
    transport = ASGITransport(app=app, client=("203.0.113.7", 40_000))
    async with AsyncClient(transport=transport, base_url="http://test") as connection:
        yield connection


def assert_too_many(answer: Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "AUTH_TOO_MANY_ATTEMPTS")
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60


async def counted(session: AsyncSession) -> list[int]:
    statement = select(func.cardinality(AttemptCount.moments)).order_by(AttemptCount.subject)
    return sorted(await session.scalars(statement))


async def test_an_account_guesses_ten_times_and_then_not_even_a_right_code_is_told(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    headers = bearer(user)
    await make_coupon(db_session, code="RIGHT")
    await fill_basket(db_session, CartOwner.account(user.id), await make_book(db_session))
    begun = await client.post(STEPS, json={}, headers=headers)
    step = f"{STEPS}/{begun.json()['id']}"
    for number in range(0, OF_ACCOUNT, 2):
        wrong = {"coupon_codes": [f"WRONG{number}", f"WRONG{number + 1}"]}
        if number % 4:
            answer = await client.patch(step, json=wrong, headers=headers)
            assert answer.json()["problems"][0]["code"] == "COUPON_REFUSED"
        else:
            answer = await client.post(CHECKOUT, json=wrong, headers=headers)
            assert answer.json()["code"] == "COUPON_REFUSED"
    right = {"coupon_codes": ["RIGHT"]}
    assert_too_many(await client.post(CHECKOUT, json=right, headers=headers))
    assert_too_many(await client.patch(step, json=right, headers=headers))
    assert_too_many(await client.post(STEPS, json=right, headers=headers))
    assert (await db_session.scalars(select(Order.id))).all() == []
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [1]

    without = await client.post(CHECKOUT, json={}, headers=headers)
    assert without.status_code == 201, "who names no code buys as ever"


async def test_an_address_guesses_so_often_whoever_it_says_to_be(
    stranger: AsyncClient, client: AsyncClient, db_session: AsyncSession
) -> None:
    await make_coupon(db_session, code="RIGHT")
    await fill_basket(db_session, CartOwner.guest(GUEST), await make_book(db_session))
    for number in range(OF_ADDRESS):
        body = {"email": f"a{number}@example.com", "coupon_codes": [f"WRONG{number}"]}
        answer = await stranger.post(CHECKOUT, json=body, headers=COOKIE)
        assert answer.json()["code"] == "COUPON_REFUSED"
    right = {"email": "ada@example.com", "coupon_codes": ["RIGHT"]}
    assert_too_many(await stranger.post(CHECKOUT, json=right, headers=COOKIE))
    elsewhere = await client.post(CHECKOUT, json=right, headers=COOKIE)
    assert (elsewhere.status_code, elsewhere.json()["discount_total"] > "0.00") == (201, True)


async def test_wrong_gift_cards_count_at_the_checkout_as_at_their_balance(
    stranger: AsyncClient, db_session: AsyncSession
) -> None:
    card = await gift_cards.issue(db_session, amount=Decimal("5.00"), currency="USD", actor="x")
    await fill_basket(db_session, CartOwner.guest(GUEST), await make_book(db_session))
    attempts = LIMITS[Purpose.GIFT_CARD].address.attempts
    for number in range(attempts):
        body = {"email": "ada@example.com", "gift_card_codes": [f"{number:020}"]}
        answer = await stranger.post(CHECKOUT, json=body, headers=COOKIE)
        assert answer.json()["code"] == "GIFT_CARD_NOT_FOUND"
    right = {"email": "ada@example.com", "gift_card_codes": [card.code]}
    assert_too_many(await stranger.post(CHECKOUT, json=right, headers=COOKIE))
    assert_too_many(await stranger.post("/api/v1/gift-cards/balance", json={"code": card.code}))
    assert await counted(db_session) == [attempts]


@pytest.mark.parametrize("is_over", [False, True])
async def test_right_codes_use_nothing_up(
    stranger: AsyncClient, db_session: AsyncSession, *, is_over: bool
) -> None:
    user = await make_user(db_session)
    headers = bearer(user)
    coupon = await make_coupon(db_session, code="RIGHT")
    if is_over:  # one that is over was not guessed either
        await db_session.execute(update(type(coupon)).values(ended_at=coupon.created_at))
        await db_session.commit()
    await fill_basket(db_session, CartOwner.account(user.id), await make_book(db_session))
    step = (await stranger.post(STEPS, json={}, headers=headers)).json()["id"]
    for _ in range(OF_ACCOUNT + 2):
        answer = await stranger.patch(
            f"{STEPS}/{step}", json={"coupon_codes": ["right"]}, headers=headers
        )
        assert answer.status_code == 200
        codes = [problem["code"] for problem in answer.json()["problems"]]
        assert ("COUPON_REFUSED" in codes) is is_over
    assert await counted(db_session) == [0, 0]


async def test_the_page_counts_too_and_shows_nothing_of_a_code(
    stranger: AsyncClient, db_session: AsyncSession
) -> None:
    await make_coupon(db_session, code="RIGHT")
    await fill_basket(db_session, CartOwner.guest(GUEST), await make_book(db_session))
    stranger.cookies.set("cart", GUEST)
    page = (await stranger.get("/checkout")).text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "action": "work_out"}
    for number in range(OF_ADDRESS):
        wrong = await stranger.post("/checkout", data=form | {"coupon_code": f"WRONG{number}"})
        assert wrong.status_code == 200
    refused = await stranger.post("/checkout", data=form | {"coupon_code": "RIGHT"})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "Too many attempts." in refused.text
    assert "RIGHT" not in refused.text
    plain = await stranger.post("/checkout", data=form)
    assert plain.status_code == 200
