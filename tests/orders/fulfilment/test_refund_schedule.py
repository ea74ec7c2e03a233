"""A refund is asked for soon, and again for as long as the gateway says nothing."""

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.integrations.payments.gateway import RefundState as Told
from app.orders.fulfilment_models import Reason, Refund, RefundState
from app.orders.jobs import pay_overdue_refunds, pay_refund
from app.orders.refunds import FIRST_PATIENCE, refund_rest
from app.orders.refunds import pay_overdue_refunds as pay_overdue
from tests.orders.bought import make_order
from tests.orders.fulfilment.gateways import Bank

MINUTE = timedelta(minutes=1)


async def ask(session: AsyncSession, order_id: int) -> int:
    refund_id = await refund_rest(
        session, order_id=order_id, reason=Reason.OTHER, actor="shop", now=utc_now()
    )
    assert refund_id is not None
    await session.commit()
    return refund_id


async def read(session: AsyncSession, refund_id: int) -> Refund:
    statement = select(Refund).where(Refund.id == refund_id)
    refund = (await session.scalars(statement.execution_options(populate_existing=True))).one()
    await session.commit()
    return refund


async def test_the_job_that_is_queued_with_it_pays_it(committed: AsyncSession) -> None:
    order = await make_order(committed, 2)
    refund_id = await ask(committed, order.id)
    queued = text("SELECT args FROM procrastinate_jobs WHERE task_name = 'orders.pay_refund'")
    assert (await committed.execute(queued)).scalars().all() == [{"refund_id": refund_id}]
    await committed.commit()
    for _ in range(2):
        await pay_refund.function(refund_id=refund_id)
    assert (await read(committed, refund_id)).state is RefundState.DONE
    told = text("SELECT count(*) FROM outbox_events WHERE name = 'RefundPaid'")
    assert await committed.scalar(told) == 1
    assert await check_in(committed) == []


async def test_what_the_gateway_never_charged_fails_and_counts_no_more(
    committed: AsyncSession,
) -> None:
    order = await make_order(committed)
    await committed.execute(text("DELETE FROM demo_charges"))
    refund_id = await ask(committed, order.id)
    await committed.execute(text("UPDATE refunds SET ask_after = now() - interval '1 s'"))
    await committed.commit()
    await pay_overdue_refunds.function()
    refund = await read(committed, refund_id)
    assert (refund.state, refund.failure) == (
        RefundState.FAILED,
        "More than was taken cannot go back.",
    )
    counted = text("SELECT refunded_total FROM payments")
    assert await committed.scalar(counted) == 0
    assert await check_in(committed) == []


async def test_a_silent_gateway_is_asked_less_and_less_often(committed: AsyncSession) -> None:
    refund_id = await ask(committed, (await make_order(committed)).id)
    bank = Bank(lambda _request: Told.UNKNOWN)
    asked_at, pauses = utc_now() + FIRST_PATIENCE, []
    for _ in range(6):
        bank.paid.clear()  # so that it is silent again
        decided = await pay_overdue(
            committed, find_gateway=bank.find, now=asked_at + MINUTE, settings=get_settings()
        )
        assert decided == 0
        refund = await read(committed, refund_id)
        pauses.append((refund.ask_after - asked_at - MINUTE) / MINUTE)
        asked_at = refund.ask_after
    assert pauses == [5, 10, 20, 40, 60, 60]
    early = await pay_overdue(
        committed, find_gateway=bank.find, now=asked_at - MINUTE, settings=get_settings()
    )
    assert (early, bank.asked) == (0, 6)
    await pay_overdue(
        committed, find_gateway=bank.find, now=asked_at + MINUTE, settings=get_settings()
    )  # it had paid, and says so now
    assert (await read(committed, refund_id)).state is RefundState.DONE
