"""A mail server that takes connections and never says a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy import insert, text

from app.core.config import get_settings
from app.jobs.outbox import publish
from app.jobs.queue import enqueue
from app.notifications.models import Mail
from app.notifications.service import SEND_MAIL
from app.orders.jobs import settle_overdue_orders
from app.registry import JOBS
from tests.jobs.processes import Sessions, ask, run_count, until, worker_within
from tests.jobs.sample_jobs import SampleHappened

MAILS = 30
CONCURRENCY = 4
HANGING = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'mail' AND status = 'doing'"

LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE task_name NOT LIKE '%prune' AND attempts = 0"


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """Have a port that accepts connections and keeps silent; close what is open at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def swallow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.transport.abort()
    server.close()
    await server.wait_closed()


async def queue_mails(sessions: Sessions) -> None:
    async with sessions() as session:
        for number in range(MAILS):
            mail_id = await session.scalar(
                insert(Mail)
                .values(
                    event_id=uuid4(),
                    recipient="ada@example.com",
                    template="order_confirmed",
                    message_id=f"<{number}@example.com>",
                    subject="A subject",
                    body_text="Words",
                    body_html="<p>Words</p>",
                )
                .returning(Mail.id)
            )
            await enqueue(session, SEND_MAIL, mail_id=mail_id)
        await session.commit()


async def test_it_holds_up_mails_and_nothing_else(
    live_database: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of things proves it: events and schedules are done while every mail hangs."""
    await queue_mails(sessions)
    async with black_hole() as port:
        monkeypatch.setattr(get_settings(), "smtp_host", "127.0.0.1")
        monkeypatch.setattr(get_settings(), "smtp_port", port)
        monkeypatch.setattr(get_settings(), "smtp_timeout_seconds", 600)
        async with worker_within(live_database, JOBS):
            await until(sessions, HANGING, CONCURRENCY)
            async with sessions() as session:
                await publish(session, SampleHappened(number=7))
                await enqueue(session, settle_overdue_orders)
                await session.commit()
            await until(sessions, run_count("hear"), 1)
            await until(sessions, LEFT, MAILS)
            assert await ask(sessions, HANGING) == CONCURRENCY
            assert await ask(sessions, "SELECT count(*) FROM mails WHERE sent_at IS NULL") == MAILS
            async with sessions() as session:
                tried = await session.scalars(
                    text("SELECT attempts FROM procrastinate_jobs WHERE queue_name = 'mail'")
                )
                assert set(tried) == {0}
