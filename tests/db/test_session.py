"""The pool is full before the first request, and an absent database does not keep a shop shut."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings, get_settings
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
