"""What has become of an order, for its buyer and its staff."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.money import ZERO
from app.orders import fulfilment_repository as repository
from app.orders.errors import RefundNotFoundError, ShipmentNotFoundError
from app.orders.fulfilment.shipments import to_send
from app.orders.fulfilment_models import RefundState
from app.orders.fulfilment_schemas import (
    FulfilmentRead,
    LineProgress,
    PaperRead,
    RefundRead,
    ShipmentRead,
)
from app.orders.models import OrderLine, PaymentStatus
from app.orders.schemas import OrderRead


async def describe(session: AsyncSession, *, order: OrderRead) -> FulfilmentRead:
    """Return what has become of an order."""
    lines = await repository.list_lines(session, order_id=order.id)
    shipments = await repository.list_shipments(session, order_id=order.id)
    refunds = await repository.list_refunds(session, order_id=order.id)
    papers = await repository.list_papers(session, order_id=order.id)
    payment = await repository.find_payment(session, order_id=order.id)
    paid = order.gift_card_total if order.confirmed_at else ZERO
    if payment is not None and payment.status is PaymentStatus.CAPTURED:
        paid += payment.amount
    return FulfilmentRead(
        order_id=order.id,
        number=order.number,
        status=order.status,
        lines=[_progress(line) for line in lines],
        shipments=[ShipmentRead.model_validate(each) for each in shipments],
        refunds=[RefundRead.model_validate(each) for each in refunds],
        papers=[PaperRead.model_validate(each) for each in papers],
        paid=paid,
        refunded_total=sum(
            (refund.amount for refund in refunds if refund.state is not RefundState.FAILED), ZERO
        ),
        currency=order.currency,
    )


def find_shipment(fulfilment: FulfilmentRead, shipment_id: int) -> ShipmentRead:
    """Return one of an order's parcels.

    Raises:
        ShipmentNotFoundError: it has no such parcel.
    """
    for shipment in fulfilment.shipments:
        if shipment.id == shipment_id:
            return shipment
    raise ShipmentNotFoundError


def find_refund(fulfilment: FulfilmentRead, refund_id: int) -> RefundRead:
    """Return one of an order's refunds.

    Raises:
        RefundNotFoundError: it has no such refund.
    """
    for refund in fulfilment.refunds:
        if refund.id == refund_id:
            return refund
    raise RefundNotFoundError


def is_done(refund: RefundRead) -> bool:
    """Tell whether the money has gone back."""
    return refund.state is RefundState.DONE


def _progress(line: OrderLine) -> LineProgress:
    return LineProgress(
        line_id=line.id,
        book_id=line.book_id,
        title=line.title,
        isbn=line.isbn,
        quantity=line.quantity,
        sent=line.sent,
        dropped=line.dropped,
        returned=line.returned,
        refunded=line.refunded,
        to_send=to_send(line),
    )
