"""Orders as they are first written: what was agreed, copied in, in one transaction."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.availability import is_embargoed
from app.core.config import Settings
from app.core.market import Market, shop_market
from app.core.translation import readers_language
from app.integrations.payments.gateway import ChargeRequest
from app.orders import reservation_repository
from app.orders.models import (
    Order,
    OrderDiscount,
    OrderLine,
    OrderStatus,
    OrderTax,
    PaymentStatus,
)
from app.orders.quoting import Choices, Quote
from app.orders.schemas import Address, Buyer, OrderRead
from app.orders.totals import LineTotals
from app.promotions.discounts import Discount

NO_GATEWAY = "none"
"""What stands for the gateway where nothing is left to be paid."""

AMOUNT = Decimal("0.01")
RATE = Decimal("0.001")
RATES = frozenset({"rate", "tax_rate"})
"""What an order's columns are precise to."""

NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read aloud as something else


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Copies set aside and a payment to be made or finished. The order is as it was committed."""

    order: OrderRead
    charge: ChargeRequest


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """By what a request is known again: the buyer's key, and a digest of what was asked."""

    key: str
    request_hash: bytes


def new_order_number() -> str:
    """Return ten characters (49 bits) that tell neither how many orders there are nor when."""
    letters = [secrets.choice(NUMBER_ALPHABET) for _ in range(10)]
    return f"{''.join(letters[:5])}-{''.join(letters[5:])}"


async def write_order(
    session: AsyncSession,
    *,
    quote: Quote,
    choices: Choices,
    buyer: Buyer,
    repeatable: Repeatable,
    charge_reference: str,
    gateway_name: str,
    checkout_id: int | None,
    now: datetime,
    settings: Settings,
) -> OrderRead | None:
    """Write a pending order and all that it consists of; ``None`` when its key was used before.

    It is returned as it would be read, without reading it.
    """
    order = _order_row(
        quote=quote,
        buyer=buyer,
        repeatable=repeatable,
        checkout_id=checkout_id,
        now=now,
        settings=settings,
    )
    market = shop_market(now=now, settings=settings)
    lines = [_line_row(line, quote, market) for line in quote.totals.lines]
    discounts = [_discount_row(discount) for discount in quote.discounts.items]
    taxes = [
        _as_stored({"rate": tax.rate, "net": tax.net, "tax": tax.tax}) for tax in quote.totals.taxes
    ]
    amount = quote.totals.amount_to_pay
    written = await reservation_repository.write_order(
        session,
        order=order
        | {
            "shipping_address": _dump(choices.shipping_address),
            "billing_address": _dump(choices.billing_address),
        },
        lines=lines,
        discounts=discounts,
        taxes=taxes,
        payment={
            "gateway": gateway_name if amount else NO_GATEWAY,
            "reference": charge_reference,
            "amount": amount,
        },
    )
    if written is None:
        return None
    return OrderRead.from_parts(
        Order(
            id=written.id,
            created_at=written.created_at,
            status=OrderStatus.PENDING,
            subtotal=quote.totals.subtotal,
            shipping_address=_as_dict(choices.shipping_address),
            billing_address=_as_dict(choices.billing_address),
            **order,
        ),
        [
            OrderLine(id=line_id, **line)
            for line_id, line in zip(written.line_ids, lines, strict=True)
        ],
        PaymentStatus.PENDING,
        discounts=[OrderDiscount(**discount) for discount in discounts],
        taxes=[OrderTax(**tax) for tax in taxes],
    )


def _order_row(
    *,
    quote: Quote,
    buyer: Buyer,
    repeatable: Repeatable,
    checkout_id: int | None,
    now: datetime,
    settings: Settings,
) -> dict[str, Any]:
    """Return an order's columns, but for its addresses."""
    totals, shipping = quote.totals, quote.shipping
    reserved_until = now + timedelta(minutes=settings.reservation_minutes)
    asked_by = now + timedelta(seconds=settings.gateway_timeout_seconds)
    is_guest = buyer.user_id is None
    return _as_stored(
        {
            "number": new_order_number(),
            "user_id": buyer.user_id,
            "guest_hash": buyer.guest_hash if is_guest else None,
            "guest_key": repeatable.key if is_guest else None,
            "email": buyer.email,
            "language": readers_language(),
            "currency": settings.currency,
            "total": totals.total,
            "discount_total": totals.discount_total,
            "shipping_total": totals.shipping_total,
            "shipping_tax": totals.shipping_tax,
            "tax_total": totals.tax_total,
            "prices_include_tax": totals.prices_include_tax,
            "gift_card_total": totals.gift_card_total,
            "shipping_method_id": shipping.method_id if shipping else None,
            "shipping_method": shipping.name if shipping else None,
            "shipping_kind": shipping.kind.value if shipping else None,
            "checkout_id": checkout_id,
            "idempotency_key": repeatable.key,
            "request_hash": repeatable.request_hash,
            "reserved_until": reserved_until,
            "settle_after": min(reserved_until, asked_by),
        }
    )


def _line_row(line: LineTotals, quote: Quote, market: Market) -> dict[str, Any]:
    offer = quote.offers[line.key]
    return _as_stored(
        {
            "book_id": line.key,
            "title": offer.title,
            "author": offer.author,
            "isbn": offer.isbn,
            "cover_image_url": offer.cover_image_url,
            "unit_price": line.unit_price,
            "quantity": line.quantity,
            "discount": line.discount,
            "tax_rate": line.tax_rate,
            "tax": line.tax,
            "is_gift_card": line.key in quote.gift_card_books,
            "on_sale_date": offer.on_sale_date
            if is_embargoed(offer.on_sale_date, market)
            else None,
        }
    )


def _discount_row(discount: Discount) -> dict[str, Any]:
    return _as_stored(
        {
            "kind": discount.kind.value,
            "source_id": discount.coupon_id or discount.offer_id,
            "code": discount.code,
            "title": discount.title,
            "amount": discount.amount,
            "free_shipping": discount.free_shipping,
        }
    )


def _as_stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its amounts and rates as the database gives them back later."""
    return {
        name: value.quantize(RATE if name in RATES else AMOUNT)
        if isinstance(value, Decimal)
        else value
        for name, value in row.items()
    }


def _as_dict(address: Address | None) -> dict[str, Any] | None:
    return None if address is None else address.model_dump()


def _dump(address: Address | None) -> str | None:
    return None if address is None else address.model_dump_json()
