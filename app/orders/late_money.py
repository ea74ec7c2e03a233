"""Money that was taken for an order after it had been given up: it goes back.

The buyer was told that nothing was charged, has their basket again and may have bought elsewhere
since, and the copies may be somebody else's: the order is not brought back to life.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.db.session import transactional
from app.integrations.payments.gateway import PaymentGateway, RefundRequest, RefundState
from app.jobs.outbox import publish
from app.jobs.queue import JobKind, enqueue
from app.orders import repository
from app.orders.events import LateMoneyGivenBack

log = structlog.get_logger(__name__)

GIVE_BACK = JobKind(name="orders.give_back_late_money")


class NotGivenBackError(Exception):
    """The gateway did not agree, or did not answer; the job is tried again, and parked at last."""


async def note_late_money(session: AsyncSession, *, order_id: int, now: datetime) -> None:
    """Have the money of a given-up order go back, if there is any that nobody knew of."""
    if await repository.mark_late(session, order_id=order_id, now=now):
        log.warning("money came late", order_id=order_id)
        await enqueue(session, GIVE_BACK, order_id=order_id)


async def give_back(
    session: AsyncSession,
    *,
    order_id: int,
    find_gateway: Callable[[str], PaymentGateway],
    now: datetime,
    settings: Settings,
) -> None:
    """Refund the late money of an order. Repeated, it is one refund.

    Raises:
        NotGivenBackError: the gateway refused, or cannot say.
        TimeoutError: it did not answer.
    """
    late = await find_late(session, order_id=order_id)
    if late is None:
        return
    async with asyncio.timeout(settings.gateway_timeout_seconds):
        outcome = await find_gateway(late.gateway).refund(
            RefundRequest(
                reference=f"{late.reference}-late",
                charge_reference=late.reference,
                amount=late.amount,
                currency=late.currency,
            )
        )
    if outcome.state not in {RefundState.REFUNDED, RefundState.PENDING}:
        raise NotGivenBackError(f"order {order_id}: {outcome.state}, {outcome.reason}")
    await record_given_back(session, order_id=order_id, now=now)


@transactional
async def find_late(session: AsyncSession, *, order_id: int) -> repository.LateMoney | None:
    """Return the late money of an order, unless it was given back."""
    return await repository.find_late(session, order_id=order_id)


@transactional
async def record_given_back(session: AsyncSession, *, order_id: int, now: datetime) -> None:
    """Write that the late money of an order went back, and tell whoever wants to hear of it."""
    if await repository.mark_given_back(session, order_id=order_id, now=now):
        await publish(session, LateMoneyGivenBack(order_id=order_id))
