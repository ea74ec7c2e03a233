"""Giving money back: the one place that does.

A refund is written down first, in the transaction of what it is for, and counts from then on: one
conditional update of the payment sees to it that all refunds together are never more than was
captured. Then the gateway is asked, with no transaction open, by a job that is repeated until it
says something. The refund's own reference makes that one refund, however often it is asked.

What gift cards paid of an order goes back onto them, and only after all of the payment has: money
never comes out of a gift card, and what was paid in money is not turned into one.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NoReturn

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.money import ZERO, quantize
from app.db.session import transactional
from app.integrations.payments.gateway import (
    PaymentGateway,
    RefundOutcome,
    RefundRequest,
)
from app.integrations.payments.gateway import RefundState as Told
from app.jobs.outbox import publish
from app.jobs.queue import JobKind, enqueue
from app.orders import fulfilment_repository as repository
from app.orders.errors import (
    LineNotFoundError,
    OrderNotFoundError,
    RefundTooHighError,
    TooManyCopiesError,
)
from app.orders.events import RefundPaid
from app.orders.fulfilment_models import EventKind, Reason, RefundState, RefundWay
from app.orders.fulfilment_repository import AskedRefund, Copies, PricedCopies
from app.orders.fulfilment_schemas import RefundCreate
from app.orders.models import OrderLine, OrderStatus, PaymentStatus
from app.orders.moves import PAID
from app.orders.timeline import SHOP, write_event
from app.promotions import gift_cards

log = structlog.get_logger(__name__)

REFUNDABLE = PAID | {OrderStatus.CANCELLED}

PAY_REFUND = JobKind(name="orders.pay_refund")
FIRST_PATIENCE = timedelta(minutes=5)
"""How long the job that is queued with a refund has, before the schedule asks as well."""

ASKED_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """Why money goes back, for which copies, and who says so."""

    reason: Reason
    copies: Sequence[PricedCopies]
    actor: str


async def refund_as_staff(
    session: AsyncSession, *, order_id: int, wanted: RefundCreate, actor: str, now: datetime
) -> int:
    """Pay back what staff ask for: copies of lines, an amount, or all that is left.

    Returns the refund's id. Copies that are paid back are not taken back by this.

    Raises:
        OrderNotFoundError: there is no such order.
        RefundTooHighError: so much, or anything, is not left of what was paid.
        LineNotFoundError, TooManyCopiesError: of the copies.
    """
    if not await repository.lock_in(session, order_id=order_id, statuses=REFUNDABLE):
        await _refuse_amount(session, order_id=order_id)
    copies = sorted(Copies(line.line_id, line.quantity) for line in wanted.lines)
    reason = wanted.reason
    if wanted.amount is not None:
        return await refund_amount(
            session,
            order_id=order_id,
            amount=wanted.amount,
            reason=reason,
            actor=actor,
            now=now,
            copies=copies,
        )
    if copies:
        refund_id = await refund_copies(
            session, order_id=order_id, copies=copies, reason=reason, actor=actor, now=now
        )
    else:
        refund_id = await refund_rest(
            session, order_id=order_id, reason=reason, actor=actor, now=now
        )
    if refund_id is None:
        await _refuse_amount(session, order_id=order_id)
    return refund_id


async def refund_rest(
    session: AsyncSession,
    *,
    order_id: int,
    reason: Reason,
    actor: str,
    now: datetime,
    copies: Sequence[Copies] = (),
) -> int | None:
    """Pay back all that is left of what was paid; return the refund's id, ``None`` for nothing.

    Copies of lines, which were not paid back yet, may be what it is for.
    """
    priced = await _count_copies(session, order_id=order_id, copies=copies)
    purpose = Purpose(reason=reason, copies=priced, actor=actor)
    return await _pay_back(session, order_id=order_id, amount=None, purpose=purpose, now=now)


async def refund_amount(
    session: AsyncSession,
    *,
    order_id: int,
    amount: Decimal,
    reason: Reason,
    actor: str,
    now: datetime,
    copies: Sequence[Copies] = (),
) -> int:
    """Pay an amount back; return the refund's id. Copies of lines may be what it is for.

    Raises:
        RefundTooHighError: so much is not left of what was paid.
        LineNotFoundError, TooManyCopiesError: of the copies.
    """
    priced = await _count_copies(session, order_id=order_id, copies=copies)
    purpose = Purpose(reason=reason, copies=priced, actor=actor)
    return await _pay_amount_back(
        session, order_id=order_id, amount=amount, purpose=purpose, now=now
    )


async def refund_copies(
    session: AsyncSession,
    *,
    order_id: int,
    copies: Sequence[Copies],
    reason: Reason,
    actor: str,
    now: datetime,
) -> int | None:
    """Pay copies of lines back at what they cost; return the refund's id.

    ``None`` where they cost nothing.

    Raises:
        RefundTooHighError: so much is not left of what was paid, be it that an amount was paid
            back before.
        LineNotFoundError, TooManyCopiesError: of the copies.
    """
    priced = await _count_copies(session, order_id=order_id, copies=copies)
    amount = sum((each.amount for each in priced), ZERO)
    if amount == 0:
        return None
    purpose = Purpose(reason=reason, copies=priced, actor=actor)
    return await _pay_amount_back(
        session, order_id=order_id, amount=amount, purpose=purpose, now=now
    )


def price_of(line: OrderLine, quantity: int, *, with_tax: bool, currency: str) -> Decimal:
    """Return what some copies of a line cost: less their part of discounts, tax included.

    Of a line that is paid back bit by bit the parts add up to the whole, to the smallest coin:
    each is the difference between two roundings of what was paid back by then.

    Args:
        line: with the copies that were paid back before.
        quantity: how many more.
        with_tax: whether the tax came on top of the price.
        currency: of the amounts.
    """
    whole = line.unit_price * line.quantity - line.discount + (line.tax if with_tax else ZERO)
    before, after = line.refunded, line.refunded + quantity
    return quantize(whole * after / line.quantity, currency) - quantize(
        whole * before / line.quantity, currency
    )


async def pay_refund(
    session: AsyncSession,
    *,
    refund_id: int,
    find_gateway: Callable[[str], PaymentGateway],
    now: datetime,
    settings: Settings,
) -> bool:
    """Ask the gateway for a pending refund and write down what it says; tell if it is decided.

    It can be repeated, and by several at once: the gateway knows the reference, and the first
    who writes its answer down is the only one.
    """
    asked = await read_pending(session, refund_id=refund_id)
    if asked is None:
        return True
    outcome = await _ask(find_gateway, asked, settings.gateway_timeout_seconds)
    if outcome.state not in {Told.REFUNDED, Told.REFUSED}:
        return False
    await decide(session, refund=asked, outcome=outcome, now=now)
    return True


async def ask_about_reported(session: AsyncSession, *, gateway: str, reference: str) -> None:
    """Have a gateway asked soon about a refund that it wrote about, if it is ours and pending.

    What a message says is not looked at: so it does not matter how often messages come, in which
    order, or which of them. One that says too early that there is news changes nothing; the
    schedule asks on.
    """
    refund_id = await repository.find_refund_by_reference(
        session, gateway=gateway, reference=reference
    )
    if refund_id is not None:
        await enqueue(
            session,
            PAY_REFUND,
            unique=f"{PAY_REFUND.name}:{gateway}:{reference}",
            refund_id=refund_id,
        )


async def pay_overdue_refunds(
    session: AsyncSession,
    *,
    find_gateway: Callable[[str], PaymentGateway],
    now: datetime,
    settings: Settings,
) -> int:
    """Ask again for the refunds that no gateway has decided in time; return how many are now."""
    claimed = await claim_pending(session, now=now)
    decided = 0
    for refund_id in claimed:
        decided += await pay_refund(
            session, refund_id=refund_id, find_gateway=find_gateway, now=now, settings=settings
        )
    return decided


@transactional
async def read_pending(session: AsyncSession, *, refund_id: int) -> AskedRefund | None:
    """Return a refund that is pending."""
    return await repository.find_pending_refund(session, refund_id=refund_id)


@transactional
async def claim_pending(session: AsyncSession, *, now: datetime) -> list[int]:
    """Take refunds that are to be asked about now."""
    return await repository.claim_pending_refunds(session, now=now, limit=ASKED_AT_ONCE)


@transactional
async def decide(
    session: AsyncSession, *, refund: AskedRefund, outcome: RefundOutcome, now: datetime
) -> None:
    """Write down what the gateway said. A refund that failed no longer counts."""
    is_paid = outcome.state is Told.REFUNDED
    state = RefundState.DONE if is_paid else RefundState.FAILED
    if not await repository.decide_refund(
        session, refund_id=refund.id, state=state, failure=outcome.reason, now=now
    ):
        return
    if is_paid:
        await _tell_paid(
            session,
            order_id=refund.order_id,
            refund_id=refund.id,
            amount=refund.amount,
            currency=refund.currency,
        )
        return
    await repository.give_back_to_payment(session, refund_id=refund.id)
    await write_event(
        session,
        order_id=refund.order_id,
        kind=EventKind.REFUND_FAILED,
        actor=SHOP,
        refund_id=refund.id,
        amount=str(refund.amount),
        currency=refund.currency,
        failure=outcome.reason,
    )


async def _ask(
    find_gateway: Callable[[str], PaymentGateway], refund: AskedRefund, timeout_seconds: float
) -> RefundOutcome:
    request = RefundRequest(
        reference=refund.reference,
        charge_reference=refund.charge_reference,
        amount=refund.amount,
        currency=refund.currency,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            return await find_gateway(refund.gateway).refund(request)
    except Exception as error:  # noqa: BLE001 (whatever broke, the money may have gone back)
        log.warning("refund without answer", reference=refund.reference, error=type(error).__name__)
        return RefundOutcome(state=Told.UNKNOWN)


async def _count_copies(
    session: AsyncSession, *, order_id: int, copies: Sequence[Copies]
) -> list[PricedCopies]:
    """Count copies as paid back; return what they cost.

    Raises:
        LineNotFoundError, TooManyCopiesError
    """
    if not copies:
        return []
    with_tax = not await repository.includes_tax(session, order_id=order_id)
    payment = await repository.find_payment(session, order_id=order_id)
    if payment is None:
        raise OrderNotFoundError
    lines = {line.id: line for line in await repository.list_lines(session, order_id=order_id)}
    priced = []
    for each in sorted(copies):
        line = lines.get(each.line_id)
        if line is None or line.refunded + each.quantity > line.quantity:
            await refuse_copies(session, order_id=order_id, line_id=each.line_id)
        cost = price_of(line, each.quantity, with_tax=with_tax, currency=payment.currency)
        priced.append(PricedCopies(each.line_id, each.quantity, cost))
        if not await repository.count_lines(
            session,
            order_id=order_id,
            copies=each,
            counter=OrderLine.refunded,
            limit=OrderLine.quantity,
        ):
            await refuse_copies(session, order_id=order_id, line_id=each.line_id)
    return priced


async def refuse_copies(session: AsyncSession, *, order_id: int, line_id: int) -> NoReturn:
    """Say what is wrong with copies of a line that could not be counted.

    Raises:
        LineNotFoundError, TooManyCopiesError: always one of them.
    """
    lines = await repository.list_lines(session, order_id=order_id)
    if line_id not in {line.id for line in lines}:
        raise LineNotFoundError(extra={"line_id": line_id})
    raise TooManyCopiesError(extra={"line_id": line_id})


async def _left(session: AsyncSession, *, order_id: int) -> Decimal:
    """Return how much can be paid back: what is left of the payment, and of gift cards' parts.

    Nobody else pays any of it back before the transaction ends.
    """
    payment = await repository.find_payment(session, order_id=order_id, for_update=True)
    if payment is None:
        raise OrderNotFoundError
    if payment.status in {PaymentStatus.PENDING, PaymentStatus.NEEDS_ACTION}:
        return ZERO
    cards = await gift_cards.list_payments(session, order_id=order_id)
    return payment.left + sum((card.spent - card.given_back for card in cards), ZERO)


async def _refuse_amount(session: AsyncSession, *, order_id: int) -> NoReturn:
    left = await _left(session, order_id=order_id)
    raise RefundTooHighError(extra={"refundable": str(left)})


async def _pay_amount_back(
    session: AsyncSession, *, order_id: int, amount: Decimal, purpose: Purpose, now: datetime
) -> int:
    """Pay an amount back; return the refund's id.

    Raises:
        RefundTooHighError: so much is not left of what was paid.
    """
    if amount > await _left(session, order_id=order_id):
        await _refuse_amount(session, order_id=order_id)
    refund_id = await _pay_back(session, order_id=order_id, amount=amount, purpose=purpose, now=now)
    if refund_id is None:
        await _refuse_amount(session, order_id=order_id)
    return refund_id


async def _pay_back(
    session: AsyncSession,
    *,
    order_id: int,
    amount: Decimal | None,
    purpose: Purpose,
    now: datetime,
) -> int | None:
    """Pay an amount back, or all that is left; return the refund's id, ``None`` for nothing.

    First goes back what is left of the payment, then what gift cards paid. Where it is some of
    both there are two refunds, and the copies are those of the first.
    """
    payment = await repository.find_payment(session, order_id=order_id)
    if payment is None:
        raise OrderNotFoundError
    refund_id = None
    paid = await repository.take_from_payment(session, order_id=order_id, at_most=amount)
    if paid is not None:
        refund_id = await _write_refund(
            session,
            order_id=order_id,
            amount=paid,
            currency=payment.currency,
            purpose=purpose,
            way=RefundWay.PAYMENT,
            now=now,
        )
        await enqueue(session, PAY_REFUND, refund_id=refund_id)
        purpose = Purpose(reason=purpose.reason, copies=(), actor=purpose.actor)
    rest = None if amount is None else amount - (paid or ZERO)
    if rest == 0:
        return refund_id
    onto_cards = await gift_cards.give_back(session, order_id=order_id, amount=rest)
    if onto_cards:
        card_refund_id = await _write_refund(
            session,
            order_id=order_id,
            amount=onto_cards,
            currency=payment.currency,
            purpose=purpose,
            way=RefundWay.GIFT_CARDS,
            now=now,
        )
        await _tell_paid(
            session,
            order_id=order_id,
            refund_id=card_refund_id,
            amount=onto_cards,
            currency=payment.currency,
        )
        refund_id = refund_id or card_refund_id
    return refund_id


async def _write_refund(
    session: AsyncSession,
    *,
    order_id: int,
    amount: Decimal,
    currency: str,
    purpose: Purpose,
    way: RefundWay,
    now: datetime,
) -> int:
    is_done = way is RefundWay.GIFT_CARDS
    refund_id = await repository.insert_refund(
        session,
        {
            "order_id": order_id,
            "reference": secrets.token_hex(16),
            "amount": amount,
            "currency": currency,
            "reason": purpose.reason,
            "way": way,
            "state": RefundState.DONE if is_done else RefundState.PENDING,
            "decided_at": now if is_done else None,
            "ask_after": now + FIRST_PATIENCE,
        },
        copies=purpose.copies,
    )
    await write_event(
        session,
        order_id=order_id,
        kind=EventKind.REFUND_ASKED,
        actor=purpose.actor,
        refund_id=refund_id,
        amount=str(amount),
        currency=currency,
        reason=purpose.reason,
    )
    return refund_id


async def _tell_paid(
    session: AsyncSession, *, order_id: int, refund_id: int, amount: Decimal, currency: str
) -> None:
    await write_event(
        session,
        order_id=order_id,
        kind=EventKind.REFUNDED,
        actor=SHOP,
        refund_id=refund_id,
        amount=str(amount),
        currency=currency,
    )
    await publish(session, RefundPaid(order_id=order_id, refund_id=refund_id))
