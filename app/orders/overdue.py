"""Orders of which nobody was told how they ended: settled by a schedule.

Their gateway did not answer, its webhook never came, their buyer went away, or their server died.
"""

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
ASKED_AT_ONCE = 20
"""So that a gateway that hangs costs a batch a few timeouts, not one for each order."""


async def settle_overdue(
    session: AsyncSession,
    *,
    find_gateway: Callable[[str], PaymentGateway],
    now: datetime,
    settings: Settings,
) -> int:
    """Settle the orders that should be settled by now; return how many.

    While a reservation holds, the gateway that was to charge is asked what became of that. When
    it has run out, it is asked to cancel. Where the money was taken after all, the order is
    confirmed: no captured payment without an order. While the gateway does not answer, the order
    stays pending. One that cannot be settled does not hold up the others, neither now nor at the
    next call.
    """
    settled = 0
    unsettled = await claim_unsettled(session, now=now)
    for start in range(0, len(unsettled), ASKED_AT_ONCE):
        batch = unsettled[start : start + ASKED_AT_ONCE]
        outcomes = await asyncio.gather(
            *(
                answer_in_time(
                    ask(order, find_gateway), order.reference, settings.gateway_timeout_seconds
                )
                for order in batch
            )
        )
        for order, outcome in zip(batch, outcomes, strict=True):
            settled += await _settle(session, order, outcome=outcome, now=now)
    return settled


async def ask(
    order: repository.UnsettledOrder, find_gateway: Callable[[str], PaymentGateway]
) -> ChargeOutcome:
    """Ask the gateway that was to charge what became of it, or not to once it is too late."""
    gateway = find_gateway(order.gateway)
    if order.is_overdue:
        return await gateway.cancel(order.reference)
    return await gateway.look_up(order.reference)


@transactional
async def claim_unsettled(
    session: AsyncSession, *, now: datetime
) -> list[repository.UnsettledOrder]:
    """Take the orders that are to be asked about now."""
    return await repository.claim_unsettled(session, now=now, limit=OVERDUE_BATCH)


async def _settle(
    session: AsyncSession,
    order: repository.UnsettledOrder,
    *,
    outcome: ChargeOutcome,
    now: datetime,
) -> bool:
    """Write what the gateway said of one order, if anything; tell whether it is settled."""
    if outcome.state is ChargeState.UNKNOWN:
        return False
    try:
        read = await settle(
            session, order_id=order.id, outcome=outcome, refusal=OrderStatus.CANCELLED, now=now
        )
    except Exception:
        log.exception("order could not be settled", order_id=order.id)
        return False
    return read.status is not OrderStatus.PENDING
