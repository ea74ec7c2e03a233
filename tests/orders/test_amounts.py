"""What an order comes to: offers, coupons, shipping, tax and gift cards, bought and given back."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.cart.models import CartItem
from app.core.clock import utc_now
from app.core.config import get_settings
from app.integrations.payments.demo import ASKING_CARD, DECLINED_CARD, DemoCharge, DemoGateway
from app.notifications.mailer import render_mail
from app.orders.invariants import find_breaches
from app.orders.models import Order, OrderLine, Payment
from app.orders.service import get_order_of_shop
from app.promotions.models import Coupon, GiftCard
from tests.factories import make_book
from tests.orders.selling import (
    ADDRESS,
    Buyer,
    balance,
    become,
    make_counter,
    make_coupon,
    make_gift_card,
    make_parcel,
    make_three_for_two,
    set_price,
    stock_of,
    tax_books,
)

AT_HOME = ADDRESS | {"country": "US"}


async def breaches(session: AsyncSession) -> list[Any]:
    return await find_breaches(session, now=utc_now())


async def test_everything_together_adds_up(buyer: Buyer, db_session: AsyncSession) -> None:
    cheap = await make_book(db_session, title="Emma", price="8.00")
    dear = await make_book(db_session, title="Persuasion", price="12.00")
    await make_three_for_two(db_session)
    await make_coupon(db_session, code="TEN", stacks=True)
    await make_parcel(db_session, price="9.00", name="Express")
    parcel = await make_parcel(db_session, price="4.99")
    await tax_books(db_session, country="US", rate="10")
    card = await make_gift_card(db_session, amount="5.00")
    await buyer.take(cheap, 2)
    await buyer.take(dear)

    status, order = await buyer.buy(
        shipping_address=AT_HOME,
        coupon_codes=["ten"],
        gift_card_codes=[card],
        expected_total="22.99",
    )

    # 28.00 less the cheapest, 8.00, less a tenth of the rest, 2.00, and a parcel for 4.99
    assert status == 201
    amounts = {
        name: order[name]
        for name in (
            *("subtotal", "discount_total", "shipping_total", "tax_total"),
            *("total_price", "gift_card_total", "amount_due"),
        )
    }
    assert amounts == {
        "subtotal": "28.00",
        "discount_total": "10.00",
        "shipping_total": "4.99",
        "tax_total": "2.09",
        "total_price": "22.99",
        "gift_card_total": "5.00",
        "amount_due": "17.99",
    }
    assert [(one["title"], one["amount"]) for one in order["discounts"]] == [
        ("3 for 2", "8.00"),
        ("Ten", "2.00"),
    ]
    assert order["taxes"] == [{"rate": "10.000", "net": "20.90", "tax": "2.09"}]
    assert (order["shipping_method"], order["prices_include_tax"]) == ("Parcel", True)
    assert (await db_session.scalars(select(Order.shipping_method_id))).one() == parcel
    assert await balance(db_session, card) == 0
    charged = await db_session.execute(
        select(DemoCharge.amount, Payment.amount).join(
            Payment, Payment.reference == DemoCharge.reference
        )
    )
    assert [tuple(row) for row in charged] == [(Decimal("17.99"), Decimal("17.99"))]
    assert await breaches(db_session) == []
    listed = (await buyer.client.get("/api/v1/orders", headers=buyer.headers)).json()
    assert listed == [order]


async def test_tax_comes_on_top_where_prices_are_without(
    buyer: Buyer, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "prices_include_tax", False)
    await tax_books(db_session, country="US", rate="8.875")
    await buyer.take(await make_book(db_session, price="12.99"), 3)
    status, order = await buyer.buy()
    assert (status, order["subtotal"], order["tax_total"]) == (201, "38.97", "3.46")
    assert (order["total_price"], order["amount_due"]) == ("42.43", "42.43")
    assert await breaches(db_session) == []


async def test_a_declined_payment_gives_codes_cards_and_basket_back(
    buyer: Buyer, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, price="20.00")
    await make_coupon(db_session, code="ONCE", max_redemptions=1, max_per_person=1)
    card = await make_gift_card(db_session, amount="7.00")
    await buyer.take(book, 2)
    chosen = {"coupon_codes": ["ONCE"], "gift_card_codes": [card]}
    for _ in range(2):
        status, refused = await buyer.buy(**chosen, payment_token=DECLINED_CARD)
        assert (status, refused["code"]) == (402, "ORDER_PAYMENT_FAILED")
        assert await balance(db_session, card) == Decimal("7.00")
        assert (await db_session.scalars(select(Coupon.redeemed))).one() == 0
        assert (await db_session.scalars(select(CartItem.quantity))).one() == 2
        assert await stock_of(db_session, book) == (5, 0, 0)
    status, order = await buyer.buy(**chosen)
    assert (status, order["total_price"], order["amount_due"]) == (201, "36.00", "29.00")
    await buyer.take(book)
    status, refused = await buyer.buy(coupon_codes=["ONCE"])
    assert (status, refused["code"], refused["coupon"]) == (409, "COUPON_REFUSED", "ONCE")
    assert await stock_of(db_session, book) == (3, 0, 2)
    assert await breaches(db_session) == []


async def test_a_gift_card_pays_a_whole_order(
    buyer: Buyer, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(DemoGateway, "charge")  # nothing is left to be paid
    card = await make_gift_card(db_session, amount="50.00")
    book = await make_book(db_session, price="20.00")
    await buyer.take(book)
    status, order = await buyer.buy(gift_card_codes=[card.lower(), card])
    assert (status, order["status"], order["payment_status"]) == (201, "confirmed", "captured")
    assert (order["gift_card_total"], order["amount_due"]) == ("20.00", "0.00")
    payment = (await db_session.execute(select(Payment.gateway, Payment.amount))).one()
    assert tuple(payment) == ("none", Decimal(0))
    assert await balance(db_session, card) == Decimal("30.00")
    assert await stock_of(db_session, book) == (4, 0, 1)
    assert await breaches(db_session) == []


async def test_a_gift_card_is_bought_and_mailed_once_it_is_paid(
    buyer: Buyer, db_session: AsyncSession
) -> None:
    product = await make_book(db_session, title="A gift card", author="Us", price="25.00")
    await become(db_session, product, BookFormat.GIFT_CARD)
    await make_parcel(db_session, price="4.99")
    await make_coupon(db_session, code="TEN")
    await tax_books(db_session, country="US", rate="10")
    await buyer.take(product, 2)
    status, refused = await buyer.buy(coupon_codes=["TEN"])
    assert (status, refused["code"]) == (409, "COUPON_REFUSED")  # money is not discounted
    await buyer.buy(payment_token=DECLINED_CARD)
    assert (await db_session.scalars(select(func.count()).select_from(GiftCard))).one() == 0
    status, order = await buyer.buy(shipping_address=AT_HOME)
    assert (status, order["shipping_total"], order["tax_total"]) == (201, "0.00", "0.00")
    cards = await db_session.execute(
        select(GiftCard.balance, GiftCard.recipient_email, OrderLine.order_id).join(
            OrderLine, OrderLine.id == GiftCard.order_line_id
        )
    )
    assert [tuple(row) for row in cards] == [(Decimal("25.00"), order["email"], order["id"])] * 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"shipping_method_id": 2**31 - 1}, "SHIPPING_METHOD_NOT_OFFERED"),
        ({"coupon_codes": ["NOBODYS"]}, "COUPON_REFUSED"),
        ({"gift_card_codes": ["7Q2XD-8MZKC-01V9R-HJ4TN"]}, "GIFT_CARD_NOT_FOUND"),
        ({"expected_total": "12.98"}, "ORDER_PRICE_CHANGED"),
    ],
)
async def test_what_cannot_be_had_as_chosen_is_refused(
    buyer: Buyer, db_session: AsyncSession, change: dict[str, Any], code: str
) -> None:
    book = await make_book(db_session, price="12.99")
    await make_parcel(db_session, price="0.00")
    await buyer.take(book)
    status, refused = await buyer.buy(shipping_address=AT_HOME, **change)
    assert (status >= 400, refused["code"]) == (True, code)
    assert (await db_session.scalars(select(CartItem.quantity))).one() == 1
    assert await stock_of(db_session, book) == (5, 0, 0)
    assert (await db_session.scalars(select(func.count()).select_from(Order))).one() == 0


async def test_a_changed_price_is_told_and_not_charged(
    buyer: Buyer, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title="Emma", price="12.99")
    await buyer.take(book, 2)
    await set_price(db_session, book, "11.99")
    cart = (await buyer.client.get("/api/v1/cart", headers=buyer.headers)).json()
    (item,) = cart["items"]
    assert (item["price_before"], item["notices"]) == (
        "12.99",
        [{"change": "price", "text": "Was $12.99, now $11.99."}],
    )
    status, refused = await buyer.buy(expected_total="25.98")
    assert status == 409
    del refused["detail"]
    assert refused == {
        "code": "ORDER_PRICE_CHANGED",
        "total": "23.98",
        "expected_total": "25.98",
        "currency": "USD",
        "changes": [
            {"book_id": book.id, "title": "Emma", "price_before": "12.99", "price": "11.99"}
        ],
    }
    status, order = await buyer.buy(expected_total="23.98")
    assert (status, order["total_price"]) == (201, "23.98")


async def test_what_is_collected_costs_no_shipping_and_what_goes_nowhere_is_refused(
    buyer: Buyer, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, price="10.00")
    counter = await make_counter(db_session)
    await buyer.take(book)
    status, refused = await buyer.buy(shipping_address=AT_HOME)
    assert (status, refused["code"]) == (409, "ORDER_NOT_DELIVERABLE")
    status, order = await buyer.buy(shipping_method_id=counter)
    assert (status, order["shipping_total"], order["shipping_method"]) == (201, "0.00", "Collect")


async def test_a_buyer_who_has_to_act_is_told_so_again(
    buyer: Buyer, db_session: AsyncSession
) -> None:
    buyer.headers |= {"Idempotency-Key": "asked"}
    await buyer.take(await make_book(db_session))
    for _ in range(2):
        status, order = await buyer.buy(payment_token=ASKING_CARD)
        assert (status, order["status"], order["payment_status"]) == (
            202,
            "pending",
            "needs_action",
        )
        assert order["payment_action"]["url"]
    assert (await db_session.scalars(select(func.count()).select_from(Order))).one() == 1


async def test_the_mail_tells_what_it_comes_to(buyer: Buyer, db_session: AsyncSession) -> None:
    await make_coupon(db_session, code="TEN")
    await make_parcel(db_session, price="4.99", name="Parcel post")
    card = await make_gift_card(db_session, amount="5.00")
    await buyer.take(await make_book(db_session, title="Emma", price="20.00"))
    _, bought = await buyer.buy(
        shipping_address=AT_HOME, coupon_codes=["TEN"], gift_card_codes=[card]
    )
    order = await get_order_of_shop(db_session, order_id=bought["id"])
    values = {"order": order, "order_link": "https://shop.example/orders/1"}
    mail = render_mail("order_confirmed", values=values, settings=get_settings())
    for text in (mail.text, mail.html):
        for told in ("$20.00", "Ten", "-$2.00", "Parcel post", "$4.99", "$22.99", "gift card"):
            assert told in text
