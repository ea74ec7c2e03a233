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
    TRUNCATE users, works, orders, mails, stock_movements, gift_cards RESTART IDENTITY CASCADE;
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


CARD = """
    INSERT INTO gift_cards (key, code_hash, last_characters, currency, initial_amount, balance,
                            issued_by)
    VALUES (gen_random_uuid(), sha256('x'), 'ABCD', 'USD', 5.00, 5.00, 'nora@example.com');
    INSERT INTO gift_card_entries (gift_card_id, kind, amount, balance_after)
    VALUES (1, 'issued', 5.00, 5.00);
"""
REFUND_ONTO_CARDS = """
    INSERT INTO refunds (order_id, reference, amount, currency, reason, way, state, ask_after)
    SELECT 1, 'r', 5.00, 'USD', 'other', 'gift_cards', 'done', now();
"""
GIVEN_BACK_BY_NOTHING = """
    INSERT INTO gift_card_payments (order_id, gift_card_id, spent, given_back)
    VALUES (1, 1, 5.00, 5.00);
"""
SECOND_ORDER = """
    INSERT INTO orders (number, user_id, email, status, currency, total, idempotency_key,
                        request_hash, reserved_until, settle_after, checkout_id, guest_hash,
                        guest_key)
    SELECT 'AGAIN', user_id, email, 'pending', currency, total, {key}, '', reserved_until,
           settle_after, checkout_id, guest_hash, guest_key
    FROM orders WHERE id = 1;
"""
SAME_KEY = "ALTER TABLE orders DROP CONSTRAINT uq_orders_user_id_idempotency_key;"
OF_A_GUEST = """
    ALTER TABLE orders DROP CONSTRAINT uq_orders_guest_hash_guest_key;
    UPDATE orders SET user_id = NULL, guest_hash = 'g', guest_key = 'k' WHERE id = 1;
"""
OF_A_CHECKOUT = """
    INSERT INTO checkouts (user_id, expires_at) VALUES (1, now());
    UPDATE orders SET checkout_id = (SELECT max(id) FROM checkouts) WHERE id = 1;
"""
CONFIRMED_TWICE = """
    INSERT INTO order_events (order_id, kind, actor)
    VALUES (1, 'confirmed', 'shop'), (1, 'confirmed', 'shop');
"""
REFUND_DECIDED_TWICE = """
    INSERT INTO order_events (order_id, kind, actor, data)
    VALUES (1, 'refunded', 'shop', '{"refund_id": 7}'),
           (1, 'refund_failed', 'shop', '{"refund_id": 7}');
"""
FAMILY = """
    INSERT INTO token_families (user_id, expires_at) VALUES (1, now() + '1 day');
    INSERT INTO refresh_tokens (token_hash, family_id)
    SELECT sha256(token), token_families.id
    FROM token_families, (VALUES ('a'::bytea), ('b')) AS made (token);
"""
WORKER = """
    INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '{age}');
    INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)
    SELECT 'default', 'orders.pay_refund', 'doing', max(id) FROM procrastinate_workers;
"""
MESSAGE_ID_AGAIN = """
    ALTER TABLE mails DROP CONSTRAINT uq_mails_message_id;
    INSERT INTO mails (event_id, recipient, template, message_id, subject, body_text, body_html)
    VALUES ('00000000-0000-0000-0000-000000000002', 'ada@example.com', 't', 'a', '', '', '');
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
        (
            REFUND_ONTO_CARDS,
            ["put back onto gift cards", "order 1", "gift cards 5.00, given back 0"],
        ),
        (
            CARD + GIVEN_BACK_BY_NOTHING,
            ["put back onto gift cards", "order 1", "gift cards 0, given back 5.00"],
        ),
        (
            REFUND_ONTO_CARDS.replace("SELECT 1,", "SELECT 3,"),
            ["put back onto gift cards", "order 3", "gift cards 5.00, given back 0"],
        ),
        (
            REFUND_ONTO_CARDS.replace("USD", "EUR"),
            ["in one currency", "order 1", "USD, a refund in EUR"],
        ),
        (
            CARD.replace("USD", "EUR") + GIVEN_BACK_BY_NOTHING,
            ["in one currency", "order 1", "USD, a gift card in EUR"],
        ),
        (
            SAME_KEY + SECOND_ORDER.format(key="idempotency_key"),
            ["one order for one buyer", "order 1", "2 orders with one key of an account"],
        ),
        (
            OF_A_GUEST + SECOND_ORDER.format(key="'another'"),
            ["one order for one buyer", "order 1", "2 orders with one key of a guest"],
        ),
        (
            OF_A_CHECKOUT + SECOND_ORDER.format(key="'another'"),
            ["one order for one buyer", "order 1", "2 orders of one checkout"],
        ),
        (CONFIRMED_TWICE, ["happens once", "order 1", "confirmed 2 times"]),
        (REFUND_DECIDED_TWICE, ["happens once", "order 1", "decided on refund 7 2 times"]),
        (
            "UPDATE payments SET status = 'pending' WHERE order_id = 3",
            ["no pending payment outlives", "order 3", "declined, payment pending"],
        ),
        (
            REFUND_UNCOUNTED.replace("now()", "now() - interval '5 min 1 s'"),
            ["no pending refund waits", "order 1, refund 1", "asked 0 times"],
        ),
        (
            FAMILY,
            ["one refresh token that was not used", "family", "2 unused ones, of account 1"],
        ),
        (
            "UPDATE users SET password_hash = 'correct horse'",
            ["no credential is stored in clear", "password of an account", "1 rows"],
        ),
        (
            FAMILY.replace("sha256(token)", "token"),
            ["no credential is stored in clear", "refresh token", "2 rows"],
        ),
        (
            WORKER.format(age="5 min 1 s"),
            ["no job is held by a dead worker", "job", "orders.pay_refund is said to be running"],
        ),
        (MESSAGE_ID_AGAIN, ["one Message-ID for one mail", "Message-ID a", "2 mails"]),
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


async def test_a_worker_may_be_silent_for_a_little(db_session: AsyncSession) -> None:
    assert await find_in(db_session, SHOP, WORKER.format(age="4 min")) == []


async def test_a_token_that_was_used_has_one_successor(db_session: AsyncSession) -> None:
    used = "UPDATE refresh_tokens SET used_at = now() WHERE token_hash = sha256('a')"
    assert await find_in(db_session, SHOP, FAMILY, used) == []


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
