"""A checkout that dies at every point where it can, one after the other, and what is left of it.

The points are counted, not listed: each case runs once without dying, then dies at the first point,
the second, and so on, until all of those that it passes have been met.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.books.models import Book
from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import AsyncSessionLocal
from app.integrations.payments.demo import (
    APPROVED_CARD,
    ASKING_CARD,
    DECLINED_CARD,
    SILENT_CARD,
    DemoGateway,
)
from app.integrations.payments.gateway import ChargeOutcome, ChargeRequest
from app.jobs.outbox import outbox_jobs
from app.notifications.service import SEND_MAIL
from app.orders.checkout import place_order
from app.orders.errors import PaymentFailedError
from app.orders.overdue import settle_overdue
from app.orders.schemas import Address, Buyer, CheckoutRequest, OrderRead
from app.registry import HANDLERS, JOBS
from tests.crash_points import Process, WatchedGateway
from tests.factories import make_book, make_user
from tests.orders.selling import (
    ADDRESS,
    become,
    fill_basket,
    make_coupon,
    make_gift_card,
    make_parcel,
    tax_books,
)

TIMEOUT_SECONDS = 0.3
DAY = timedelta(days=1)
"""After so long every reservation is over, and what was put off is looked at again."""

FUNCTIONS = {job.name: job.function for job in (*JOBS, *outbox_jobs(HANDLERS))}


class AnswerLost(DemoGateway):
    """Takes the money and breaks the connection before it says so."""

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        await super().charge(request)
        raise ConnectionResetError


@dataclass(frozen=True, kw_only=True)
class Case:
    """How a checkout is paid, and whether it ends as an order."""

    name: str
    sells: bool
    card: str = APPROVED_CARD
    gift_card: str = "5.00"
    gateway: type[DemoGateway] = DemoGateway
    asked: frozenset[str] = frozenset({"before charge"})


CASES = (
    Case(name="approved", sells=True),
    Case(name="declined", sells=False, card=DECLINED_CARD),
    Case(name="no answer", sells=False, card=SILENT_CARD),
    Case(name="answer lost", sells=True, gateway=AnswerLost),
    Case(name="asks the buyer, who goes away", sells=False, card=ASKING_CARD),
    Case(name="gift card pays all", sells=True, gift_card="500.00", asked=frozenset()),
)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What all checkouts buy and where it goes."""

    novel: Book
    voucher: Book
    parcel: int


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """One buyer's, with a coupon that works once and a gift card of their own."""

    case: Case
    buyer: Buyer
    request: CheckoutRequest
    key: str

    async def post(self, session: AsyncSession, process: Process) -> OrderRead | None:
        """Check out; ``None`` where the payment was refused."""
        try:
            return await place_order(
                session,
                buyer=self.buyer,
                request=self.request,
                idempotency_key=self.key,
                now=utc_now(),
                settings=get_settings(),
                gateway=self.gateway(process),
            )
        except PaymentFailedError:
            return None

    def gateway(self, process: Process) -> WatchedGateway:
        return WatchedGateway(self.case.gateway(get_settings()), process)

    async def sweep(self, session: AsyncSession, process: Process, *, later: timedelta) -> None:
        """Settle what is overdue, as the worker's schedule will by then."""
        await settle_overdue(
            session,
            find_gateway=lambda _name: self.gateway(process),
            now=utc_now() + later,
            settings=get_settings(),
        )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "gateway_timeout_seconds", TIMEOUT_SECONDS)


@pytest.fixture
async def shop(committed: AsyncSession) -> Shop:
    """A novel, a gift card for sale, a parcel, and taxes."""
    novel = await make_book(committed, price="12.99", copies=1000)
    voucher = await make_book(committed, title="Voucher", price="25.00", copies=1000)
    await become(committed, voucher, BookFormat.GIFT_CARD)
    await tax_books(committed, country="GB", rate="10")
    return Shop(novel=novel, voucher=voucher, parcel=await make_parcel(committed, price="4.99"))


async def begin(session: AsyncSession, shop: Shop, case: Case, number: int | None) -> Checkout:
    """Fill a new buyer's basket, and give them a coupon and a gift card."""
    user = await make_user(session)
    buyer = Buyer(user_id=user.id, email=user.email)
    await fill_basket(session, buyer.cart, shop.novel, copies=2)
    await fill_basket(session, buyer.cart, shop.voucher)
    code = f"ONCE-{user.id}"
    await make_coupon(session, code=code, max_redemptions=1, max_per_person=1)
    gift_card = await make_gift_card(session, amount=case.gift_card)
    request = CheckoutRequest(
        shipping_address=Address.model_validate(ADDRESS),
        shipping_method_id=shop.parcel,
        coupon_codes=[code],
        gift_card_codes=[gift_card],
        payment_token=case.card,
    )
    return Checkout(case=case, buyer=buyer, request=request, key=f"{case.name} {number}")


async def run_jobs(process: Process) -> None:
    """Do what waits in the queue, as a worker would, but for handing mails over.

    A job is gone once it is done: one that its process died over is done again.
    """
    while not process.died:
        async with AsyncSessionLocal() as session:
            job: Any = (
                await session.execute(
                    text(
                        "SELECT id, task_name, args FROM procrastinate_jobs "
                        "WHERE task_name <> :mail ORDER BY priority DESC, id LIMIT 1"
                    ),
                    {"mail": SEND_MAIL.name},
                )
            ).one_or_none()
        if job is None:
            return

        async def work(session: AsyncSession, job: Any = job) -> None:
            del session  # a job opens its own
            await FUNCTIONS[job.task_name](**job.args)

        await process.run(work)
        if not process.died:
            async with AsyncSessionLocal() as session:
                await session.execute(
                    text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": job.id}
                )
                await session.commit()


async def play(checkout: Checkout, process: Process) -> None:
    """Check out, and let the schedule and the worker do what is theirs, up to the death."""
    await process.run(lambda session: checkout.post(session, process))
    await process.run(lambda session: checkout.sweep(session, process, later=DAY))
    await run_jobs(process)


async def prove(session: AsyncSession, checkout: Checkout, answer: OrderRead | None) -> None:
    """Look at all that a checkout touches, after everything is over.

    One that died before it asked for money may end without an order. Money that was taken stays
    only with an order, and only once.
    """
    await session.rollback()
    row: Any = (
        await session.execute(
            text("""
                SELECT count(*) AS orders, min(o.id) AS id, min(o.status) AS status,
                       min(o.gift_card_total) AS by_card, min(o.total) AS total,
                       count(*) FILTER (WHERE c.state = 'captured') AS charges,
                       coalesce(sum(c.amount - c.refunded)
                                FILTER (WHERE c.state = 'captured'), 0) AS charged
                FROM orders o JOIN payments p ON p.order_id = o.id
                LEFT JOIN demo_charges c ON c.reference = p.reference
                WHERE o.user_id = :user AND o.idempotency_key = :key
            """),
            {"user": checkout.buyer.user_id, "key": checkout.key},
        )
    ).one()
    [coupon] = checkout.request.coupon_codes
    seen: Any = (
        await session.execute(
            text("""
                SELECT (SELECT redeemed FROM coupons WHERE code = :code) AS redeemed,
                       (SELECT sum(quantity) FROM cart_items JOIN carts ON carts.id = cart_id
                        WHERE user_id = :user) AS in_basket,
                       (SELECT count(*) FROM gift_cards g JOIN order_lines l
                        ON l.id = g.order_line_id WHERE l.order_id = :order) AS issued,
                       (SELECT sum(-m.amount) FROM gift_card_entries m
                        WHERE m.order_id = :order) AS spent,
                       (SELECT count(*) FROM mails m JOIN outbox_events e ON e.id = m.event_id
                        WHERE e.name IN ('OrderConfirmed', 'OrderCancelled')
                        AND e.payload ->> 'order_id' = CAST(:order AS text)) AS mails
            """),
            {"code": coupon, "user": checkout.buyer.user_id, "order": row.id},
        )
    ).one()
    assert row.orders == 1
    if answer is not None:
        assert checkout.case.sells
        due = row.total - row.by_card
        assert (answer.id, answer.status, row.status) == (row.id, "confirmed", "confirmed")
        assert (row.charges, row.charged) == ((1, due) if due else (0, 0))
        assert (seen.redeemed, seen.in_basket, seen.issued, seen.mails) == (1, None, 1, 1)
        assert seen.spent == row.by_card > 0
    else:
        assert row.status in {"declined", "cancelled"}
        assert (row.charges, row.charged) == (0, 0)
        assert (seen.redeemed, seen.in_basket, seen.issued) == (0, 3, 0)
        assert seen.mails == (row.status == "cancelled")
        assert seen.spent == Decimal(0)
    assert await check_in(session) == []


async def recover(checkout: Checkout) -> OrderRead | None:
    """Start everything anew: the schedule, the worker, and the buyer, who sends the key again.

    Returns what the buyer is told once nothing is left to be done; ``None`` for no order.
    """
    process = Process()

    async def post(session: AsyncSession) -> OrderRead | None:
        return await checkout.post(session, process)

    answer = None
    for days in (2, 3):
        later = partial(checkout.sweep, process=process, later=days * DAY)
        await process.run(later)
        await run_jobs(process)
        answer = await process.run(post)
    return answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_wherever_it_dies_it_is_one_order_and_one_charge_or_none(
    case: Case,
    committed: AsyncSession,
    shop: Shop,
    record_property: Callable[[str, object], None],
) -> None:
    whole = Process()
    checkout = await begin(committed, shop, case, None)
    await play(checkout, whole)
    answer = await recover(checkout)
    assert (answer is not None) == case.sells
    await prove(committed, checkout, answer)
    for number, point in enumerate(whole.passed):
        checkout = await begin(committed, shop, case, number)
        process = Process(dies_at=number)
        await play(checkout, process)
        assert process.died
        assert process.passed == whole.passed[: number + 1], point
        await prove(committed, checkout, await recover(checkout))
    assert set(whole.passed) >= {"before a commit", "after a commit"} | case.asked
    record_property("died at", len(whole.passed))
