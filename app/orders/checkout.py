"""From a basket to a paid order: reserve, charge, settle.

Three steps, of which the first and the last are transactions and the middle one talks to the
gateway while none is open. Each step can be repeated, and whatever dies in between is finished
by ``overdue.settle_overdue``, which the worker runs on a schedule.

Both transactions lock in this order, so that no two wait for each other: the basket's rows, the
order (a new one, or the one that is settled, which no reservation asks for), coupons, gift cards
and stock, of each kind by ascending id. The stock comes last, so that a title that everybody wants
is locked as briefly as can be.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.books.errors import InsufficientStockError as ShortStockError
from app.cart import service as cart
from app.core.config import Settings
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
    EmailNeededError,
    GiftCardSpentError,
    InsufficientStockError,
    OrderInProgressError,
    PaymentFailedError,
)
from app.orders.events import OrderCancelled, OrderConfirmed
from app.orders.fulfilment_models import EventKind
from app.orders.gift_card_sales import issue_gift_cards
from app.orders.late_money import note_late_money
from app.orders.models import OrderStatus, PaymentStatus
from app.orders.moves import move_pending
from app.orders.quoting import (
    Choices,
    Quote,
    find_offers,
    prove_gift_cards,
    redeemer,
    refuse_changed_total,
    refuse_short_stock,
    refuse_unsaleable_books,
    refuse_what_was_chosen_in_vain,
    work_out_quote,
)
from app.orders.repeats import charge_of, replay
from app.orders.reservation_repository import confirm_order
from app.orders.reservations import Repeatable, Reservation, write_order
from app.orders.schemas import Buyer, CheckoutRequest, OrderRead, PaymentAction
from app.orders.service import get_order_of_shop
from app.orders.timeline import SHOP, write_event
from app.promotions import gift_cards
from app.promotions import service as coupons
from app.promotions.errors import GiftCardEmptyError

log = structlog.get_logger(__name__)

PAID_AS = {
    ChargeState.CAPTURED: PaymentStatus.CAPTURED,
    ChargeState.DUE: PaymentStatus.DUE,
}
"""What confirms an order, and what its payment is then."""


async def place_order(
    session: AsyncSession,
    *,
    buyer: Buyer,
    request: CheckoutRequest,
    idempotency_key: str,
    now: datetime,
    settings: Settings,
    gateway: PaymentGateway,
    gift_card_ids: Sequence[int] = (),
    checkout_id: int | None = None,
) -> OrderRead:
    """Buy what is in the buyer's basket.

    The same key with the same request gives the same answer, however often and from wherever it
    comes. An order that is still ``pending`` was not answered by the gateway in time, or what it
    answered could not be written; it will be settled, and the buyer told, later. Where its
    ``payment_action`` says so, it waits for the buyer.

    Args:
        session: the request's; the steps are transactions of their own.
        buyer: who buys.
        request: what the buyer chose.
        idempotency_key: the buyer's own.
        now: the moment.
        settings: the shop's.
        gateway: who takes the money.
        gift_card_ids: of gift cards whose codes were proved before, besides those of the request.
        checkout_id: of the checkout whose last step this is.

    Raises:
        EmailNeededError: a guest has not said where to write to.
        CartEmptyError, ItemsUnavailableError, InsufficientStockError, TooManyTitlesError,
        BookEmbargoedError, BookNotSoldInCountryError, CouponRefusedError, GiftCardNotFoundError,
        GiftCardSpentError, MethodNotOfferedError, NotDeliverableError, PriceChangedError: nothing
            was reserved, and the basket is as it was. A book must be sold where the parcel goes,
            or else in the shop's country.
        PaymentFailedError: the gateway declined; copies and basket are as they were.
        OrderInProgressError: the same request is being worked on.
        IdempotencyKeyReusedError: the key belongs to another request.
    """
    if buyer.email is None:
        raise EmailNeededError(field="email")
    reserved = await reserve(
        session,
        buyer=buyer,
        request=request,
        repeatable=Repeatable(
            key=idempotency_key,
            request_hash=hashlib.sha256(request.model_dump_json().encode()).digest(),
        ),
        gift_card_ids=gift_card_ids,
        checkout_id=checkout_id,
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
    if order.payment_status is PaymentStatus.FAILED:
        raise PaymentFailedError(outcome.reason)
    if order.payment_status is PaymentStatus.NEEDS_ACTION:
        action = PaymentAction(url=outcome.action_url, client_secret=outcome.client_secret)
        return order.model_copy(update={"payment_action": action})
    return order


@transactional
async def reserve(
    session: AsyncSession,
    *,
    buyer: Buyer,
    request: CheckoutRequest,
    repeatable: Repeatable,
    gift_card_ids: Sequence[int],
    checkout_id: int | None,
    now: datetime,
    settings: Settings,
    gateway_name: str,
) -> Reservation | OrderRead:
    """Record the order, set its copies aside, and take the basket; or replay an earlier answer.

    An order of which nothing is left to be paid is confirmed at once.
    """
    earlier = await repository.find_by_key(session, buyer=buyer, key=repeatable.key)
    if earlier is not None:
        return replay(earlier, request, repeatable.request_hash, now=now, settings=settings)
    copies = await cart.take_items(session, owner=buyer.cart)
    if not copies:
        twin = await repository.find_by_key(session, buyer=buyer, key=repeatable.key)
        if twin is None:
            raise CartEmptyError
        return replay(twin, request, repeatable.request_hash, now=now, settings=settings)
    proved = await prove_gift_cards(session, codes=request.gift_card_codes, now=now)
    choices = Choices(
        shipping_address=request.shipping_address,
        billing_address=request.billing_address,
        shipping_method_id=request.shipping_method_id,
        coupon_codes=request.coupon_codes,
        gift_card_ids=sorted({*gift_card_ids, *proved}),
        needs_destination=checkout_id is not None,
    )
    offers = await find_offers(session, copies=copies)
    refuse_short_stock(offers, copies)
    quote = await work_out_quote(
        session,
        copies=copies,
        offers=offers,
        choices=choices,
        buyer=buyer,
        now=now,
        settings=settings,
    )
    refuse_unsaleable_books(quote, now=now, settings=settings)
    refuse_what_was_chosen_in_vain(quote, choices, settings=settings)
    refuse_changed_total(quote, expected=request.expected_total, settings=settings)
    reference = secrets.token_hex(16)
    order = await write_order(
        session,
        quote=quote,
        choices=choices,
        buyer=buyer,
        repeatable=repeatable,
        charge_reference=reference,
        gateway_name=gateway_name,
        checkout_id=checkout_id,
        now=now,
        settings=settings,
    )
    if order is None:
        raise OrderInProgressError(headers={"Retry-After": "1"})
    if buyer.user_id is not None:
        await claim_orders(session, user_id=buyer.user_id)
    await _spend(session, order_id=order.id, quote=quote, buyer=buyer, now=now, settings=settings)
    try:
        await stock.reserve(session, quantities=quote.quantities, order_id=order.id)
    except ShortStockError as short:
        raise InsufficientStockError(extra=short.extra) from None
    if order.amount_due:
        is_guest = buyer.user_id is None
        payment = charge_of(order, reference, request, settings, is_guest=is_guest)
        return Reservation(order=order, charge=payment)
    paid = ChargeOutcome(state=ChargeState.CAPTURED)
    await _confirm(session, order_id=order.id, outcome=paid, now=now)
    return _confirmed(order, PaymentStatus.CAPTURED, now=now)


async def _spend(
    session: AsyncSession,
    *,
    order_id: int,
    quote: Quote,
    buyer: Buyer,
    now: datetime,
    settings: Settings,
) -> None:
    """Count the coupons as used and take the gift cards' parts off them.

    Raises:
        CouponRefusedError: somebody else was quicker.
        GiftCardSpentError: likewise.
    """
    await coupons.redeem(
        session, order_id=order_id, discounts=quote.discounts, buyer=redeemer(buyer), now=now
    )
    for gift_card_id, part in sorted(quote.gift_card_parts.items()):
        spent = ZERO
        with suppress(GiftCardEmptyError):
            spent = await gift_cards.spend_from(
                session,
                gift_card_id=gift_card_id,
                amount=part,
                currency=settings.currency,
                order_id=order_id,
                now=now,
            )
        if spent != part:
            raise GiftCardSpentError(field="gift_card_codes")


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
            session,
            order_id=pending.id,
            outcome=outcome,
            refusal=OrderStatus.DECLINED,
            now=now,
            pending=pending,
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
    pending: OrderRead | None = None,
) -> OrderRead:
    """Write what the gateway said: confirm, wait for the buyer, or give copies and basket back.

    Who comes second, the request, the schedule or a webhook, finds the order settled and only
    reads it. Only money that was taken although the order had been given up is no matter of
    reading: it goes back (``late_money``).

    A basket that was a guest's before an account claimed the order goes to the account.

    Args:
        session: the order is settled in a transaction of its own.
        order_id: the order.
        outcome: what the gateway said; it knows what became of the charge.
        refusal: what the order becomes where there is no money: ``declined`` where the buyer is
            told at once, ``cancelled`` where they have to be written to.
        now: the moment of the confirmation.
        pending: the order as it was reserved, where it is known: what changes in it by a
            confirmation need not be read again.
    """
    if outcome.state in PAID_AS:
        if await _confirm(session, order_id=order_id, outcome=outcome, now=now) and pending:
            return _confirmed(pending, PAID_AS[outcome.state], now=now)
    elif outcome.state is ChargeState.NEEDS_ACTION:
        await repository.await_buyer(
            session, order_id=order_id, gateway_reference=outcome.gateway_reference
        )
    else:
        await _refuse(session, order_id=order_id, outcome=outcome, status=refusal, now=now)
    return await get_order_of_shop(session, order_id=order_id)


def _confirmed(pending: OrderRead, payment_status: PaymentStatus, *, now: datetime) -> OrderRead:
    """Return an order as it is once it is confirmed."""
    changes = {"status": OrderStatus.CONFIRMED, "payment_status": payment_status}
    return pending.model_copy(update=changes | {"confirmed_at": now})


async def _confirm(
    session: AsyncSession, *, order_id: int, outcome: ChargeOutcome, now: datetime
) -> bool:
    """Confirm a pending order; tell whether it was pending until now."""
    sold = await confirm_order(
        session,
        order_id=order_id,
        payment_status=PAID_AS[outcome.state],
        gateway_reference=outcome.gateway_reference,
        now=now,
    )
    if not sold:
        if outcome.state is ChargeState.CAPTURED:
            await note_late_money(session, order_id=order_id, now=now)
        return False
    await publish(session, OrderConfirmed(order_id=order_id))
    if outcome.state is ChargeState.CAPTURED and any(line.is_gift_card for line in sold):
        await issue_gift_cards(session, order_id=order_id)
    quantities = {line.book_id: line.quantity for line in sold}
    await stock.sell(session, quantities=quantities, order_id=order_id)
    return True


async def _refuse(
    session: AsyncSession,
    *,
    order_id: int,
    outcome: ChargeOutcome,
    status: OrderStatus,
    now: datetime,
) -> None:
    refused = await move_pending(session, order_id=order_id, to=status)
    if refused is None:
        return
    kind = EventKind.CANCELLED if status is OrderStatus.CANCELLED else EventKind.DECLINED
    await write_event(session, order_id=order_id, kind=kind, actor=SHOP, reason=outcome.reason)
    if status is OrderStatus.CANCELLED:
        await publish(session, OrderCancelled(order_id=order_id))
    await repository.set_payment(
        session,
        order_id=order_id,
        status=PaymentStatus.FAILED,
        failure=outcome.reason,
        gateway_reference=outcome.gateway_reference,
    )
    copies = await repository.list_copies(session, order_id=order_id)
    if refused.user_id is not None or refused.guest_hash is not None:
        owner = Buyer(user_id=refused.user_id, guest_hash=refused.guest_hash).cart
        await cart.put_back(session, owner=owner, copies=copies)
    await coupons.release(session, order_id=order_id, now=now)
    await gift_cards.give_back(session, order_id=order_id)
    quantities = {book_id: item.quantity for book_id, item in copies.items()}
    await stock.release(session, quantities=quantities, order_id=order_id)
