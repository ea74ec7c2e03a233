"""A shop into which books are imported."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db.base import Base
from app.db.session import AsyncSessionLocal
from tests.servers import make_database


@pytest_asyncio.fixture(scope="session")
async def import_engine() -> AsyncIterator[AsyncEngine]:
    """An engine on a database of these tests' own, for an import commits what it does."""
    engine = create_async_engine(await make_database("import"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def empty_shop(import_engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """An empty shop, on which the application's sessions work."""
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    async with import_engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    before = AsyncSessionLocal.kw["bind"]
    AsyncSessionLocal.configure(bind=import_engine)
    yield import_engine
    AsyncSessionLocal.configure(bind=before)
