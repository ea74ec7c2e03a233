"""Orders whose gateway did not answer, or whose server died: settled by a schedule."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.db.session import transactional
from app.integrations.payments.gateway import ChargeOutcome, ChargeState, PaymentGateway
from app.orders import repository
from app.orders.checkout import answer_in_time, settle
from app.orders.models import OrderStatus

log = structlog.get_logger(__name__)

OVERDUE_BATCH = 100
CANCELLED_AT_ONCE = 20
"""So that a gateway that hangs costs a batch a few timeouts, not one for each order."""


async def settle_overdue(
    session: AsyncSession,
    *,
    find_gateway: Callable[[str], PaymentGateway],
    now: datetime,
    settings: Settings,
) -> int:
    """Settle the orders whose reservation has run out; return how many.

    The gateway that was to charge is asked to cancel. Where the money was taken after all, the
    order is confirmed: no captured payment without an order. While the gateway does not answer,
    the order stays pending. One that cannot be settled does not hold up the others, neither now
    nor at the next call.
    """
    settled = 0
    overdue = await claim_overdue(session, now=now)
    for start in range(0, len(overdue), CANCELLED_AT_ONCE):
        batch = overdue[start : start + CANCELLED_AT_ONCE]
        outcomes = await asyncio.gather(
            *(
                answer_in_time(
                    cancel(order, find_gateway), order.reference, settings.gateway_timeout_seconds
                )
                for order in batch
            )
        )
        for order, outcome in zip(batch, outcomes, strict=True):
            settled += await _settle_overdue(session, order, outcome=outcome, now=now)
    return settled


async def cancel(
    order: repository.OverdueOrder, find_gateway: Callable[[str], PaymentGateway]
) -> ChargeOutcome:
    """Ask the gateway that was to charge an order not to, or what became of it."""
    return await find_gateway(order.gateway).cancel(order.reference)


@transactional
async def claim_overdue(session: AsyncSession, *, now: datetime) -> list[repository.OverdueOrder]:
    """Take the orders that are to be settled now."""
    return await repository.claim_overdue(session, now=now, limit=OVERDUE_BATCH)


async def _settle_overdue(
    session: AsyncSession,
    order: repository.OverdueOrder,
    *,
    outcome: ChargeOutcome,
    now: datetime,
) -> bool:
    """Settle one order, if the gateway answered; tell whether it is settled."""
    if outcome.state is ChargeState.UNKNOWN:
        return False
    try:
        await settle(
            session, order_id=order.id, outcome=outcome, refusal=OrderStatus.CANCELLED, now=now
        )
    except Exception:
        log.exception("order could not be settled", order_id=order.id)
        return False
    return True
