"""A release day: many orders in advance, and a worker that is killed again and again."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.notifications.models import Mail
from tests.jobs.processes import Sessions, StartWorker, ask, until

ORDERS = 500
LIFE = 5.0  # seconds

WRITE = text("""
    WITH work AS (
        INSERT INTO works (title, author) VALUES ('Piranesi II', 'Susanna Clarke') RETURNING id
    ), book AS (
        INSERT INTO books (work_id, price, currency, on_sale_date, takes_preorders)
        SELECT id, 10, 'USD', :day, true FROM work RETURNING id
    ), shelf AS (
        INSERT INTO stock (book_id, received, sold) SELECT id, :count, :count FROM book
    ), placed AS (
        INSERT INTO orders (number, email, status, currency, total, idempotency_key, request_hash,
                            reserved_until, settle_after, confirmed_at)
        SELECT 'P' || n, 'reader' || n || '@example.com', 'confirmed', 'USD', 10, 'k' || n, '',
               now(), now(), now()
        FROM generate_series(1, :count) AS n RETURNING id
    ), paid AS (
        INSERT INTO payments (order_id, gateway, reference, amount, currency, status)
        SELECT id, 'demo', 'r' || id, 10, 'USD', 'captured' FROM placed
    )
    INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity, on_sale_date)
    SELECT placed.id, book.id, 'Piranesi II', 'Susanna Clarke', 10, 1, :day FROM placed, book
""")
QUEUE = text("""
    SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
        'default', 'orders.preorders', 0, NULL, NULL, '{}'::jsonb, NULL
    )::procrastinate_job_to_defer_v1])
""")
LEFT = "SELECT count(*) FROM order_lines WHERE released_at IS NULL"
SENT = "SELECT count(*) FROM mails WHERE sent_at IS NOT NULL"
WORKERS = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 s'"


@pytest.mark.alone
async def test_every_buyer_is_told_once_whatever_dies(
    sessions: Sessions, start_worker: StartWorker, tmp_path: Path
) -> None:
    settings = {"MAIL_DIRECTORY": str(tmp_path / "mail")}
    async with sessions() as session:
        day = datetime.now(UTC).date()
        await session.execute(WRITE, {"day": date(day.year, day.month, day.day), "count": ORDERS})
        await session.execute(QUEUE)
        await session.commit()
    kills = 0
    while await ask(sessions, SENT) < ORDERS:
        worker = await start_worker("tests.jobs.shop_worker", **settings)
        await until(sessions, f"SELECT ({WORKERS}) > 0", expected=True)
        await asyncio.sleep(LIFE)
        await worker.kill()
        kills += 1
    assert await ask(sessions, LEFT) == 0
    async with sessions() as session:
        told = Counter(await session.scalars(select(Mail.recipient)))
    assert told == Counter({f"reader{number}@example.com": 1 for number in range(1, ORDERS + 1)})
    assert kills >= 2
