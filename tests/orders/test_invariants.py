"""Each invariant is broken on purpose, and `bookstore check` says so."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.check import check_in
from app.core.findings import Finding
from tests.live import plain_url
from tests.servers import run_command
from tests.test_cli import run_badly

SHOP = """
    TRUNCATE users, works, orders, mails, stock_movements RESTART IDENTITY CASCADE;
    INSERT INTO users (email) VALUES ('ada@example.com');
    INSERT INTO works (title, author) VALUES ('Emma', 'Jane Austen');
    INSERT INTO books (work_id, price, currency) VALUES (1, 10.00, 'USD');
    INSERT INTO stock (book_id, received, on_hand, reserved, sold) VALUES (1, 10, 7, 1, 2);
    INSERT INTO stock_movements (book_id, kind, copies)
    VALUES (1, 'received', 12), (1, 'corrected', -2), (1, 'reserved', 4), (1, 'released', 1),
           (1, 'sold', 2);
    INSERT INTO orders (number, user_id, email, status, currency, total, idempotency_key,
                        request_hash, reserved_until, settle_after)
    SELECT 'NUMBER-' || status, 1, 'ada@example.com', status, 'USD', total, status, '',
           now() + '10 min', now() + '10 min'
    FROM (VALUES ('confirmed', 20.00), ('pending', 10.00), ('declined', 10.00))
        AS wanted (status, total);
    INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity)
    SELECT id, 1, 'Emma', 'Jane Austen', 10.00, total / 10 FROM orders;
    INSERT INTO payments (order_id, gateway, reference, amount, currency, status)
    SELECT id, 'demo', number, total, 'USD',
           CASE status WHEN 'confirmed' THEN 'captured' WHEN 'pending' THEN 'pending'
           ELSE 'failed' END
    FROM orders;
    INSERT INTO mails (event_id, recipient, template, message_id, subject, body_text, body_html)
    VALUES ('00000000-0000-0000-0000-000000000001', 'ada@example.com', 't', 'a', '', '', '');
"""
NEGATIVE = """
    ALTER TABLE stock DROP CONSTRAINT ck_stock_not_negative;
    UPDATE stock SET returned = -1, on_hand = 6;
"""
REFUND_UNCOUNTED = """
    INSERT INTO refunds (order_id, reference, amount, currency, reason, ask_after)
    SELECT 1, 'r', 5.00, 'USD', 'other', now()
"""
SENT_TOO_MANY = """
    ALTER TABLE order_lines DROP CONSTRAINT ck_order_lines_sent_as_ordered;
    UPDATE order_lines SET sent = 3 WHERE order_id = 1;
"""
PARCEL_UNCOUNTED = """
    INSERT INTO shipments (order_id) VALUES (1);
    INSERT INTO shipment_lines
    SELECT shipments.id, order_lines.id, 2 FROM shipments, order_lines
    WHERE order_lines.order_id = 1;
"""
MAIL_AGAIN = """
    ALTER TABLE mails DROP CONSTRAINT uq_mails_event_id_recipient;
    INSERT INTO mails (event_id, recipient, template, message_id, subject, body_text, body_html)
    VALUES ('00000000-0000-0000-0000-000000000001', 'ada@example.com', 't', 'b', '', '', '');
"""


async def run_sql(database_url: str, sql: str) -> Any:
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        return await connection.execute(sql)
    finally:
        await connection.close()


async def test_nothing_is_found_in_a_sound_shop(live_database: str) -> None:
    assert "nothing was found" in await run_command("check", database_url=live_database)
    await run_sql(live_database, SHOP)
    assert "nothing was found" in await run_command("check", database_url=live_database)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "ALTER TABLE stock DROP CONSTRAINT ck_stock_balanced; UPDATE stock SET received = 11",
            ["stock is balanced", "book 1", "received 11"],
        ),
        (
            NEGATIVE,
            ["never negative", "book 1", "returned -1"],
        ),
        (
            "UPDATE stock SET reserved = 0, on_hand = 8",
            ["copies are those in orders", "reserved 0 but 1 in pending orders"],
        ),
        (
            "UPDATE stock SET sold = 3, on_hand = 6",
            ["copies are those in orders", "sold 3 but 2 in confirmed ones"],
        ),
        ("DELETE FROM stock", ["reserved 0 but 1", "sold 0 but 2"]),
        (
            "UPDATE payments SET status = 'pending' WHERE order_id = 1",
            ["confirmed orders and captured payments", "order 1", "confirmed over 20.00 USD"],
        ),
        (
            "UPDATE payments SET status = 'captured' WHERE order_id = 3",
            ["confirmed orders and captured payments", "order 3", "declined over 10.00 USD"],
        ),
        ("DELETE FROM payments WHERE order_id = 1", ["order 1", "payment None over None"]),
        ("UPDATE payments SET amount = 19.99 WHERE order_id = 1", ["captured over 19.99 USD"]),
        ("UPDATE payments SET currency = 'EUR' WHERE order_id = 1", ["captured over 20.00 EUR"]),
        (
            "UPDATE order_lines SET unit_price = 9.99 WHERE order_id = 1",
            ["lines, discounts and taxes add up", "order 1", "lines 19.98, subtotal 20.00"],
        ),
        ("DELETE FROM order_lines WHERE order_id = 3", ["order 3", "lines 0, subtotal 10.00"]),
        (
            "UPDATE orders SET shipping_total = 5.00 WHERE id = 1",
            ["add up", "order 1", "lines 20.00, subtotal 15.00"],
        ),
        (
            (
                "INSERT INTO order_discounts (order_id, kind, title, amount) "
                "VALUES (1, 'offer', '3 for 2', 7.77)"
            ),
            ["add up", "order 1", "discounts 7.77"],
        ),
        (
            "UPDATE order_lines SET tax = 1.11 WHERE order_id = 1",
            ["add up", "order 1", "on lines and shipping 1.11"],
        ),
        (
            "INSERT INTO order_taxes (order_id, rate, net, tax) VALUES (1, 10, 18.18, 1.82)",
            ["add up", "order 1", "taxes 1.82"],
        ),
        (
            (
                "UPDATE orders SET gift_card_total = 5.00 WHERE id = 1;"
                "UPDATE payments SET amount = 15.00 WHERE order_id = 1"
            ),
            ["gift cards paid", "order 1", "gift cards 5.00, spent 0"],
        ),
        (
            "UPDATE orders SET reserved_until = now() - interval '5 min 1 s' WHERE id = 2",
            ["no reservation outlives", "order 2", "reserved until"],
        ),
        (REFUND_UNCOUNTED, ["refunded is at most what was captured", "order 1", "refunds of 5.00"]),
        (
            REFUND_UNCOUNTED.replace("5.00", "20.01"),
            ["refunded is at most", "order 1", "refunds of 20.01, captured 20.00"],
        ),
        (REFUND_UNCOUNTED.replace("SELECT 1,", "SELECT 3,"), ["order 3", "captured 0"]),
        (SENT_TOO_MANY, ["shipped copies are at most those ordered", "order 1", "3 shipped of 2"]),
        (PARCEL_UNCOUNTED, ["shipped copies are at most", "order 1", "2 shipped of 2"]),
        (MAIL_AGAIN, ["one mail for one event", "2 mails to ada@example.com"]),
    ],
)
async def test_a_breach_is_found_and_named(
    db_session: AsyncSession, damage: str, words: list[str]
) -> None:
    findings = await find_in(db_session, SHOP, damage)
    told = " ".join(
        f"{finding.invariant} {finding.subject} {finding.detail}" for finding in findings
    )
    for expected in words:
        assert all(word in told for word in expected.split()), told


async def test_a_reservation_may_be_a_little_late(db_session: AsyncSession) -> None:
    late = "UPDATE orders SET reserved_until = now() - interval '4 min' WHERE id = 2"
    assert await find_in(db_session, SHOP, late) == []


async def test_the_command_tells_of_a_breach(live_database: str) -> None:
    await run_sql(live_database, SHOP)
    await run_sql(live_database, "UPDATE stock SET sold = 3, on_hand = 6")
    printed = await run_badly("check", database_url=live_database)
    flat = " ".join(printed.replace("│", " ").split())
    for word in ("reserved and sold", "those in orders", "book 1", "sold 3 but 2"):
        assert word in flat, printed


async def find_in(session: AsyncSession, *statements: str) -> list[Finding]:
    """Return what is found after the statements, which are undone with the test."""
    connection = await (await session.connection()).get_raw_connection()
    assert connection.driver_connection is not None
    for sql in statements:
        await connection.driver_connection.execute(sql)
    return await check_in(session)
