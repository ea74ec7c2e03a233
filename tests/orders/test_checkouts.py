"""Checking out in steps, as an account and as a guest."""

from datetime import timedelta
from typing import Any

from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.schemas import CartOwner
from app.core.clock import utc_now
from app.integrations.payments.demo import ASKING_CARD, DECLINED_CARD
from app.integrations.payments.gateway import ChargeOutcome, ChargeState
from app.orders.checkout import settle
from app.orders.checkout_models import Checkout
from app.orders.checkouts import GRACE, LIFETIME, forget_expired
from app.orders.models import Order, OrderStatus
from tests.factories import bearer, make_book, make_user
from tests.orders.selling import (
    ADDRESS,
    COOKIE,
    GUEST,
    balance,
    fill_basket,
    make_coupon,
    make_gift_card,
    make_parcel,
    set_price,
)

CHECKOUTS = "/api/v1/checkouts"


def codes(checkout: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in checkout["problems"]]


async def test_a_guest_goes_step_by_step(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session, price="20.00")
    slow = await make_parcel(db_session, price="3.00", name="Slow")
    quick = await make_parcel(db_session, price="8.00", name="Quick")
    await make_coupon(db_session, code="TEN")
    card = await make_gift_card(db_session, amount="5.00")
    await fill_basket(db_session, CartOwner.guest(GUEST), book)

    begun = await client.post(CHECKOUTS, json={}, headers=COOKIE)
    assert begun.status_code == 201
    checkout = begun.json()
    address = f"{CHECKOUTS}/{checkout['id']}"
    assert codes(checkout) == ["ORDER_ADDRESS_NEEDED", "ORDER_EMAIL_NEEDED"]
    assert checkout["quote"]["total_price"] == "20.00"
    early = await client.post(f"{address}/complete", json={}, headers=COOKIE)
    assert (early.status_code, early.json()["code"]) == (422, "ORDER_EMAIL_NEEDED")

    step = {"email": "ada@example.com", "shipping_address": ADDRESS}
    checkout = (await client.patch(address, json=step, headers=COOKIE)).json()
    options = [
        (option["method_id"], option["price"]) for option in checkout["quote"]["shipping_options"]
    ]
    assert options == [(slow, "3.00"), (quick, "8.00")]
    assert (checkout["quote"]["shipping_method_id"], codes(checkout)) == (slow, [])

    chosen = {"shipping_method_id": quick, "coupon_codes": ["TEN", "NOBODYS"]}
    checkout = (await client.patch(address, json=chosen, headers=COOKIE)).json()
    assert (checkout["quote"]["total_price"], codes(checkout)) == ("26.00", ["COUPON_REFUSED"])
    chosen = {"coupon_codes": ["TEN"], "gift_card_codes": [card]}
    checkout = (await client.patch(address, json=chosen, headers=COOKIE)).json()
    assert (checkout["quote"]["amount_due"], checkout["gift_cards"]) == ("21.00", 1)
    assert (await client.get(address, headers=COOKIE)).json() == checkout

    bought = await client.post(f"{address}/complete", json={}, headers=COOKIE)
    again = await client.post(f"{address}/complete", json={}, headers=COOKIE)
    assert (bought.status_code, again.content) == (201, bought.content)
    order = bought.json()
    assert (order["total_price"], order["amount_due"]) == ("26.00", "21.00")
    assert order["shipping_address"] == ADDRESS
    assert await balance(db_session, card) == 0
    done = (await client.get(address, headers=COOKIE)).json()
    assert (done["order_id"], done["quote"], done["problems"]) == (order["id"], None, [])
    for response in (
        await client.patch(address, json={}, headers=COOKIE),
        await client.post(f"{address}/complete", json={"payment_token": "x"}, headers=COOKIE),
    ):
        refused = response.json()
        assert (response.status_code, refused["code"]) == (409, "CHECKOUT_COMPLETED")
        assert refused["order_id"] == order["id"]


async def test_another_total_than_was_shown_is_not_charged(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    book = await make_book(db_session, price="20.00")
    await fill_basket(db_session, CartOwner.account(user.id), book)
    step = {"shipping_address": ADDRESS, "email": "somebody@example.com"}
    checkout = (await client.post(CHECKOUTS, json=step, headers=bearer(user))).json()
    assert checkout["email"] == user.email
    address = f"{CHECKOUTS}/{checkout['id']}"
    await set_price(db_session, book, "22.00")
    refused = await client.post(f"{address}/complete", json={}, headers=bearer(user))
    assert (refused.status_code, refused.json()["total"]) == (409, "22.00")
    seen = (await client.patch(address, json={}, headers=bearer(user))).json()
    assert seen["quote"]["total_price"] == "22.00"
    bought = await client.post(f"{address}/complete", json={}, headers=bearer(user))
    assert (bought.status_code, bought.json()["total_price"]) == (201, "22.00")


async def test_after_a_declined_payment_it_can_be_tried_again(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    await fill_basket(db_session, CartOwner.account(user.id), await make_book(db_session))
    step = {"shipping_address": ADDRESS}
    checkout = (await client.post(CHECKOUTS, json=step, headers=bearer(user))).json()
    complete = f"{CHECKOUTS}/{checkout['id']}/complete"
    keyed = bearer(user) | {"Idempotency-Key": "first"}
    declined = {"payment_token": DECLINED_CARD}
    for headers in (bearer(user), bearer(user), keyed, keyed):
        assert (await client.post(complete, json=declined, headers=headers)).status_code == 402
    # two attempts without a key, and one that was told twice
    assert (await db_session.scalars(select(func.count()).select_from(Order))).one() == 3
    bought = await client.post(complete, json={}, headers=bearer(user))
    assert bought.status_code == 201
    await fill_basket(db_session, CartOwner.account(user.id), await make_book(db_session))
    second = await client.post(complete, json={}, headers=keyed | {"Idempotency-Key": "second"})
    assert (second.status_code, second.json()["code"]) == (409, "CHECKOUT_COMPLETED")
    assert second.json()["order_id"] == bought.json()["id"]


async def test_one_that_was_given_up_can_be_tried_again(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    owner = CartOwner.account(user.id)
    await fill_basket(db_session, owner, await make_book(db_session))
    step = {"shipping_address": ADDRESS}
    checkout = (await client.post(CHECKOUTS, json=step, headers=bearer(user))).json()
    address = f"{CHECKOUTS}/{checkout['id']}"
    asked = {"payment_token": ASKING_CARD}
    waiting = await client.post(f"{address}/complete", json=asked, headers=bearer(user))
    assert waiting.status_code == 202
    await settle(
        db_session,
        order_id=waiting.json()["id"],
        outcome=ChargeOutcome(state=ChargeState.DECLINED),
        refusal=OrderStatus.CANCELLED,
        now=utc_now(),
    )
    seen = (await client.get(address, headers=bearer(user))).json()
    assert (seen["order_id"], seen["quote"]["total_price"]) == (None, "12.99")
    bought = await client.post(f"{address}/complete", json={}, headers=bearer(user))
    assert bought.status_code == 201


async def test_it_is_its_buyers_own_and_ends(client: AsyncClient, db_session: AsyncSession) -> None:
    await fill_basket(db_session, CartOwner.guest(GUEST), await make_book(db_session))
    checkout = (await client.post(CHECKOUTS, json={}, headers=COOKIE)).json()
    address = f"{CHECKOUTS}/{checkout['id']}"
    others = [bearer(await make_user(db_session)), {"Cookie": "cart=another"}]
    for headers in others:
        for response in (
            await client.get(address, headers=headers),
            await client.patch(address, json={}, headers=headers),
            await client.post(f"{address}/complete", json={}, headers=headers),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "CHECKOUT_NOT_FOUND")
    empty = await client.post(CHECKOUTS, json={}, headers={"Cookie": "cart=another"})
    assert (empty.status_code, empty.json()["code"]) == (422, "ORDER_CART_EMPTY")

    ends = utc_now() + LIFETIME
    assert await forget_expired(db_session, now=ends, limit=9) == 0
    await db_session.execute(update(Checkout).values(expires_at=utc_now() - timedelta(minutes=1)))
    await db_session.commit()
    assert (await client.get(address, headers=COOKIE)).status_code == 404
    assert await forget_expired(db_session, now=utc_now(), limit=9) == 0
    assert await forget_expired(db_session, now=utc_now() + GRACE, limit=9) == 1
