"""What gateways tell by themselves: written down once, and then asked about.

A message is only a hint that something happened. What did, the gateway is asked in a job: so it
does not matter how often messages come, in which order, or which of them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.db.session import transactional
from app.integrations.payments.gateway import ChargeState, GatewayEvent, PaymentGateway
from app.jobs.queue import JobKind, enqueue
from app.orders import repository
from app.orders.checkout import answer_in_time, settle
from app.orders.models import OrderStatus
from app.orders.refunds import ask_about_reported

log = structlog.get_logger(__name__)

SETTLE_REPORTED = JobKind(name="orders.settle_reported")

KEPT_FOR = timedelta(days=30)
"""How long a message can be told from one that is new. Gateways repeat theirs for a few days."""


class StillUnknownError(Exception):
    """The gateway said that something happened, and cannot say what: it is asked again."""


async def take_event(session: AsyncSession, *, gateway: str, event: GatewayEvent) -> bool:
    """Write a message down and have its charge or refund asked about; tell whether it is new.

    The message must have been proved to be the gateway's. One about nothing of ours is kept as
    well, so that it can be seen that it came.
    """
    if not await repository.insert_event(session, gateway=gateway, event=event):
        return False
    log.info("gateway's message", gateway=gateway, event_id=event.id, type=event.type)
    reference = event.charge_reference
    if reference is not None:
        await enqueue(
            session,
            SETTLE_REPORTED,
            unique=f"{SETTLE_REPORTED.name}:{gateway}:{reference}",
            gateway=gateway,
            reference=reference,
        )
    if event.refund_reference is not None:
        await ask_about_reported(session, gateway=gateway, reference=event.refund_reference)
    return True


async def settle_reported(
    session: AsyncSession,
    *,
    gateway: str,
    reference: str,
    find_gateway: Callable[[str], PaymentGateway],
    now: datetime,
    settings: Settings,
) -> None:
    """Ask a gateway what became of a charge that it wrote about, and settle the order.

    Raises:
        StillUnknownError: it does not say.
    """
    order_id = await find_charged_order(session, gateway=gateway, reference=reference)
    if order_id is None:
        return
    outcome = await answer_in_time(
        find_gateway(gateway).look_up(reference), reference, settings.gateway_timeout_seconds
    )
    if outcome.state is ChargeState.UNKNOWN:
        raise StillUnknownError(reference)
    await settle(
        session, order_id=order_id, outcome=outcome, refusal=OrderStatus.CANCELLED, now=now
    )


@transactional
async def find_charged_order(session: AsyncSession, *, gateway: str, reference: str) -> int | None:
    """Return the order that a charge is for, if it is one of this shop's."""
    return await repository.find_charged_order(session, gateway=gateway, reference=reference)


async def prune_events(session: AsyncSession, *, now: datetime) -> None:
    """Delete the messages that nobody repeats any more."""
    await repository.delete_events(session, before=now - KEPT_FOR)
