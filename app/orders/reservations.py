"""Orders as they are first written: what was agreed, copied in, in one transaction."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.integrations.payments.gateway import ChargeRequest
from app.orders import repository
from app.orders.models import Order, PaymentStatus
from app.orders.quoting import Choices, Quote
from app.orders.schemas import Address, Buyer, OrderRead

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


async def insert_order(
    session: AsyncSession,
    *,
    quote: Quote,
    choices: Choices,
    buyer: Buyer,
    repeatable: Repeatable,
    checkout_id: int | None,
    now: datetime,
    settings: Settings,
) -> Order | None:
    """Write a pending order; ``None`` when the buyer used the key before."""
    totals, shipping = quote.totals, quote.shipping
    reserved_until = now + timedelta(minutes=settings.reservation_minutes)
    asked_by = now + timedelta(seconds=settings.gateway_timeout_seconds)
    is_guest = buyer.user_id is None
    return await repository.insert_order(
        session,
        {
            "number": new_order_number(),
            "user_id": buyer.user_id,
            "guest_hash": buyer.guest_hash if is_guest else None,
            "guest_key": repeatable.key if is_guest else None,
            "email": buyer.email,
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
            "shipping_address": _dump(choices.shipping_address),
            "billing_address": _dump(choices.billing_address),
            "checkout_id": checkout_id,
            "idempotency_key": repeatable.key,
            "request_hash": repeatable.request_hash,
            "reserved_until": reserved_until,
            "settle_after": min(reserved_until, asked_by),
        },
    )


async def insert_rows(session: AsyncSession, *, order: Order, quote: Quote) -> OrderRead:
    """Write what an order consists of, and return it as it is then."""
    lines = await repository.insert_lines(
        session,
        [
            {
                "order_id": order.id,
                "book_id": line.key,
                "title": quote.offers[line.key].title,
                "author": quote.offers[line.key].author,
                "isbn": quote.offers[line.key].isbn,
                "cover_image_url": quote.offers[line.key].cover_image_url,
                "unit_price": line.unit_price,
                "quantity": line.quantity,
                "discount": line.discount,
                "tax_rate": line.tax_rate,
                "tax": line.tax,
                "is_gift_card": line.key in quote.gift_card_books,
            }
            for line in quote.totals.lines
        ],
    )
    discounts = await repository.insert_discounts(
        session,
        [
            {
                "order_id": order.id,
                "kind": discount.kind.value,
                "source_id": discount.coupon_id or discount.offer_id,
                "code": discount.code,
                "title": discount.title,
                "amount": discount.amount,
                "free_shipping": discount.free_shipping,
            }
            for discount in quote.discounts.items
        ],
    )
    taxes = await repository.insert_taxes(
        session,
        [
            {"order_id": order.id, "rate": tax.rate, "net": tax.net, "tax": tax.tax}
            for tax in quote.totals.taxes
        ],
    )
    return OrderRead.from_parts(
        order, lines, PaymentStatus.PENDING, discounts=discounts, taxes=taxes
    )


def _dump(address: Address | None) -> dict[str, Any] | None:
    return None if address is None else address.model_dump()
