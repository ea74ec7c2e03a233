"""The three fixtures that most tests need, and the database server that they need it from."""

import gc
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.core.deps import get_db
from app.core.garbage import collect_if_due, stop_automatic_collection
from app.db.base import Base
from app.db.embedded import EmbeddedPostgres
from app.db.session import AsyncSessionLocal
from app.main import app
from tests.factories import empty_every_table
from tests.servers import drop_database, make_database, run_alembic, start_if_nothing_answers

SERVER = pytest.StashKey[EmbeddedPostgres | None]()


def pytest_configure(config: pytest.Config) -> None:
    """Have a server before any test is collected; the process that starts others starts it."""
    stop_automatic_collection()
    if not hasattr(config, "workerinput"):
        config.stash[SERVER] = start_if_nothing_answers()


def pytest_collection_finish() -> None:
    """Take all that was imported and collected for what stays, and look through it no more."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that this run started."""
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.down()


def pytest_runtest_teardown() -> None:
    """Collect garbage between two tests, where Python may do it only then."""
    if not gc.get_freeze_count():  # a shop that was opened and closed within the test thawed it
        gc.freeze()
    collect_if_due()


@pytest_asyncio.fixture(scope="session")
async def test_engine() -> AsyncIterator[AsyncEngine]:
    """An engine on a database of this run's own, with every table; all is dropped afterwards."""
    engine = create_async_engine(await make_database())
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)  # what a run that was killed left behind
        await connection.run_sync(Base.metadata.create_all)
    AsyncSessionLocal.configure(bind=engine)
    yield engine
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()


@pytest_asyncio.fixture
async def db_session(test_engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session whose every effect is undone after the test, commits included.

    The session works inside an outer transaction: its own commits only release savepoints.
    """
    async with test_engine.connect() as connection:
        transaction = await connection.begin()
        factory = async_sessionmaker(
            connection,
            expire_on_commit=False,
            autocommit=False,
            autoflush=False,
            join_transaction_mode="create_savepoint",
        )
        async with factory() as session:
            yield session
        await transaction.rollback()


@pytest_asyncio.fixture
async def client(db_session: AsyncSession) -> AsyncIterator[AsyncClient]:
    """A client of the application whose requests share the test's session."""

    async def use_test_session() -> AsyncIterator[AsyncSession]:
        try:
            yield db_session
        except BaseException:
            await db_session.rollback()
            raise
        else:
            await db_session.commit()

    app.dependency_overrides[get_db] = use_test_session
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://test") as http_client:
        yield http_client
    app.dependency_overrides.clear()


@pytest_asyncio.fixture
async def committed(test_engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session that commits for real, as jobs do; the tables are emptied afterwards."""
    async with async_sessionmaker(test_engine, expire_on_commit=False)() as session:
        yield session
    await empty_every_table(test_engine)


@pytest_asyncio.fixture(scope="session")
async def migrated_template() -> str:
    """The name of a database that Alembic made, to copy for every test that starts processes."""
    url = await make_database("template")
    await run_alembic("upgrade", "head", database_url=url)
    return str(make_url(url).database)


@pytest_asyncio.fixture
async def live_database(migrated_template: str) -> AsyncIterator[str]:
    """The URL of a database for real processes: migrated, empty, and this test's alone."""
    url = await make_database("live", template=migrated_template)
    yield url
    await drop_database(url)


@pytest_asyncio.fixture
async def live_sessions(live_database: str) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    """Sessions that really commit, on the live database; the code under test uses it too."""
    engine = create_async_engine(live_database)
    usual = AsyncSessionLocal.kw["bind"]
    AsyncSessionLocal.configure(bind=engine)
    yield async_sessionmaker(engine, expire_on_commit=False)
    AsyncSessionLocal.configure(bind=usual)
    await engine.dispose()
