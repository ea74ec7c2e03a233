"""SQL that every purchase sends: to write an order, and later to confirm it, in one statement each.

Round trips and commits are what a checkout's speed goes by. Each statement writes all or nothing;
the stock, which many want at once, is not in them, and comes last.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import PaymentStatus

WRITE_ORDER = text("""
    WITH written_order AS (
        INSERT INTO orders (
            number, user_id, guest_hash, guest_key, email, language, currency, total,
            discount_total, shipping_total, shipping_tax, tax_total, prices_include_tax,
            gift_card_total, shipping_method_id, shipping_method, shipping_kind, shipping_address,
            billing_address, checkout_id, idempotency_key, request_hash, reserved_until,
            settle_after
        )
        VALUES (
            :number, :user_id, :guest_hash, :guest_key, :email, :language, :currency, :total,
            :discount_total, :shipping_total, :shipping_tax, :tax_total, :prices_include_tax,
            :gift_card_total, :shipping_method_id, :shipping_method, :shipping_kind,
            :shipping_address, :billing_address, :checkout_id, :idempotency_key, :request_hash,
            :reserved_until, :settle_after
        )
        ON CONFLICT DO NOTHING
        RETURNING id, created_at
    ),
    written_lines AS (
        INSERT INTO order_lines (
            order_id, book_id, title, author, isbn, cover_image_url, unit_price, quantity,
            discount, tax_rate, tax, is_gift_card, on_sale_date
        )
        SELECT written_order.id, line.*
        FROM written_order, jsonb_to_recordset(:lines) AS line (
            book_id integer, title text, author text, isbn text, cover_image_url text,
            unit_price numeric, quantity integer, discount numeric, tax_rate numeric, tax numeric,
            is_gift_card boolean, on_sale_date date
        )
        RETURNING id
    ),
    written_discounts AS (
        INSERT INTO order_discounts (
            order_id, kind, source_id, code, title, amount, free_shipping
        )
        SELECT written_order.id, discount.*
        FROM written_order, jsonb_to_recordset(:discounts) AS discount (
            kind text, source_id integer, code text, title text, amount numeric,
            free_shipping boolean
        )
    ),
    written_taxes AS (
        INSERT INTO order_taxes (order_id, rate, net, tax)
        SELECT written_order.id, tax.*
        FROM written_order, jsonb_to_recordset(:taxes) AS tax (
            rate numeric, net numeric, tax numeric
        )
    ),
    written_payment AS (
        INSERT INTO payments (order_id, gateway, reference, amount, currency)
        SELECT id, :gateway, :reference, :amount, :currency FROM written_order
    ),
    written_event AS (
        INSERT INTO order_events (order_id, kind, actor)
        SELECT id, 'placed', 'buyer' FROM written_order
    )
    SELECT id, created_at, ARRAY(SELECT id FROM written_lines ORDER BY id) AS line_ids
    FROM written_order
""")

# An order is confirmed from the one state that ``moves`` has for it.
CONFIRM_ORDER = text("""
    WITH confirmed AS (
        UPDATE orders SET status = 'confirmed', confirmed_at = :now
        WHERE id = :order_id AND status = 'pending'
        RETURNING id
    ),
    paid AS (
        UPDATE payments
        SET status = :status, failure = NULL,
            gateway_reference = coalesce(:gateway_reference, gateway_reference)
        FROM confirmed
        WHERE payments.order_id = confirmed.id
    ),
    told AS (
        INSERT INTO order_events (order_id, kind, actor)
        SELECT id, 'confirmed', 'shop' FROM confirmed
    )
    SELECT order_lines.book_id, order_lines.quantity, order_lines.is_gift_card
    FROM confirmed
    JOIN order_lines ON order_lines.order_id = confirmed.id
    ORDER BY order_lines.book_id
""")


class WrittenOrder(NamedTuple):
    """What the database made of a new order: its id, its moment, and the ids of its lines."""

    id: int
    created_at: datetime
    line_ids: Sequence[int]


class SoldLine(NamedTuple):
    """Copies of a book that an order takes."""

    book_id: int
    quantity: int
    is_gift_card: bool


async def write_order(
    session: AsyncSession,
    *,
    order: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    discounts: Sequence[Mapping[str, Any]],
    taxes: Sequence[Mapping[str, Any]],
    payment: Mapping[str, Any],
) -> WrittenOrder | None:
    """Write a pending order, its payment and the beginning of its time line.

    ``None`` when the buyer used the idempotency key before, or, once in a very long time, the
    number is another order's: nothing is written then.
    """
    parameters = {**order, "lines": _dump(lines), "discounts": _dump(discounts)}
    written = await session.execute(WRITE_ORDER, parameters | {"taxes": _dump(taxes), **payment})
    row = written.one_or_none()
    return WrittenOrder(*row) if row is not None else None


async def confirm_order(
    session: AsyncSession,
    *,
    order_id: int,
    payment_status: PaymentStatus,
    gateway_reference: str | None,
    now: datetime,
) -> list[SoldLine]:
    """Confirm a pending order, its payment and in its time line; return its copies by book.

    None when it was not pending: nothing is written then.
    """
    confirmed = await session.execute(
        CONFIRM_ORDER,
        {
            "order_id": order_id,
            "status": payment_status.value,
            "gateway_reference": gateway_reference,
            "now": now,
        },
    )
    return [SoldLine(*row) for row in confirmed]


def _dump(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as JSON; amounts as text, since a number of JSON is not exact."""
    return json.dumps(rows, default=str)
