"""Answering a request that was sent before: as it was answered then, with no second effect.

What is answered again is the order, which is kept with its key for as long as it is kept itself,
and so for longer than the day that clients are promised. A request that was refused before there
was an order has changed nothing, and is tried again.
"""

from datetime import datetime, timedelta

from app.core.config import Settings
from app.integrations.payments.gateway import ChargeRequest
from app.integrations.payments.in_shop import InShopGateway
from app.orders.errors import (
    IdempotencyKeyReusedError,
    OrderInProgressError,
    PaymentFailedError,
)
from app.orders.models import Order, OrderStatus, PaymentStatus
from app.orders.reservations import Reservation
from app.orders.schemas import CheckoutRequest, OrderRead


def replay(
    order: Order,
    request: CheckoutRequest,
    request_hash: bytes,
    *,
    now: datetime,
    settings: Settings,
) -> Reservation | OrderRead:
    """Give the answer that the same request got before, by what became of its order.

    Whatever happened to an order since it was confirmed, the answer is that it was. Where the
    buyer has to act, that is for the gateway to say again: what opens a charge is not kept here,
    and the buyer may have acted since.

    Raises:
        IdempotencyKeyReusedError: the request is not the same.
        OrderInProgressError: it is still being worked on: the gateway may yet answer in time.
        PaymentFailedError: that was the answer.
    """
    if order.request_hash != request_hash:
        raise IdempotencyKeyReusedError
    read = OrderRead.from_order(order)
    if order.confirmed_at is not None:
        is_due = order.payment.gateway == InShopGateway.name
        paid = PaymentStatus.DUE if is_due else PaymentStatus.CAPTURED
        return read.model_copy(update={"status": OrderStatus.CONFIRMED, "payment_status": paid})
    if order.status is not OrderStatus.PENDING:
        raise PaymentFailedError(order.payment.failure)
    if order.payment.status is PaymentStatus.NEEDS_ACTION:
        is_guest = order.user_id is None
        charge = charge_of(read, order.payment.reference, request, settings, is_guest=is_guest)
        return Reservation(order=read, charge=charge)
    answered_by = order.created_at + timedelta(seconds=settings.gateway_timeout_seconds)
    if now < answered_by:
        raise OrderInProgressError(headers={"Retry-After": "1"})
    return read


def charge_of(
    order: OrderRead,
    reference: str,
    request: CheckoutRequest,
    settings: Settings,
    *,
    is_guest: bool,
) -> ChargeRequest:
    """Return what the gateway is asked for."""
    return ChargeRequest(
        reference=reference,
        amount=order.amount_due,
        currency=order.currency,
        token=request.payment_token,
        return_url=settings.public_url + order_path(order.id, is_guest=is_guest),
        description=order.number,
        force_failure=request.force_payment_failure,
    )


def order_path(order_id: int, *, is_guest: bool) -> str:
    """Return the path of the page on which the buyer finds the order again, in the same browser."""
    return f"/checkout/orders/{order_id}" if is_guest else f"/orders/{order_id}"
