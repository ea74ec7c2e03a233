"""Work on orders that is done later or by a schedule."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import AsyncSessionLocal, session_scope
from app.integrations.payments.factory import find_gateway
from app.jobs.batches import in_batches
from app.jobs.queue import job, periodic
from app.orders import refunds
from app.orders.checkouts import forget_expired
from app.orders.late_money import GIVE_BACK, give_back
from app.orders.overdue import settle_overdue
from app.orders.preorders import follow_moved, release_due
from app.orders.webhooks import SETTLE_REPORTED, prune_events, settle_reported


@periodic("orders.settle_overdue", cron="*/1 * * * *")
async def settle_overdue_orders() -> None:
    """Ask about the orders that nobody told of, and give up those that are too late."""
    async with AsyncSessionLocal() as session:
        while await settle_overdue(
            session, find_gateway=find_gateway, now=utc_now(), settings=get_settings()
        ):
            pass


@periodic("orders.prune_checkouts", cron="37 * * * *")
async def prune_checkouts() -> None:
    """Delete the checkouts that have expired, addresses and all."""
    now = utc_now()

    async def step(session: AsyncSession, limit: int) -> int:
        return await forget_expired(session, now=now, limit=limit)

    await in_batches(step)


@periodic("orders.preorders", cron="*/5 * * * *")
async def look_after_preorders() -> None:
    """Note which books that were bought in advance are on sale, and whose day was moved."""
    now = utc_now()

    async def moved(session: AsyncSession, limit: int) -> int:
        return await follow_moved(session, limit=limit)

    async def released(session: AsyncSession, limit: int) -> int:
        return await release_due(session, now=now, limit=limit, settings=get_settings())

    await in_batches(moved)
    await in_batches(released)


@job(GIVE_BACK)
async def give_back_late_money(*, order_id: int) -> None:
    """Refund what was taken for an order after it had been given up."""
    async with AsyncSessionLocal() as session:
        await give_back(
            session,
            order_id=order_id,
            find_gateway=find_gateway,
            now=utc_now(),
            settings=get_settings(),
        )


@job(SETTLE_REPORTED)
async def settle_reported_order(*, gateway: str, reference: str) -> None:
    """Settle the order of a charge about which its gateway has written."""
    async with AsyncSessionLocal() as session:
        await settle_reported(
            session,
            gateway=gateway,
            reference=reference,
            find_gateway=find_gateway,
            now=utc_now(),
            settings=get_settings(),
        )


@periodic("orders.prune_gateway_events", cron="40 3 * * *")
async def prune_gateway_events() -> None:
    """Delete the messages of gateways that are too old to be repeated."""
    async with session_scope() as session:
        await prune_events(session, now=utc_now())


@job(refunds.PAY_REFUND)
async def pay_refund(*, refund_id: int) -> None:
    """Ask the gateway for a refund, soon after it was written down."""
    async with AsyncSessionLocal() as session:
        await refunds.pay_refund(
            session,
            refund_id=refund_id,
            find_gateway=find_gateway,
            now=utc_now(),
            settings=get_settings(),
        )


@periodic("orders.pay_overdue_refunds", cron="*/1 * * * *")
async def pay_overdue_refunds() -> None:
    """Ask again for the refunds that no gateway has decided yet."""
    async with AsyncSessionLocal() as session:
        await refunds.pay_overdue_refunds(
            session, find_gateway=find_gateway, now=utc_now(), settings=get_settings()
        )
