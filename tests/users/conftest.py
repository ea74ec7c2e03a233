"""What the tests of accounts share: a clock that they move, and connections of their own."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient
from sqlalchemy import QueuePool, delete, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.core import security
from app.core.clock import request_time
from app.main import app
from app.users.models import AttemptCount, User
from app.users.oauth.models import OAuthTrip, UsedIdentityToken

PARALLEL = 32


class Clock:
    """The time that requests are told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def forward(self, step: timedelta) -> None:
        self.now += step


@asynccontextmanager
async def hashing_delayed() -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Let no password be hashed during the block; what is given waits for so many to want it."""
    threads, is_over = security._threads(os.getpid()), threading.Event()
    held = [threads.submit(is_over.wait) for _ in range(security.CONCURRENT_HASHES)]

    async def until_waiting(callers: int) -> None:
        async with asyncio.timeout(10):
            while (  # noqa: ASYNC110 (no event tells of who waits)
                not all(each.running() for each in held) or threads._work_queue.qsize() < callers
            ):
                await asyncio.sleep(0.01)

    try:
        await until_waiting(0)
        yield until_waiting
    finally:
        is_over.set()


def connections_in_use(engine: AsyncEngine) -> int:
    """Return how many connections the pool has given out."""
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


@pytest.fixture
def clock(client: AsyncClient) -> Clock:
    """A clock for the requests of ``client``, whose fixture forgets it afterwards."""
    del client
    clock = Clock()
    app.dependency_overrides[request_time] = lambda: clock.now
    return clock


@pytest_asyncio.fixture
async def connections(test_engine: AsyncEngine) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    """Sessions on real connections, enough for all at once; what they wrote goes afterwards."""
    engine = create_async_engine(test_engine.url, pool_size=PARALLEL, max_overflow=0)
    sessions = async_sessionmaker(engine, expire_on_commit=False, autoflush=False)
    yield sessions
    async with sessions() as session, session.begin():
        await session.execute(delete(User))
        await session.execute(delete(AttemptCount))
        await session.execute(text("DELETE FROM procrastinate_jobs"))
        await session.execute(delete(OAuthTrip))
        await session.execute(delete(UsedIdentityToken))
    await engine.dispose()


@pytest_asyncio.fixture
async def real_client(
    connections: async_sessionmaker[AsyncSession],
) -> AsyncIterator[AsyncClient]:
    """A client whose requests have a session and a transaction each, as in the shop."""
    del connections
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as http_client:
        yield http_client
