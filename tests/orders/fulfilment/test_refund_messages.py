"""Gateways write when a refund is decided that was pending, signed and in any order."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.integrations.payments.demo import SIGNATURE_HEADER, Message, message_secret
from app.integrations.payments.gateway import ChargeRequest
from app.integrations.payments.signatures import sign
from app.integrations.payments.stripe import StripeGateway
from app.main import app
from app.orders.fulfilment_models import EventKind, OrderEvent, Reason, Refund, RefundState
from app.orders.models import Payment
from app.orders.refunds import pay_refund, refund_rest
from tests.orders.bought import make_order
from tests.stripe_stand_in import StandIn, serving, signed

STRIPE = "/api/v1/payments/stripe/webhook"
DEMO = "/api/v1/payments/demo/webhook"


@pytest.fixture
def account() -> Iterator[StandIn]:
    with serving(StandIn(refunds_are="pending")) as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def gateway(account: StandIn, client: AsyncClient) -> AsyncIterator[StripeGateway]:
    del client
    gateway = StripeGateway(account.settings(gateway_timeout_seconds=5.0))
    before, app.state.gateway = app.state.gateway, gateway
    yield gateway
    app.state.gateway = before
    await gateway.close()


async def queued(session: AsyncSession) -> list[dict[str, Any]]:
    """Return what the worker is to ask for, and take it out of the queue."""
    statement = text(
        "DELETE FROM procrastinate_jobs WHERE task_name = 'orders.pay_refund' RETURNING args"
    )
    return list((await session.scalars(statement)).all())


async def read(session: AsyncSession, refund_id: int) -> Refund:
    statement = select(Refund).where(Refund.id == refund_id)
    return (await session.scalars(statement.execution_options(populate_existing=True))).one()


async def ask(session: AsyncSession, gateway: StripeGateway) -> Refund:
    """Pay back what was charged at Stripe; it says that this takes a while."""
    order = await make_order(session)
    payment = (await session.scalars(select(Payment).where(Payment.order_id == order.id))).one()
    charge = ChargeRequest(
        reference=payment.reference,
        amount=payment.amount,
        currency="USD",
        token="pm_card_visa",
        return_url="http://shop.example/orders/1",
        description=order.number,
    )
    await gateway.charge(charge)
    await session.execute(update(Payment).values(gateway="stripe"))
    refund_id = await refund_rest(
        session, order_id=order.id, reason=Reason.OTHER, actor="shop", now=utc_now()
    )
    assert refund_id is not None
    await session.commit()
    (job,) = await queued(session)
    await work(session, gateway, job)
    refund = await read(session, refund_id)
    assert refund.state is RefundState.PENDING
    return refund


async def work(session: AsyncSession, gateway: StripeGateway, job: dict[str, Any]) -> None:
    """Do what the job does, with this gateway."""
    await pay_refund(
        session,
        **job,
        find_gateway=lambda _name: gateway,
        now=utc_now(),
        settings=get_settings(),
    )


async def times_told(session: AsyncSession, kind: EventKind) -> int:
    kinds = await session.scalars(select(OrderEvent.kind))
    return kinds.all().count(kind)


@pytest.mark.parametrize(
    ("status", "state", "kind", "kept"),
    [
        ("succeeded", RefundState.DONE, EventKind.REFUNDED, True),
        ("failed", RefundState.FAILED, EventKind.REFUND_FAILED, False),
        ("canceled", RefundState.FAILED, EventKind.REFUND_FAILED, False),
    ],
)
async def test_stripes_word_settles_a_pending_refund_once(
    client: AsyncClient,
    db_session: AsyncSession,
    account: StandIn,
    gateway: StripeGateway,
    status: str,
    state: RefundState,
    kind: EventKind,
    *,
    kept: bool,
) -> None:
    refund = await ask(db_session, gateway)
    made = account.refund_event(next(iter(account.refunds.values())), "refund.created")
    early = account.decide_refund(refund.reference, "pending")
    late = account.decide_refund(refund.reference, status)
    for body in (late, late, made, early):  # twice, and those before it after it
        answer = await client.post(STRIPE, content=body, headers=signed(body))
        assert (answer.status_code, answer.json()) == (200, {"received": True})
    jobs = await queued(db_session)
    assert jobs == [{"refund_id": refund.id}]
    for _ in range(2):
        await work(db_session, gateway, jobs[0])
    refund = await read(db_session, refund.id)
    assert refund.state is state
    assert await times_told(db_session, kind) == 1
    paid_back = await db_session.scalar(select(Payment.refunded_total))
    assert paid_back == (refund.amount if kept else Decimal(0))
    again = account.refund_event(next(iter(account.refunds.values())), "refund.failed")
    await client.post(STRIPE, content=again, headers=signed(again))
    assert await queued(db_session) == [], "it is decided"
    assert len(account.refunds) == 1
    assert await check_in(db_session) == []


async def test_news_that_are_none_leave_it_to_the_schedule(
    client: AsyncClient, db_session: AsyncSession, account: StandIn, gateway: StripeGateway
) -> None:
    refund = await ask(db_session, gateway)
    early = account.decide_refund(refund.reference, "requires_action")
    await client.post(STRIPE, content=early, headers=signed(early))
    (job,) = await queued(db_session)
    await work(db_session, gateway, job)
    assert (await read(db_session, refund.id)).state is RefundState.PENDING


async def test_what_is_forged_or_of_others_asks_for_nothing(
    client: AsyncClient, db_session: AsyncSession, account: StandIn, gateway: StripeGateway
) -> None:
    refund = await ask(db_session, gateway)
    refund_id, reference = refund.id, refund.reference  # what is refused undoes, and expires it
    body = account.decide_refund(reference, "succeeded")
    forged = await client.post(STRIPE, content=body, headers=signed(body, secret="whsec_other"))
    assert forged.status_code == 400
    others = account.refund_event({"object": "refund", "metadata": {"reference": "another's"}})
    nameless = account.refund_event({"object": "refund", "metadata": {}})
    for foreign in (others, nameless):
        answer = await client.post(STRIPE, content=foreign, headers=signed(foreign))
        assert answer.status_code == 200
    assert await tell_demo(client, reference) == 200, "of a refund at another gateway"
    assert await queued(db_session) == []
    assert (await read(db_session, refund_id)).state is RefundState.PENDING


async def tell_demo(client: AsyncClient, reference: str) -> int:
    now = datetime.now(UTC)
    message = Message(id="evt_1", type="refund.refunded", created=now, reference=reference)
    body = message.model_dump_json().encode()
    header = sign(body, secret=message_secret(get_settings()), now=now)
    answer = await client.post(DEMO, content=body, headers={SIGNATURE_HEADER: header})
    return answer.status_code


async def test_the_demo_gateways_word_has_it_asked_once(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    order = await make_order(db_session)
    refund_id = await refund_rest(
        db_session, order_id=order.id, reason=Reason.OTHER, actor="shop", now=utc_now()
    )
    await db_session.commit()
    assert await queued(db_session) == [{"refund_id": refund_id}]
    assert refund_id is not None
    reference = (await read(db_session, refund_id)).reference
    for _ in range(2):
        assert await tell_demo(client, reference) == 200
    assert await queued(db_session) == [{"refund_id": refund_id}]
