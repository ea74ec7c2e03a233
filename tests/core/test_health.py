"""Readiness: the database answers, and its schema is that of the release."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from httpx import AsyncClient
from sqlalchemy import make_url

from app.core import health
from app.core.config import Settings
from app.db.migrations import current_revision, head_revision
from app.db.session import AsyncSessionLocal, create_engine, session_scope
from tests.live import live_shop
from tests.servers import run_alembic

NO_ANSWER = {"status": "not ready", "reasons": ["The database does not answer."]}


class Wire:
    """Carries bytes to the tests' database server, until it is cut without a word to anybody."""

    def __init__(self, database_url: str) -> None:
        self.url = make_url(database_url)
        self.whole = asyncio.Event()
        self.whole.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self.whole.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.url.host, self.url.port or 5432)
        await asyncio.gather(self.carry(reader, back), self.carry(there, writer))


@asynccontextmanager
async def database(url: str) -> AsyncIterator[None]:
    """Have the application use another database for the time of the block."""
    before = AsyncSessionLocal.kw["bind"]
    engine = create_engine(Settings(database_url=url))
    AsyncSessionLocal.configure(bind=engine)
    try:
        yield
    finally:
        AsyncSessionLocal.configure(bind=before)
        await engine.dispose()


async def test_a_database_without_our_schema_is_not_ready(client: AsyncClient) -> None:
    async with session_scope() as session:
        assert await current_revision(session) is None
    response = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {
        "status": "not ready",
        "reasons": [f"The schema is at None, not at {head_revision()}: bookstore db migrate"],
    }


async def test_ready_at_the_newest_revision(client: AsyncClient, live_database: str) -> None:
    async with database(live_database):
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "reasons": []})


async def test_a_database_that_hangs_is_not_waited_for(
    client: AsyncClient, live_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.5)
    wire = Wire(live_database)
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cuttable = make_url(live_database).set(host="127.0.0.1", port=port)
    async with database(cuttable.render_as_string(hide_password=False)):
        assert (await client.get("/health/ready")).status_code == 200
        wire.whole.clear()
        async with asyncio.timeout(1.5):  # giving the connection up takes two seconds more
            response = await client.get("/health/ready")
        assert (response.status_code, response.json()) == (503, NO_ANSWER)
        wire.whole.set()
        assert (await client.get("/health/ready")).status_code == 200
    server.close()


async def test_without_a_database_the_process_lives_and_says_so(
    live_database: str, tmp_path: Path
) -> None:
    nowhere = live_database.rpartition("/")[0] + "/there_is_no_such_database"
    with live_shop(nowhere, tmp_path, workers=1) as shop:
        async with httpx.AsyncClient(base_url=shop.base_url) as http_client:
            assert (await http_client.get("/health")).status_code == 200
            for path in ("/health/ready", "/api/v1/books", "/"):
                response = await http_client.get(path, headers={"Accept": "text/html"})
                assert response.status_code == 503, path
            assert (await http_client.get("/health")).status_code == 200


async def test_a_database_that_is_away_does_not_answer(
    client: AsyncClient, live_database: str
) -> None:
    nowhere = live_database.rpartition("/")[0] + "/there_is_no_such_database"
    async with database(nowhere):
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()) == (503, NO_ANSWER)


async def test_alembic_knows_the_revision(live_database: str) -> None:
    assert f"{head_revision()} (head)" in await run_alembic("current", database_url=live_database)
