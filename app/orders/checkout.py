"""From a basket to a paid order: reserve, charge, settle.

Three steps, of which the first and the last are transactions and the middle one talks to the
gateway while none is open. Each step can be repeated, and whatever dies in between is finished
by ``settle_overdue``, which the worker runs on a schedule.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.books.errors import InsufficientStockError as ShortStockError
from app.books.service import Offer, get_offers
from app.cart import service as cart
from app.cart.schemas import CartOwner
from app.core.config import Settings
from app.core.deps import Principal
from app.core.money import ZERO
from app.db.session import transactional
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    PaymentGateway,
)
from app.jobs.outbox import publish
from app.orders import repository
from app.orders.errors import (
    CartEmptyError,
    IdempotencyKeyReusedError,
    InsufficientStockError,
    ItemsUnavailableError,
    OrderInProgressError,
    PaymentFailedError,
)
from app.orders.events import OrderConfirmed
from app.orders.models import Order, OrderStatus, PaymentStatus
from app.orders.schemas import CheckoutRequest, OrderRead
from app.orders.service import get_order_of_shop

log = structlog.get_logger(__name__)

NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read aloud as something else
OVERDUE_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Copies set aside and a payment about to be made."""

    order_id: int
    charge: ChargeRequest


async def place_order(
    session: AsyncSession,
    *,
    buyer: Principal,
    request: CheckoutRequest,
    idempotency_key: str,
    now: datetime,
    settings: Settings,
    gateway: PaymentGateway,
) -> OrderRead:
    """Buy what is in the buyer's basket.

    The same key with the same request gives the same answer, however often and from wherever it
    comes. An order that is still ``pending`` was not answered by the gateway in time; it will be
    settled, and the buyer told, later.

    Raises:
        CartEmptyError, ItemsUnavailableError, InsufficientStockError: nothing was reserved, and
            the basket is as it was.
        PaymentFailedError: the gateway declined; copies and basket are as they were.
        OrderInProgressError: the same request is being worked on.
        IdempotencyKeyReusedError: the key belongs to another request.
    """
    request_hash = hashlib.sha256(request.model_dump_json().encode()).digest()
    reserved = await reserve(
        session,
        buyer=buyer,
        request=request,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        now=now,
        settings=settings,
        gateway_name=gateway.name,
    )
    if not isinstance(reserved, Reservation):
        return reserved
    outcome = await charge(gateway, reserved.charge, settings.gateway_timeout_seconds)
    if outcome.state is ChargeState.UNKNOWN:
        return await read_order(session, order_id=reserved.order_id)
    order = await settle(session, order_id=reserved.order_id, outcome=outcome, now=now)
    if order.status is OrderStatus.CANCELLED:
        raise PaymentFailedError(outcome.reason)
    return order


@transactional
async def reserve(
    session: AsyncSession,
    *,
    buyer: Principal,
    request: CheckoutRequest,
    idempotency_key: str,
    request_hash: bytes,
    now: datetime,
    settings: Settings,
    gateway_name: str,
) -> Reservation | OrderRead:
    """Record the order, set its copies aside, and take the basket; or replay an earlier answer.

    The stock rows come last, so that a title that everybody wants is locked as briefly as can be.
    """
    earlier = await repository.find_by_key(session, user_id=buyer.id, key=idempotency_key)
    if earlier is not None:
        return replay(earlier, request_hash)
    quantities = await cart.take_items(session, owner=CartOwner.account(buyer.id))
    if not quantities:
        twin = await repository.find_by_key(session, user_id=buyer.id, key=idempotency_key)
        if twin is None:
            raise CartEmptyError
        return replay(twin, request_hash)
    offers = await get_offers(session, book_ids=quantities.keys())
    missing = sorted(quantities.keys() - offers.keys())
    if missing:
        raise ItemsUnavailableError(extra={"items": [{"book_id": book_id} for book_id in missing]})

    refuse_short_stock(offers, quantities)
    total = sum((offers[book].price * copies for book, copies in quantities.items()), ZERO)
    address = request.shipping_address
    order_id = await repository.insert_order(
        session,
        {
            "number": new_order_number(),
            "user_id": buyer.id,
            "email": buyer.email,
            "currency": settings.currency,
            "total": total,
            "shipping_address": address.model_dump() if address else None,
            "idempotency_key": idempotency_key,
            "request_hash": request_hash,
            "reserved_until": now + timedelta(minutes=settings.reservation_minutes),
        },
    )
    if order_id is None:
        raise OrderInProgressError(headers={"Retry-After": "1"})
    payment = ChargeRequest(
        reference=secrets.token_hex(16),
        amount=total,
        currency=settings.currency,
        token=request.token_for(gateway_name),
    )
    await repository.insert_lines(session, _lines(order_id, quantities, offers))
    await repository.insert_payment(
        session,
        order_id=order_id,
        gateway=gateway_name,
        reference=payment.reference,
        token=payment.token,
        amount=payment.amount,
        currency=payment.currency,
    )
    try:
        await stock.reserve(session, quantities=quantities)
    except ShortStockError as short:
        raise InsufficientStockError(extra=short.extra) from None
    return Reservation(order_id=order_id, charge=payment)


def refuse_short_stock(offers: Mapping[int, Offer], quantities: Mapping[int, int]) -> None:
    """Refuse at a glance what is sold out, before anything is written or locked.

    Only a shortcut for the many who come too late: who passes may still find the last copy gone
    when the stock itself decides.
    """
    short = [
        {"book_id": book_id, "requested": copies, "available": offers[book_id].on_hand}
        for book_id, copies in sorted(quantities.items())
        if offers[book_id].on_hand < copies
    ]
    if short:
        raise InsufficientStockError(extra={"items": short})


def replay(order: Order, request_hash: bytes) -> OrderRead:
    """Give the answer that the same request got before, by what became of its order.

    Raises:
        IdempotencyKeyReusedError: the request is not the same.
        OrderInProgressError: it is still being worked on.
        PaymentFailedError: that was the answer.
    """
    if order.request_hash != request_hash:
        raise IdempotencyKeyReusedError
    if order.status is OrderStatus.PENDING:
        raise OrderInProgressError(headers={"Retry-After": "1"})
    if order.status is OrderStatus.CANCELLED:
        raise PaymentFailedError(order.payment.failure)
    return OrderRead.from_order(order)


async def charge(
    gateway: PaymentGateway, request: ChargeRequest, timeout_seconds: float
) -> ChargeOutcome:
    """Ask the gateway for the money; what is not answered in time, or breaks, is unknown."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await gateway.charge(request)
    except Exception as error:  # noqa: BLE001 (whatever broke, the money may have been taken)
        log.warning(
            "charge without answer", reference=request.reference, error=type(error).__name__
        )
        return ChargeOutcome(state=ChargeState.UNKNOWN)


@transactional
async def settle(
    session: AsyncSession, *, order_id: int, outcome: ChargeOutcome, now: datetime
) -> OrderRead:
    """Write what the gateway said: confirm, or cancel and give copies and basket back.

    Who comes second, the request or the schedule, finds the order settled and only reads it.
    """
    if outcome.state is ChargeState.CAPTURED:
        await _confirm(session, order_id=order_id, now=now)
    else:
        await _cancel(session, order_id=order_id, reason=outcome.reason)
    return await get_order_of_shop(session, order_id=order_id)


@transactional
async def read_order(session: AsyncSession, *, order_id: int) -> OrderRead:
    """Return the order as it stands."""
    return await get_order_of_shop(session, order_id=order_id)


async def settle_overdue(session: AsyncSession, *, gateway: PaymentGateway, now: datetime) -> int:
    """Settle the orders whose reservation has run out; return how many.

    The gateway is asked to cancel the charge. Where it was taken after all, the order is
    confirmed: no captured payment without an order. One that cannot be settled waits for the
    next call and does not hold up the others.
    """
    settled = 0
    for order_id, reference in await overdue_payments(session, now=now):
        try:
            outcome = await gateway.cancel(reference)
            await settle(session, order_id=order_id, outcome=outcome, now=now)
        except Exception:
            log.exception("order could not be settled", order_id=order_id)
        else:
            settled += 1
    return settled


@transactional
async def overdue_payments(session: AsyncSession, *, now: datetime) -> list[tuple[int, str]]:
    """Return orders with their payments' references whose reservation has run out."""
    overdue = await repository.list_overdue(session, now=now, limit=OVERDUE_BATCH)
    return [(order.id, order.payment.reference) for order in overdue]


def new_order_number() -> str:
    """Return ten characters (49 bits) that tell neither how many orders there are nor when."""
    letters = [secrets.choice(NUMBER_ALPHABET) for _ in range(10)]
    return f"{''.join(letters[:5])}-{''.join(letters[5:])}"


async def _confirm(session: AsyncSession, *, order_id: int, now: datetime) -> None:
    if not await repository.confirm(session, order_id=order_id, now=now):
        return
    await repository.set_payment(
        session, order_id=order_id, status=PaymentStatus.CAPTURED, failure=None
    )
    await publish(session, OrderConfirmed(order_id=order_id))
    await stock.sell(session, quantities=await repository.quantities(session, order_id=order_id))


async def _cancel(session: AsyncSession, *, order_id: int, reason: str | None) -> None:
    buyer_id = await repository.cancel(session, order_id=order_id)
    if buyer_id is None:
        return
    await repository.set_payment(
        session, order_id=order_id, status=PaymentStatus.FAILED, failure=reason
    )
    quantities = await repository.quantities(session, order_id=order_id)
    await cart.put_back(session, owner=CartOwner.account(buyer_id), quantities=quantities)
    await stock.release(session, quantities=quantities)


def _lines(
    order_id: int, quantities: Mapping[int, int], offers: Mapping[int, Offer]
) -> list[dict[str, Any]]:
    return [
        {
            "order_id": order_id,
            "book_id": book_id,
            "title": offers[book_id].title,
            "author": offers[book_id].author,
            "isbn": offers[book_id].isbn,
            "cover_image_url": offers[book_id].cover_image_url,
            "unit_price": offers[book_id].price,
            "quantity": copies,
        }
        for book_id, copies in sorted(quantities.items())
    ]
