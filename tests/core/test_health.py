"""Readiness: the database answers, and its schema is that of the release."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import get_db
from app.db.migrations import current_revision, head_revision
from app.db.session import session_scope
from app.main import app
from tests.factories import terminate_backend
from tests.live import live_shop
from tests.servers import run_alembic


async def test_a_database_without_our_schema_is_not_ready(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    assert await current_revision(db_session) is None
    response = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {
        "status": "not ready",
        "reasons": [f"The schema is at None, not at {head_revision()}: bookstore db migrate"],
    }


async def test_ready_at_the_newest_revision(client: AsyncClient, db_session: AsyncSession) -> None:
    await db_session.execute(text("CREATE TABLE alembic_version (version_num text)"))
    await db_session.execute(
        text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": head_revision()}
    )
    await db_session.commit()
    response = await client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "reasons": []})


@pytest.mark.parametrize("path", ["/health/ready", "/api/v1/books", "/"])
async def test_without_a_database_the_process_lives_and_says_so(
    live_database: str, tmp_path: Path, path: str
) -> None:
    nowhere = live_database.rpartition("/")[0] + "/there_is_no_such_database"
    with live_shop(nowhere, tmp_path, workers=1) as shop:
        async with httpx.AsyncClient(base_url=shop.base_url) as http_client:
            assert (await http_client.get("/health")).status_code == 200
            response = await http_client.get(path, headers={"Accept": "text/html"})
        assert response.status_code == 503


async def test_a_connection_that_breaks_is_a_database_that_does_not_answer(
    client: AsyncClient,
) -> None:
    async def use_broken_session() -> AsyncIterator[AsyncSession]:
        async with session_scope() as session:
            await terminate_backend(session)
            yield session

    app.dependency_overrides[get_db] = use_broken_session
    response = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {
        "status": "not ready",
        "reasons": ["The database does not answer."],
    }


async def test_alembic_knows_the_revision(live_database: str) -> None:
    assert f"{head_revision()} (head)" in await run_alembic("current", database_url=live_database)
