"""From a basket to a paid order: reserve, charge, settle.

Three steps, of which the first and the last are transactions and the middle one talks to the
gateway while none is open. Each step can be repeated, and whatever dies in between is finished
by ``overdue.settle_overdue``, which the worker runs on a schedule.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.books.errors import InsufficientStockError as ShortStockError
from app.books.sale_rules import refuse_unsaleable
from app.books.service import Offer, get_offers
from app.cart import service as cart
from app.cart.schemas import MAX_TITLES, CartOwner
from app.core.config import Settings
from app.core.deps import Principal
from app.core.market import Market, shop_market
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
from app.orders.buyers import claim_orders
from app.orders.errors import (
    CartEmptyError,
    IdempotencyKeyReusedError,
    InsufficientStockError,
    ItemsUnavailableError,
    OrderInProgressError,
    PaymentFailedError,
    TooManyTitlesError,
)
from app.orders.events import OrderCancelled, OrderConfirmed
from app.orders.late_money import note_late_money
from app.orders.models import Order, OrderStatus, PaymentStatus
from app.orders.schemas import CheckoutRequest, OrderRead, PaymentAction
from app.orders.service import get_order_of_shop

log = structlog.get_logger(__name__)

PAID_AS = {
    ChargeState.CAPTURED: PaymentStatus.CAPTURED,
    ChargeState.DUE: PaymentStatus.DUE,
}
"""What confirms an order, and what its payment is then."""

NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read aloud as something else


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Copies set aside and a payment to be made or finished. The order is as it was committed."""

    order: OrderRead
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
    comes. An order that is still ``pending`` was not answered by the gateway in time, or what it
    answered could not be written; it will be settled, and the buyer told, later. Where its
    ``payment_action`` says so, it waits for the buyer.

    Raises:
        CartEmptyError, ItemsUnavailableError, InsufficientStockError, TooManyTitlesError,
        BookEmbargoedError, BookNotSoldInCountryError: nothing was reserved, and the basket is as
            it was. A book must be sold where the parcel goes, or else in the shop's country.
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
        return reserved.order
    order = await settle_if_possible(session, reserved.order, outcome=outcome, now=now)
    if order.status in {OrderStatus.DECLINED, OrderStatus.CANCELLED}:
        raise PaymentFailedError(outcome.reason)
    if order.payment_status is PaymentStatus.NEEDS_ACTION:
        action = PaymentAction(url=outcome.action_url, client_secret=outcome.client_secret)
        return order.model_copy(update={"payment_action": action})
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
        return replay(earlier, request, request_hash, now=now, settings=settings)
    quantities = await cart.take_items(session, owner=CartOwner.account(buyer.id))
    if not quantities:
        twin = await repository.find_by_key(session, user_id=buyer.id, key=idempotency_key)
        if twin is None:
            raise CartEmptyError
        return replay(twin, request, request_hash, now=now, settings=settings)
    if len(quantities) > MAX_TITLES:
        raise TooManyTitlesError(extra={"limit": MAX_TITLES})
    offers = await get_offers(session, book_ids=quantities.keys())
    missing = sorted(quantities.keys() - offers.keys())
    if missing:
        raise ItemsUnavailableError(extra={"items": [{"book_id": book_id} for book_id in missing]})

    address = request.shipping_address
    market = shop_market(now=now, settings=settings)
    if address is not None:
        market = Market(country=address.country, today=market.today)
    refuse_unsaleable(offers.values(), market=market)
    refuse_short_stock(offers, quantities)
    total = sum((offers[book].price * copies for book, copies in quantities.items()), ZERO)
    reserved_until = now + timedelta(minutes=settings.reservation_minutes)
    order = await repository.insert_order(
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
            "reserved_until": reserved_until,
            "settle_after": min(
                reserved_until, now + timedelta(seconds=settings.gateway_timeout_seconds)
            ),
        },
    )
    if order is None:
        raise OrderInProgressError(headers={"Retry-After": "1"})
    await claim_orders(session, user_id=buyer.id)
    payment = charge_of(order, secrets.token_hex(16), request, settings)
    lines = await repository.insert_lines(session, _lines(order.id, quantities, offers))
    await repository.insert_payment(
        session,
        order_id=order.id,
        gateway=gateway_name,
        reference=payment.reference,
        amount=payment.amount,
        currency=payment.currency,
    )
    try:
        await stock.reserve(session, quantities=quantities, order_id=order.id)
    except ShortStockError as short:
        raise InsufficientStockError(extra=short.extra) from None
    pending = OrderRead.from_parts(order, lines, PaymentStatus.PENDING)
    return Reservation(order=pending, charge=payment)


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


def charge_of(
    order: Order, reference: str, request: CheckoutRequest, settings: Settings
) -> ChargeRequest:
    """Return what the gateway is asked for."""
    return ChargeRequest(
        reference=reference,
        amount=order.total,
        currency=order.currency,
        token=request.payment_token,
        return_url=f"{settings.public_url}/orders/{order.id}",
        description=order.number,
        force_failure=request.force_payment_failure,
    )


def replay(
    order: Order,
    request: CheckoutRequest,
    request_hash: bytes,
    *,
    now: datetime,
    settings: Settings,
) -> Reservation | OrderRead:
    """Give the answer that the same request got before, by what became of its order.

    Where the buyer has to act, that is for the gateway to say again: what opens a charge is not
    kept here, and the buyer may have acted since.

    Raises:
        IdempotencyKeyReusedError: the request is not the same.
        OrderInProgressError: it is still being worked on: the gateway may yet answer in time.
        PaymentFailedError: that was the answer.
    """
    if order.request_hash != request_hash:
        raise IdempotencyKeyReusedError
    if (order.status, order.payment.status) == (OrderStatus.PENDING, PaymentStatus.NEEDS_ACTION):
        charge = charge_of(order, order.payment.reference, request, settings)
        return Reservation(order=OrderRead.from_order(order), charge=charge)
    answered_by = order.created_at + timedelta(seconds=settings.gateway_timeout_seconds)
    if order.status is OrderStatus.PENDING and now < answered_by:
        raise OrderInProgressError(headers={"Retry-After": "1"})
    if order.status in {OrderStatus.DECLINED, OrderStatus.CANCELLED}:
        raise PaymentFailedError(order.payment.failure)
    return OrderRead.from_order(order)


async def charge(
    gateway: PaymentGateway, request: ChargeRequest, timeout_seconds: float
) -> ChargeOutcome:
    """Ask the gateway for the money; what is not answered in time, or breaks, is unknown."""
    return await answer_in_time(gateway.charge(request), request.reference, timeout_seconds)


async def answer_in_time(
    answer: Awaitable[ChargeOutcome], reference: str, timeout_seconds: float
) -> ChargeOutcome:
    """Wait for a gateway's answer, but not for ever, and whatever breaks: then it is unknown."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await answer
    except Exception as error:  # noqa: BLE001 (whatever broke, the money may have been taken)
        log.warning("gateway without answer", reference=reference, error=type(error).__name__)
        return ChargeOutcome(state=ChargeState.UNKNOWN)


async def settle_if_possible(
    session: AsyncSession, pending: OrderRead, *, outcome: ChargeOutcome, now: datetime
) -> OrderRead:
    """Write what the gateway said while the buyer waits, or return the order as still pending.

    That is the truth where it cannot be written, with the database away for instance: the order
    is committed, the money perhaps taken, and the schedule will ask the gateway again.
    """
    try:
        return await settle(
            session, order_id=pending.id, outcome=outcome, refusal=OrderStatus.DECLINED, now=now
        )
    except Exception:
        log.exception("order is left to the schedule", order_id=pending.id)
        return pending


@transactional
async def settle(
    session: AsyncSession,
    *,
    order_id: int,
    outcome: ChargeOutcome,
    refusal: OrderStatus,
    now: datetime,
) -> OrderRead:
    """Write what the gateway said: confirm, wait for the buyer, or give copies and basket back.

    Who comes second, the request, the schedule or a webhook, finds the order settled and only
    reads it. Only money that was taken although the order had been given up is no matter of
    reading: it goes back (``late_money``).

    Args:
        session: the order is settled in a transaction of its own.
        order_id: the order.
        outcome: what the gateway said; it knows what became of the charge.
        refusal: what the order becomes where there is no money: ``declined`` where the buyer is
            told at once, ``cancelled`` where they have to be written to.
        now: the moment of the confirmation.
    """
    if outcome.state in PAID_AS:
        await _confirm(session, order_id=order_id, outcome=outcome, now=now)
    elif outcome.state is ChargeState.NEEDS_ACTION:
        await repository.await_buyer(
            session, order_id=order_id, gateway_reference=outcome.gateway_reference
        )
    else:
        await _refuse(session, order_id=order_id, outcome=outcome, status=refusal)
    return await get_order_of_shop(session, order_id=order_id)


def new_order_number() -> str:
    """Return ten characters (49 bits) that tell neither how many orders there are nor when."""
    letters = [secrets.choice(NUMBER_ALPHABET) for _ in range(10)]
    return f"{''.join(letters[:5])}-{''.join(letters[5:])}"


async def _confirm(
    session: AsyncSession, *, order_id: int, outcome: ChargeOutcome, now: datetime
) -> None:
    if not await repository.confirm(session, order_id=order_id, now=now):
        if outcome.state is ChargeState.CAPTURED:
            await note_late_money(session, order_id=order_id, now=now)
        return
    await repository.set_payment(
        session,
        order_id=order_id,
        status=PAID_AS[outcome.state],
        gateway_reference=outcome.gateway_reference,
    )
    await publish(session, OrderConfirmed(order_id=order_id))
    quantities = await repository.quantities(session, order_id=order_id)
    await stock.sell(session, quantities=quantities, order_id=order_id)


async def _refuse(
    session: AsyncSession, *, order_id: int, outcome: ChargeOutcome, status: OrderStatus
) -> None:
    refused = await repository.refuse(session, order_id=order_id, status=status)
    if refused is None:
        return
    if status is OrderStatus.CANCELLED:
        await publish(session, OrderCancelled(order_id=order_id))
    await repository.set_payment(
        session,
        order_id=order_id,
        status=PaymentStatus.FAILED,
        failure=outcome.reason,
        gateway_reference=outcome.gateway_reference,
    )
    quantities = await repository.quantities(session, order_id=order_id)
    if refused.user_id is not None:
        owner = CartOwner.account(refused.user_id)
        await cart.put_back(session, owner=owner, quantities=quantities)
    await stock.release(session, quantities=quantities, order_id=order_id)


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
