"""Baskets, checkouts, gateways, schedules and late money in sequences that nobody thought of.

After every step ``bookstore check`` finds nothing, and the bank has taken from each buyer what
their orders come to and not a cent more.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.cart import service as cart
from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.exceptions import AppError
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    GatewayEvent,
    RefundOutcome,
    RefundRequest,
    RefundState,
)
from app.orders.checkout import place_order
from app.orders.errors import OrderInProgressError, PaymentFailedError
from app.orders.invariants import find_overdue
from app.orders.late_money import give_back
from app.orders.overdue import settle_overdue
from app.orders.schemas import Address, Buyer, CheckoutRequest, OrderRead
from app.orders.webhooks import StillUnknownError, settle_reported
from tests.factories import MARKET, make_book, make_user
from tests.orders.selling import (
    ADDRESS,
    GUEST,
    make_coupon,
    make_gift_card,
    make_parcel,
    set_price,
    tax_books,
)

RUNS = int(os.environ.get("MACHINE_RUNS", "12"))
STEPS = 40
COPIES = 12

T = TypeVar("T")

BOOKS = st.integers(0, 2)
BUYERS = st.integers(0, 2)
FEW = st.integers(1, 3)
LIMITS = st.none() | st.integers(1, 2)
PRICES = st.integers(1, 4000).map(lambda cents: Decimal(cents) / 100)
CARDS = st.sampled_from(["captured", "declined", "needs_action", "lost", "silent", "breaks"])
"""What the bank makes of a charge: it may also take the money and not say so, never hear of it,
or break before it has done anything."""


@dataclass
class Bank:
    """A gateway whose ledger is in memory; the token of a charge says what becomes of it."""

    name: str = "bank"
    charges: dict[str, ChargeState] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    refunds: dict[str, RefundRequest] = field(default_factory=dict)

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        if request.reference not in self.charges:
            if request.token in {"silent", "breaks"}:
                raise (TimeoutError if request.token == "silent" else ConnectionResetError)
            state = "captured" if request.token == "lost" else str(request.token)
            self.charges[request.reference] = ChargeState(state)
            self.amounts[request.reference] = request.amount
            if request.token == "lost":
                raise TimeoutError
        return await self.look_up(request.reference)

    async def look_up(self, reference: str) -> ChargeOutcome:
        return ChargeOutcome(state=self.charges.get(reference, ChargeState.UNKNOWN))

    async def cancel(self, reference: str) -> ChargeOutcome:
        if self.charges.get(reference) is not ChargeState.CAPTURED:
            self.charges[reference] = ChargeState.DECLINED
        return await self.look_up(reference)

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        earlier = self.refunds.setdefault(request.reference, request)
        assert earlier == request
        assert self.kept(request.charge_reference) >= 0
        return RefundOutcome(state=RefundState.REFUNDED)

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        raise NotImplementedError

    def kept(self, reference: str) -> Decimal:
        """Return what was taken and did not go back."""
        if self.charges.get(reference) is not ChargeState.CAPTURED:
            return Decimal(0)
        back = [
            refund.amount
            for refund in self.refunds.values()
            if refund.charge_reference == reference
        ]
        return self.amounts[reference] - sum(back, Decimal(0))


@dataclass(frozen=True)
class Sent:
    """A checkout as a client sent it, to be sent again."""

    buyer: Buyer
    key: str
    request: CheckoutRequest


class Shop(RuleBasedStateMachine):
    """One shop with few copies, of which everything is undone at the end."""

    checkouts = Bundle("checkouts")

    def __init__(self, url: str, ends: Counter[str]) -> None:
        super().__init__()
        self.ends = ends
        self.runner = asyncio.Runner()
        self.engine = create_async_engine(url, poolclass=NullPool)
        self.connection = self.run(self.engine.connect().start())
        self.run(self.connection.begin().start())
        self.session = AsyncSession(
            self.connection,
            expire_on_commit=False,
            autoflush=False,
            join_transaction_mode="create_savepoint",
        )
        self.bank = Bank()
        self.now = utc_now()
        self.numbers = count(1)
        self.told: dict[str, int] = {}
        self.run(self._open())

    async def _open(self) -> None:
        self.books = [
            await make_book(self.session, title=f"Volume {n}", price=price, copies=COPIES)
            for n, price in enumerate(("12.99", "7.01", "30.00"))
        ]
        users = [await make_user(self.session) for _ in range(2)]
        self.buyers = [
            *(Buyer(user_id=user.id, email=user.email) for user in users),
            Buyer(guest_hash=GUEST.encode(), email="guest@example.com"),
        ]
        self.parcel = await make_parcel(self.session, price="4.99")
        await tax_books(self.session, country="GB", rate="7.5")

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(act)

    def attempt(self, act: Coroutine[Any, Any, T]) -> T | AppError:
        """Do what a request does: commit what it did, or undo all of it where it is refused."""

        async def request() -> T:
            try:
                done = await act
                await self.session.commit()
            except BaseException:
                await self.session.rollback()
                raise
            return done

        try:
            return self.run(request())
        except AppError as error:
            return error

    def teardown(self) -> None:
        self.ends.update(
            self._column("SELECT status FROM orders")
            + self._column("SELECT 'money came late' FROM payments WHERE late_since IS NOT NULL")
            + self._column("SELECT 'money went back' FROM payments WHERE given_back_at IS NOT NULL")
            + self._column("SELECT 'coupon' FROM coupons WHERE redeemed > 0")
            + self._column("SELECT 'gift card' FROM gift_card_payments")
        )
        self.run(self.session.close())
        self.run(self.connection.close())
        self.run(self.engine.dispose())
        self.runner.close()

    @rule(buyer=BUYERS, book=BOOKS, copies=FEW)
    def put(self, buyer: int, book: int, copies: int) -> None:
        self.add(buyer, book, copies)

    def add(self, buyer: int, book: int, copies: int) -> None:
        self.attempt(
            cart.add_copies(
                self.session,
                owner=self.buyers[buyer].cart,
                book_id=self.books[book].id,
                quantity=copies,
                market=MARKET,
            )
        )

    @rule(buyer=BUYERS, copies=st.integers(0, 3), which=st.integers(0, 2))
    def change(self, buyer: int, copies: int, which: int) -> None:
        owner = self.buyers[buyer].cart
        basket = self.run(cart.get_cart(self.session, owner=owner, currency="USD"))
        if not basket.items:
            return
        item_id = basket.items[which % len(basket.items)].id
        if copies:
            self.attempt(
                cart.update_item(
                    self.session, owner=owner, item_id=item_id, quantity=copies, market=MARKET
                )
            )
        else:
            self.attempt(cart.remove_item(self.session, owner=owner, item_id=item_id))

    @rule(book=BOOKS, price=PRICES)
    def reprice(self, book: int, price: Decimal) -> None:
        self.run(set_price(self.session, self.books[book], str(price)))

    @initialize(limits=st.tuples(LIMITS, LIMITS, LIMITS, LIMITS), amounts=st.tuples(PRICES, PRICES))
    def hand_out(self, limits: tuple[int | None, ...], amounts: tuple[Decimal, ...]) -> None:
        """Write two coupons and two gift cards, which all buyers know."""
        for code, (most, each) in {"ONE": limits[:2], "TWO": limits[2:]}.items():
            self.run(
                make_coupon(self.session, code=code, max_redemptions=most, max_per_person=each)
            )
        self.gift_cards = [
            self.run(make_gift_card(self.session, amount=str(amount))) for amount in amounts
        ]

    @rule(target=checkouts, buyer=BUYERS, book=BOOKS, token=CARDS)
    def buy_one(self, buyer: int, book: int, token: str) -> Any:
        """Check out whatever is in the basket, and one copy more, as plainly as can be."""
        return self.check_out(buyer, [book], token, sends=False, codes=[], cards=[])

    @rule(
        target=checkouts,
        buyer=BUYERS,
        also=st.lists(BOOKS, min_size=1, max_size=2),
        token=CARDS,
        sends=st.booleans(),
        codes=st.lists(st.sampled_from(["ONE", "TWO"]), max_size=1),
        cards=st.lists(st.integers(0, 1), max_size=2, unique=True),
    )
    def buy(
        self,
        *,
        buyer: int,
        also: list[int],
        token: str,
        sends: bool,
        codes: list[str],
        cards: list[int],
    ) -> Any:
        return self.check_out(buyer, also, token, sends=sends, codes=codes, cards=cards)

    def check_out(
        self,
        buyer: int,
        also: list[int],
        token: str,
        *,
        sends: bool,
        codes: list[str],
        cards: list[int],
    ) -> Any:
        for book in also:
            self.add(buyer, book, 1)
        sent = Sent(
            buyer=self.buyers[buyer],
            key=f"key-{next(self.numbers)}",
            request=CheckoutRequest(
                shipping_address=Address.model_validate(ADDRESS) if sends else None,
                shipping_method_id=self.parcel if sends else None,
                coupon_codes=codes,
                gift_card_codes=[self.gift_cards[card] for card in cards],
                payment_token=token,
            ),
        )
        self._post(sent)
        return sent

    @rule(sent=checkouts)
    def repeat(self, sent: Sent) -> None:
        self._post(sent)

    def _post(self, sent: Sent) -> None:
        """Send a checkout; what its key was told stays true."""
        answer = self.attempt(
            place_order(
                self.session,
                buyer=sent.buyer,
                request=sent.request,
                idempotency_key=sent.key,
                now=self.now,
                settings=get_settings(),
                gateway=self.bank,
            )
        )
        if isinstance(answer, OrderRead):
            assert self.told.setdefault(sent.key, answer.id) == answer.id
        elif sent.key in self.told:
            assert isinstance(answer, PaymentFailedError | OrderInProgressError)

    @rule(sent=checkouts, captures=st.booleans(), writes=st.booleans())
    def decide(self, *, sent: Sent, captures: bool, writes: bool) -> None:
        """Let the bank end a charge that waits, or hear late of one, given up or not."""
        payment = self._payment(sent)
        if payment is None or payment.gateway != self.bank.name:
            return
        state = self.bank.charges.get(payment.reference)
        if state is ChargeState.CAPTURED or (state is ChargeState.DECLINED and not captures):
            return
        self.bank.charges[payment.reference] = (
            ChargeState.CAPTURED if captures else ChargeState.DECLINED
        )
        self.bank.amounts[payment.reference] = payment.amount
        if writes:
            self.report(sent)

    def report(self, sent: Sent) -> None:
        """Let the bank write about a charge, whether or not there is anything new."""
        payment = self._payment(sent)
        if payment is None:
            return
        try:
            self.run(
                settle_reported(
                    self.session,
                    gateway=self.bank.name,
                    reference=payment.reference,
                    find_gateway=lambda _name: self.bank,
                    now=self.now,
                    settings=get_settings(),
                )
            )
        except StillUnknownError:
            assert payment.reference not in self.bank.charges
        if self.bank.kept(payment.reference):
            after = self._payment(sent)
            assert after.status == "captured" or after.late_since is not None

    @rule(minutes=st.sampled_from([1, 14, 16, 90]))
    def wait(self, minutes: int) -> None:
        """Let time pass, and the schedule run whenever it does."""
        self.now += timedelta(minutes=minutes)
        sweep = partial(
            settle_overdue,
            self.session,
            find_gateway=lambda _name: self.bank,
            now=self.now,
            settings=get_settings(),
        )
        while self.run(sweep()):
            pass
        assert self.run(find_overdue(self.session, now=self.now)) == []
        self.work()

    def work(self) -> None:
        """Give back the money that came late, twice, as a job may be run."""
        for order_id in self._column("SELECT order_id FROM payments WHERE late_since IS NOT NULL"):
            for _ in range(2):
                self.run(
                    give_back(
                        self.session,
                        order_id=order_id,
                        find_gateway=lambda _name: self.bank,
                        now=self.now,
                        settings=get_settings(),
                    )
                )

    @invariant()
    def nothing_is_found(self) -> None:
        assert self.run(check_in(self.session)) == []

    @invariant()
    def the_bank_has_what_orders_cost(self) -> None:
        rows: Any = self._rows("""
            SELECT o.status, o.total - o.gift_card_total AS due, p.reference, p.gateway,
                   p.late_since IS NOT NULL AND p.given_back_at IS NULL AS goes_back,
                   p.given_back_at IS NOT NULL AS went_back
            FROM orders o JOIN payments p ON p.order_id = o.id
        """)
        for row in rows:
            kept = self.bank.kept(row.reference)
            if row.status == "confirmed":
                assert kept == row.due
            elif row.went_back:
                assert kept == 0
            elif row.goes_back:
                assert kept == row.due

    @invariant()
    def coupons_count_the_orders_that_stand(self) -> None:
        rows = self._rows("""
            SELECT c.code, c.redeemed, (
                SELECT count(*) FROM order_discounts d JOIN orders o ON o.id = d.order_id
                WHERE d.kind = 'coupon' AND d.source_id = c.id
                AND o.status IN ('pending', 'confirmed')
            ) AS orders FROM coupons c
        """)
        assert [row.code for row in rows if row.redeemed != row.orders] == []

    def _payment(self, sent: Sent) -> Any:
        rows = self._rows(
            "SELECT p.gateway, p.reference, p.amount, p.status, p.late_since FROM payments p "
            "JOIN orders o ON o.id = p.order_id WHERE o.idempotency_key = :key",
            key=sent.key,
        )
        return rows[0] if rows else None

    def _rows(self, query: str, **values: Any) -> Any:
        return self.run(self.session.execute(text(query), values)).all()

    def _column(self, query: str) -> list[Any]:
        return [row[0] for row in self._rows(query)]


def test_whatever_happens_copies_money_and_promises_are_kept(test_engine: AsyncEngine) -> None:
    url = test_engine.url.render_as_string(hide_password=False)
    ends: Counter[str] = Counter()

    class OfThisDatabase(Shop):
        def __init__(self) -> None:
            super().__init__(url, ends)

    run_state_machine_as_test(
        OfThisDatabase,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert ends.keys() >= {"confirmed", "pending", "gift card"}  # it came as far as that
