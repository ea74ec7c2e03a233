"""Coupons and gift cards through sequences that nobody thought of, beside a model in memory."""

import os
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.exceptions import AppError
from app.promotions import coupons, gift_cards, service
from app.promotions.discounts import Refusal
from app.promotions.invariants import find_breaches
from app.promotions.models import Coupon, GiftCard
from app.promotions.schemas import CouponRead, CouponUpdate
from app.promotions.service import Buyer
from app.promotions.terms import CouponKind
from tests.machines import DatabaseMachine, drive
from tests.promotions.things import NOW, make_coupon, make_gift_card, make_orders, used

RUNS = int(os.environ.get("MACHINE_RUNS", "10"))
ORDERS = 4
FEW = 2

T = TypeVar("T")

AMOUNTS = st.integers(1, 6000).map(lambda cents: Decimal(cents) / 100)
BUYERS = st.sampled_from(
    [
        Buyer(user_id=1, email="ada@example.com"),
        Buyer(email="Ada@Example.com"),
        Buyer(user_id=1, email="lovelace@example.com"),
        Buyer(email="grace@example.com"),
        Buyer(),
    ]
)
SELDOM = st.integers(0, 9).map(lambda number: number == 0)
LIMITS = st.none() | st.integers(1, 3)


@dataclass
class ModelCard:
    """What should be on a gift card."""

    code: str
    balance: Decimal
    is_ended: bool = False


@dataclass
class ModelCoupon:
    """Who should be using a coupon, by order."""

    coupon: CouponRead
    limit: int | None
    per_person: int | None
    is_ended: bool = False
    orders: dict[int, list[bytes]] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def objection(self, buyer: Buyer) -> str | None:
        if self.is_ended:
            return Refusal.OVER
        if self.limit is not None and len(self.orders) >= self.limit:
            return Refusal.USED_UP
        uses = [sum(one in people for people in self.orders.values()) for one in buyer.people]
        if self.per_person is not None and max(uses, default=0) >= self.per_person:
            return Refusal.USED_BY_BUYER
        return None


class Promotions(DatabaseMachine):
    """One shop, of which everything is undone at the end."""

    cards = Bundle("cards")
    coupons = Bundle("coupons")
    orders = Bundle("orders")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.model_cards: dict[int, ModelCard] = {}
        self.model_coupons: dict[int, ModelCoupon] = {}
        self.paid: defaultdict[int, dict[int, Decimal]] = defaultdict(dict)

    def attempt(self, act: Coroutine[Any, Any, T]) -> T | str:
        """Return what an act gives, or why it is refused; then it is undone."""

        async def step() -> T:
            async with self.session.begin_nested():
                return await act

        try:
            return self.run(step())
        except AppError as error:
            return str(error.extra.get("reason", error.code))

    @initialize(target=orders)
    def some_orders(self) -> MultipleResults[int]:
        return multiple(*self.run(make_orders(self.session, ORDERS)))

    @initialize(target=cards, amount=AMOUNTS)
    def first_card(self, amount: Decimal) -> int:
        return self.add_card(amount)

    @initialize(target=coupons, limit=LIMITS, per_person=LIMITS)
    def first_coupon(self, limit: int | None, per_person: int | None) -> int:
        return self.add_coupon(limit, per_person)

    @precondition(lambda self: len(self.model_cards) < FEW)
    @rule(target=cards, amount=AMOUNTS)
    def issue(self, amount: Decimal) -> int:
        return self.add_card(amount)

    def add_card(self, amount: Decimal) -> int:
        card = self.run(make_gift_card(self.session, str(amount)))
        self.model_cards[card.id] = ModelCard(code=card.code, balance=amount)
        return card.id

    @rule(card=cards, order=orders, amount=AMOUNTS)
    def spend(self, card: int, order: int, amount: Decimal) -> None:
        model = self.model_cards[card]
        spent = self.attempt(
            gift_cards.spend(
                self.session,
                code=model.code,
                amount=amount,
                currency="USD",
                order_id=order,
                now=NOW,
            )
        )
        if model.is_ended:
            assert spent == "GIFT_CARD_NOT_FOUND"
        elif not model.balance:
            assert spent == "GIFT_CARD_EMPTY"
        else:
            expected = min(amount, model.balance)
            assert spent == expected
            model.balance -= expected
            self.paid[order][card] = self.paid[order].get(card, Decimal(0)) + expected

    @rule(order=orders, amount=st.none() | AMOUNTS)
    def give_back(self, order: int, amount: Decimal | None) -> None:
        back = self.attempt(gift_cards.give_back(self.session, order_id=order, amount=amount))
        left = sum(self.paid[order].values(), Decimal(0)) if amount is None else amount
        expected = Decimal(0)
        for card in sorted(self.paid[order]):
            part = min(self.paid[order][card], left - expected)
            self.paid[order][card] -= part
            self.model_cards[card].balance += part
            expected += part
        assert back == expected

    @rule(card=cards, is_meant=SELDOM)
    def end_card(self, card: int, *, is_meant: bool) -> None:
        if not is_meant:
            return
        self.run(gift_cards.end_gift_card(self.session, gift_card_id=card, now=NOW))
        self.model_cards[card].is_ended = True

    @precondition(lambda self: len(self.model_coupons) < FEW)
    @rule(target=coupons, limit=LIMITS, per_person=LIMITS)
    def make(self, limit: int | None, per_person: int | None) -> int:
        return self.add_coupon(limit, per_person)

    def add_coupon(self, limit: int | None, per_person: int | None) -> int:
        coupon = self.run(
            make_coupon(self.session, max_redemptions=limit, max_per_person=per_person)
        )
        self.model_coupons[coupon.id] = ModelCoupon(coupon, limit, per_person)
        return coupon.id

    @rule(coupon=coupons, order=orders, buyer=BUYERS)
    def redeem(self, coupon: int, order: int, buyer: Buyer) -> None:
        model = self.model_coupons[coupon]
        if order in model.seen:
            return  # an order redeems once; checkout sees to it
        refused = self.attempt(
            service.redeem(
                self.session,
                order_id=order,
                discounts=used(model.coupon),
                buyer=buyer,
                now=NOW,
            )
        )
        assert refused == model.objection(buyer)
        if refused is None:
            model.orders[order] = buyer.people
            model.seen.add(order)

    @rule(order=orders)
    def release(self, order: int) -> None:
        self.run(service.release(self.session, order_id=order, now=NOW))
        for model in self.model_coupons.values():
            model.orders.pop(order, None)

    @rule(coupon=coupons, limit=LIMITS, per_person=LIMITS)
    def change(self, coupon: int, limit: int | None, per_person: int | None) -> None:
        model = self.model_coupons[coupon]
        terms = CouponUpdate(
            title="Free delivery",
            kind=CouponKind.FREE_SHIPPING,
            max_redemptions=limit,
            max_per_person=per_person,
        )
        answer = self.attempt(coupons.update_coupon(self.session, coupon_id=coupon, change=terms))
        if limit is not None and len(model.orders) > limit:
            assert answer == "COUPON_LIMIT_TOO_LOW"
        else:
            model.limit, model.per_person = limit, per_person

    @rule(coupon=coupons, is_meant=SELDOM)
    def end_coupon(self, coupon: int, *, is_meant: bool) -> None:
        if not is_meant:
            return
        self.run(coupons.end_coupon(self.session, coupon_id=coupon, now=NOW))
        self.model_coupons[coupon].is_ended = True

    @invariant()
    def the_database_agrees(self) -> None:
        async def look() -> None:
            balances = (await self.session.execute(select(GiftCard.id, GiftCard.balance))).all()
            assert {row.id: row.balance for row in balances} == {
                number: card.balance for number, card in self.model_cards.items()
            }
            counts = (await self.session.execute(select(Coupon.id, Coupon.redeemed))).all()
            assert {row.id: row.redeemed for row in counts} == {
                number: len(model.orders) for number, model in self.model_coupons.items()
            }
            assert await find_breaches(self.session) == []

        self.run(look())


def test_whatever_happens_counts_and_balances_are_right(test_engine: AsyncEngine) -> None:
    drive(Promotions, test_engine, runs=RUNS)
