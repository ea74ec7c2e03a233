"""What goes back where discounts, delivery, taxes, gift cards and the counter had a part in it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.money import quantize
from app.integrations.payments.gateway import RefundState
from app.orders.fulfilment import paper_facts, papers
from app.orders.fulfilment.progress import describe
from app.orders.models import OrderLine
from app.orders.refunds import price_of
from app.orders.service import get_order_of_shop
from app.promotions.models import Coupon, GiftCard
from tests.factories import make_book
from tests.orders.fulfilment.gateways import Bank
from tests.orders.fulfilment.test_acts import ADMIN, generous, kinds_of, pay_all, staff
from tests.orders.selling import (
    ADDRESS,
    Buyer,
    balance,
    become,
    make_coupon,
    make_gift_card,
    make_parcel,
    stock_of,
    tax_books,
)

AT_HOME = ADDRESS | {"country": "US"}


@pytest.fixture
async def nora(db_session: AsyncSession) -> dict[str, str]:
    return await staff(db_session)


async def buy_with_everything(buyer: Buyer, session: AsyncSession, *, card: str) -> dict[str, Any]:
    """Buy three copies at 10.00 less a tenth, with a parcel for 4.99 and ten per cent tax."""
    await make_coupon(session, code="TEN", max_redemptions=1)
    await make_parcel(session, price="4.99")
    await tax_books(session, country="US", rate="10")
    await buyer.take(await make_book(session, price="10.00"), 3)
    status, order = await buyer.buy(
        shipping_address=AT_HOME, coupon_codes=["TEN"], gift_card_codes=[card]
    )
    assert (status, order["total_price"], order["amount_due"]) == (201, "31.99", "26.99")
    return dict(order)


async def test_an_order_that_is_called_off_undoes_everything(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    card = await make_gift_card(db_session, amount="5.00")
    order = await buy_with_everything(buyer, db_session, card=card)
    url = f"{ADMIN}/{order['id']}/cancel"
    told = (await buyer.client.post(url, json={}, headers=nora)).json()
    assert (told["status"], told["paid"], told["refunded_total"]) == (
        "cancelled",
        "31.99",
        "31.99",
    )
    refunds = [(each["way"], each["amount"], each["state"]) for each in told["refunds"]]
    assert refunds == [("payment", "26.99", "pending"), ("gift_cards", "5.00", "done")]
    assert await balance(db_session, card) == Decimal("5.00")
    assert (await db_session.scalars(select(Coupon.redeemed))).one() == 0
    bank = generous()
    await pay_all(db_session, bank)
    assert [*bank.paid.values()] == [Decimal("26.99")]
    assert await check_in(db_session) == []


async def test_copies_go_back_at_what_was_paid_for_them(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    card = await make_gift_card(db_session, amount="5.00")
    order = await buy_with_everything(buyer, db_session, card=card)
    url, line_id = f"{ADMIN}/{order['id']}", order["items"][0]["id"]
    await buyer.client.post(f"{url}/deliver", headers=nora)
    taken = await buyer.client.post(
        f"{url}/returns",
        json={"reason": "damaged", "lines": [{"line_id": line_id, "quantity": 1}]},
        headers=nora,
    )
    assert [each["amount"] for each in taken.json()["refunds"]] == ["9.00"]
    rest = await buyer.client.post(f"{url}/refunds", json={"reason": "goodwill"}, headers=nora)
    refunds = [(each["way"], each["amount"]) for each in rest.json()["refunds"]]
    assert refunds == [("payment", "9.00"), ("payment", "17.99"), ("gift_cards", "5.00")]
    more = await buyer.client.post(
        f"{url}/refunds", json={"reason": "goodwill", "amount": "0.01"}, headers=nora
    )
    assert (more.status_code, more.json()["refundable"]) == (409, "0.00")
    assert await balance(db_session, card) == Decimal("5.00")
    await pay_all(db_session, generous())
    assert await check_in(db_session) == []


async def test_papers_tell_discounts_delivery_taxes_and_gift_cards(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    card = await make_gift_card(db_session, amount="5.00")
    bought = await buy_with_everything(buyer, db_session, card=card)
    settings, now = get_settings(), utc_now()
    url, line_id = f"{ADMIN}/{bought['id']}", bought["items"][0]["id"]
    await buyer.client.post(
        f"{url}/refunds",
        json={"reason": "late", "lines": [{"line_id": line_id, "quantity": 1}]},
        headers=nora,
    )
    await buyer.client.post(f"{url}/cancel", json={}, headers=nora)
    await pay_all(db_session, generous())
    order = await get_order_of_shop(db_session, order_id=bought["id"])
    fulfilment = await describe(db_session, order=order)
    invoice = await papers.issue_invoice(db_session, order=order, now=now, settings=settings)
    told = paper_facts.invoice_facts(order, invoice, fulfilment=fulfilment, settings=settings)
    assert [(each.label, each.amount) for each in told.extras] == [
        ("Ten", Decimal("-3.00")),
        ("Parcel", Decimal("4.99")),
    ]
    assert [(each.net, each.tax) for each in told.taxes] == [(Decimal("29.09"), Decimal("2.90"))]
    assert told.paid_with == "$5.00 paid by gift card. Paid in full. Thank you."
    notes = [
        paper_facts.credit_facts(
            order, invoice, invoice=invoice, refund=refund, fulfilment=fulfilment, settings=settings
        )
        for refund in fulfilment.refunds
    ]
    assert [each.total for each in notes] == [Decimal("9.00"), Decimal("17.99"), Decimal("5.00")]
    assert sum(credit.total for credit in notes) == told.total
    assert [[(extra.label, extra.amount) for extra in credit.extras] for credit in notes] == [
        [],
        [("Adjustment", Decimal("-0.01"))],
        [("Refund: other", Decimal("5.00"))],
    ]
    for credit in notes:
        assert sum(each.gross for each in credit.taxes) == credit.total
        lines = sum(line.total for line in credit.lines)
        assert lines + sum(extra.amount for extra in credit.extras) == credit.total
    assert abs(sum(credit.taxes[0].tax for credit in notes) - Decimal("2.90")) <= Decimal("0.01")
    assert notes[2].paid_with == (
        f"Paid back onto the gift cards that order {order.number} was paid with."
    )


async def test_gift_cards_that_were_bought_end_unless_they_were_spent_from(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    product = await make_book(db_session, title="A gift card", author="Us", price="25.00")
    await become(db_session, product, BookFormat.GIFT_CARD)
    await buyer.take(product, 2)
    _, order = await buyer.buy()
    url, line_id = f"{ADMIN}/{order['id']}", order["items"][0]["id"]
    first = await db_session.scalar(select(GiftCard).order_by(GiftCard.id))
    assert first is not None
    first.balance = Decimal("20.00")  # as if 5.00 had been spent
    await db_session.commit()
    whole = await buyer.client.post(f"{url}/cancel", json={}, headers=nora)
    assert (whole.status_code, whole.json()["code"]) == (409, "GIFT_CARD_USED")
    dropped = {
        "reason": "changed_mind",
        "was_sent": False,
        "lines": [{"line_id": line_id, "quantity": 1}],
    }
    answer = await buyer.client.post(f"{url}/returns", json=dropped, headers=nora)
    assert (answer.status_code, answer.json()["refunded_total"]) == (201, "25.00")
    ended = await db_session.scalars(select(GiftCard.ended_at.is_not(None)).order_by(GiftCard.id))
    assert ended.all() == [False, True]


@pytest.mark.usefixtures("till")
class TestWhoPaysAtTheCounter:
    async def test_has_paid_once_the_books_are_handed_over(
        self, buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
    ) -> None:
        book = await make_book(db_session, price="10.00")
        await buyer.take(book)
        _, order = await buyer.buy()
        url = f"{ADMIN}/{order['id']}"
        too_early = await buyer.client.post(
            f"{url}/refunds", json={"reason": "goodwill"}, headers=nora
        )
        assert (too_early.status_code, too_early.json()["refundable"]) == (409, "0.00")
        done = (await buyer.client.post(f"{url}/deliver", headers=nora)).json()
        assert (done["status"], done["paid"]) == ("delivered", "10.00")
        assert await kinds_of(buyer.client, nora, order["id"]) == [
            *("placed", "confirmed", "paid", "delivered"),
        ]
        assert await check_in(db_session) == []

    async def test_owes_nothing_once_the_order_is_called_off(
        self, buyer: Buyer, db_session: AsyncSession
    ) -> None:
        card = await make_gift_card(db_session, amount="4.00")
        book = await make_book(db_session, price="10.00", copies=3)
        await buyer.take(book)
        _, order = await buyer.buy(gift_card_codes=[card])
        url = f"/api/v1/orders/{order['id']}"
        await buyer.client.post(f"{url}/cancel", headers=buyer.headers)
        told = (await buyer.client.get(f"{url}/fulfilment", headers=buyer.headers)).json()
        assert [(each["way"], each["amount"]) for each in told["refunds"]] == [
            ("gift_cards", "4.00")
        ]
        assert await balance(db_session, card) == Decimal("4.00")
        assert await stock_of(db_session, book) == (3, 0, 1)
        read = (await buyer.client.get(url, headers=buyer.headers)).json()
        assert (read["status"], read["payment_status"]) == ("cancelled", "voided")
        invoice = await buyer.client.get(f"{url}/invoice.pdf", headers=buyer.headers)
        assert invoice.status_code == 409
        assert await check_in(db_session) == []


@given(
    unit_price=st.decimals("0.01", "999.99", places=2),
    parts=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    percent=st.integers(0, 100),
    tax=st.decimals("0.00", "99.99", places=2),
    with_tax=st.booleans(),
)
def test_the_parts_of_a_line_add_up_to_what_was_paid_for_it(
    unit_price: Decimal, parts: list[int], percent: int, tax: Decimal, *, with_tax: bool
) -> None:
    quantity = sum(parts)
    amount = unit_price * quantity
    off = quantize(amount * percent / 100, "USD")
    line = OrderLine(unit_price=unit_price, quantity=quantity, discount=off, tax=tax, refunded=0)
    paid = []
    for part in parts:
        paid.append(price_of(line, part, with_tax=with_tax, currency="USD"))
        line.refunded += part
    assert sum(paid) == amount - off + (tax if with_tax else 0)
    assert min(paid) >= 0


async def test_money_that_the_bank_refuses_can_be_asked_for_again(
    buyer: Buyer, nora: dict[str, str], db_session: AsyncSession
) -> None:
    card = await make_gift_card(db_session, amount="5.00")
    order = await buy_with_everything(buyer, db_session, card=card)
    url = f"{ADMIN}/{order['id']}"
    await buyer.client.post(f"{url}/cancel", json={}, headers=nora)
    await pay_all(db_session, Bank(lambda _request: RefundState.REFUSED))
    told = (await buyer.client.get(f"/api/v1/orders/{order['id']}/fulfilment", headers=nora)).json()
    assert [each["state"] for each in told["refunds"]] == ["failed", "done"]
    assert told["refunded_total"] == "5.00"
    again = await buyer.client.post(f"{url}/refunds", json={"reason": "other"}, headers=nora)
    assert [each["amount"] for each in again.json()["refunds"]] == ["26.99", "5.00", "26.99"]
    assert await check_in(db_session) == []
