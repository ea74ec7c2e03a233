"""The pool: full before the first request, and rid of what died."""

import socket
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings, get_settings
from app.db import liveness
from app.db.session import AsyncSessionLocal, create_engine, open_connections
from tests.live import plain_url

HOW_MANY = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"


@pytest_asyncio.fixture
async def own_engine(live_database: str) -> AsyncIterator[AsyncEngine]:
    before = AsyncSessionLocal.kw["bind"]
    engine = create_engine(Settings(database_url=live_database))
    AsyncSessionLocal.configure(bind=engine)
    yield engine
    AsyncSessionLocal.configure(bind=before)
    await engine.dispose()


async def test_connections_are_open_before_they_are_asked_for(
    own_engine: AsyncEngine, live_database: str
) -> None:
    await open_connections()
    observer = await asyncpg.connect(plain_url(live_database))
    try:
        opened = await observer.fetchval(HOW_MANY, observer.get_server_pid())
    finally:
        await observer.close()
    assert opened == get_settings().database_pool_size
    assert own_engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool has it


async def test_a_database_that_is_away_is_not_waited_for(live_database: str) -> None:
    before = AsyncSessionLocal.kw["bind"]
    nowhere = live_database.rpartition("/")[0] + "/there_is_no_such_database"
    AsyncSessionLocal.configure(bind=create_engine(Settings(database_url=nowhere)))
    try:
        await open_connections()
    finally:
        AsyncSessionLocal.configure(bind=before)


async def test_the_client_gives_up_where_the_server_does_not(live_database: str) -> None:
    engine = create_engine(
        Settings(database_url=live_database, database_statement_timeout_seconds=0.1)
    )
    async with engine.connect() as connection:
        await connection.execute(text("SET statement_timeout = 0"))
        with pytest.raises(TimeoutError):
            await connection.execute(text("SELECT pg_sleep(60)"))
        await connection.invalidate()
    await engine.dispose()


async def end_backends(database_url: str) -> None:
    """End every other session of the database, and wait until they are gone."""
    observer = await asyncpg.connect(plain_url(database_url))
    try:
        await observer.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await observer.close()


async def read_backend(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.scalars(text("SELECT pg_backend_pid()"))).one())


async def test_connections_that_the_server_ended_are_replaced(
    own_engine: AsyncEngine, live_database: str
) -> None:
    before = {await read_backend(own_engine)}
    await open_connections()
    await end_backends(live_database)
    after = {await read_backend(own_engine) for _ in range(get_settings().database_pool_size)}
    assert not before & after


async def test_what_was_idle_is_asked_before_it_is_used(
    own_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = own_engine.sync_engine.dialect
    ping = dialect.do_ping
    asked: list[object] = []

    def count(connection: DBAPIConnection) -> bool:
        asked.append(connection)
        return ping(connection)

    monkeypatch.setattr(dialect, "do_ping", count)
    first = await read_backend(own_engine)
    assert await read_backend(own_engine) == first
    assert len(asked) == 0
    monkeypatch.setattr(liveness, "PING_AFTER_SECONDS", 0.0)
    assert await read_backend(own_engine) == first
    assert len(asked) == 1


async def test_an_idle_connection_that_does_not_answer_is_replaced(
    own_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await read_backend(own_engine)
    monkeypatch.setattr(liveness, "PING_AFTER_SECONDS", 0.0)
    async with own_engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
    assert driver is not None
    driver._transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
    assert await read_backend(own_engine) != first
