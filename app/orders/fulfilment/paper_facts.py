"""What stands on an order's papers.

``invoice_facts`` is the one place that tells what an order's invoice says; the columns of the
order are read nowhere else for that.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.core.config import Settings
from app.core.countries import country_name
from app.core.money import ZERO, format_money, quantize, share_out
from app.orders.documents.facts import (
    Extra,
    InvoiceData,
    InvoiceLine,
    PackingData,
    PackingLine,
    Seller,
    TaxSum,
)
from app.orders.fulfilment.progress import find_shipment
from app.orders.fulfilment_models import Paper, RefundWay
from app.orders.fulfilment_schemas import FulfilmentRead, RefundRead
from app.orders.models import PaymentStatus
from app.orders.schemas import OrderAddress, OrderItemRead, OrderRead


def seller_of(settings: Settings) -> Seller:
    """Return who sells, as the settings say it now."""
    return Seller(
        name=settings.seller_name or settings.shop_name,
        address=settings.seller_address,
        vat_id=settings.seller_vat_id,
    )


def invoice_facts(
    order: OrderRead, paper: Paper, *, fulfilment: FulfilmentRead, settings: Settings
) -> InvoiceData:
    """Return what stands on an order's invoice: what was agreed, whatever became of it later."""
    isbns = _isbns(fulfilment)
    sent = [_day(shipment.created_at, settings) for shipment in fulfilment.shipments]
    return InvoiceData(
        **_heading(order, paper, settings),
        supplied_on=min(sent, default=_day(order.confirmed_at or order.created_at, settings)),
        lines=[
            _line(order, item, item.quantity, isbns, total=item.line_total) for item in order.items
        ],
        extras=[*_extras(order)],
        taxes=[
            TaxSum(rate=each.rate, net=each.net, tax=each.tax, gross=each.net + each.tax)
            for each in order.taxes
        ],
        total=order.total_price,
        paid_with=" ".join(_how_paid(order, settings)),
    )


def _extras(order: OrderRead) -> Iterator[Extra]:
    for discount in order.discounts:
        if discount.amount:
            yield Extra(label=discount.title, amount=-discount.amount)
    if order.shipping_method is not None:
        yield Extra(label=order.shipping_method, amount=order.shipping_total)


def _how_paid(order: OrderRead, settings: Settings) -> Iterator[str]:
    if order.gift_card_total:
        amount = format_money(order.gift_card_total, order.currency, settings.locale)
        yield f"{amount} paid by gift card."
    if order.payment_status is PaymentStatus.DUE:
        amount = format_money(order.amount_due, order.currency, settings.locale)
        yield f"{amount} to be paid in the shop."
    elif order.payment_status is PaymentStatus.CAPTURED:
        yield "Paid in full. Thank you."


def credit_facts(
    order: OrderRead,
    paper: Paper,
    *,
    invoice: Paper,
    refund: RefundRead,
    fulfilment: FulfilmentRead,
    settings: Settings,
) -> InvoiceData:
    """Return what stands on the credit note of a refund."""
    items = {item.id: item for item in order.items}
    isbns = _isbns(fulfilment)
    lines = [
        _line(order, items[each.order_line_id], each.quantity, isbns, total=each.amount)
        for each in refund.lines
    ]
    rest = refund.amount - sum((line.total for line in lines), ZERO)
    label = "Adjustment" if lines else f"Refund: {refund.reason.replace('_', ' ')}"
    onto_cards = refund.way is RefundWay.GIFT_CARDS
    way = "onto the gift cards" if onto_cards else "on the way"
    return InvoiceData(
        **_heading(order, paper, settings) | {"prices_include_tax": True},
        supplied_on=_day(refund.decided_at or refund.created_at, settings),
        lines=lines,
        extras=[Extra(label=label, amount=rest)] if rest else (),
        taxes=[*_credited_taxes(order, refund)],
        total=refund.amount,
        paid_with=f"Paid back {way} that order {fulfilment.number} was paid"
        f"{' with' if onto_cards else ''}.",
        corrects=invoice.label,
    )


def _credited_taxes(order: OrderRead, refund: RefundRead) -> Iterator[TaxSum]:
    """Yield the tax in a refund by rate.

    Copies have the rate of their line. What the refund is more than its copies cost, such as the
    way to the buyer, or less, is shared out among the rates by what else the order has at each.
    """
    gross = {each.rate: each.net + each.tax for each in order.taxes}
    if not any(gross.values()):
        return
    rates = {item.id: item.tax_rate for item in order.items}
    credited: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for copies in refund.lines:
        credited[rates[copies.order_line_id]] += copies.amount
    rest = refund.amount - sum(credited.values(), ZERO)
    if rest < 0:
        weights = [credited[rate] for rate in gross]
    else:
        left = [max(gross[rate] - credited[rate], ZERO) for rate in gross]
        weights = left if any(left) else [*gross.values()]
    shares = share_out(abs(rest), weights, order.currency)
    for rate, share in zip(gross, shares, strict=True):
        credited[rate] += share if rest > 0 else -share
    for each in order.taxes:
        amount = credited[each.rate]
        if amount:
            tax = quantize(each.tax * amount / gross[each.rate], order.currency)
            yield TaxSum(rate=each.rate, net=amount - tax, tax=tax, gross=amount)


def packing_facts(
    order: OrderRead,
    fulfilment: FulfilmentRead,
    *,
    shipment_id: int | None,
    now: datetime,
    settings: Settings,
) -> PackingData:
    """Return what stands on the slip of a parcel, or of all that is still to be sent."""
    items = {item.id: item for item in order.items}
    shipment = find_shipment(fulfilment, shipment_id) if shipment_id is not None else None
    if shipment is not None:
        copies = [(line.order_line_id, line.quantity) for line in shipment.lines]
    else:
        copies = [(line.line_id, line.to_send) for line in fulfilment.lines if line.to_send]
    isbns = _isbns(fulfilment)
    packed_at = shipment.created_at if shipment is not None else now
    return PackingData(
        order_number=order.number,
        printed_at=packed_at,
        packed_on=_day(packed_at, settings),
        seller=seller_of(settings),
        recipient=_address(order, order.shipping_address, settings),
        lines=[
            PackingLine(
                title=items[line_id].book.title,
                detail=_detail(items[line_id], isbns),
                quantity=quantity,
            )
            for line_id, quantity in copies
        ],
        carrier=shipment.carrier if shipment is not None else None,
        tracking_number=shipment.tracking_number if shipment is not None else None,
        locale=settings.locale,
    )


def _heading(order: OrderRead, paper: Paper, settings: Settings) -> dict[str, Any]:
    seller = Seller(
        name=paper.seller["name"],
        address=tuple(paper.seller["address"]),
        vat_id=paper.seller["vat_id"],
    )
    return {
        "number": paper.label,
        "issued_at": paper.issued_at,
        "issued_on": _day(paper.issued_at, settings),
        "order_number": order.number,
        "ordered_on": _day(order.created_at, settings),
        "seller": seller,
        "buyer": _address(order, order.billing_address or order.shipping_address, settings),
        "prices_include_tax": order.prices_include_tax,
        "currency": order.currency,
        "locale": settings.locale,
    }


def _isbns(fulfilment: FulfilmentRead) -> Mapping[int, str | None]:
    return {line.line_id: line.isbn for line in fulfilment.lines}


def _line(
    order: OrderRead,
    item: OrderItemRead,
    quantity: int,
    isbns: Mapping[int, str | None],
    *,
    total: Decimal,
) -> InvoiceLine:
    return InvoiceLine(
        title=item.book.title,
        detail=_detail(item, isbns),
        quantity=quantity,
        unit_price=item.unit_price,
        rate=item.tax_rate if order.taxes else None,
        total=total,
    )


def _detail(item: OrderItemRead, isbns: Mapping[int, str | None]) -> str:
    return " · ".join(filter(None, (item.book.author, isbns.get(item.id))))


def _address(order: OrderRead, address: OrderAddress | None, settings: Settings) -> Sequence[str]:
    if address is None:
        return [order.email] if order.email else []
    city = " ".join(filter(None, (address.postal_code, address.city)))
    country = country_name(address.country, settings.locale)
    return [line for line in (address.name, address.street, city, country) if line]


def _day(moment: datetime, settings: Settings) -> date:
    return moment.astimezone(ZoneInfo(settings.time_zone)).date()
