"""Success is told only after the commit, and a conflict is tried again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.core.deps import DbSession
from app.db.session import session_scope, transactional
from app.jobs.queue import enqueue
from app.main import create_app


@pytest_asyncio.fixture
async def scratch(test_engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Tables of this module's own, committed for real."""
    async with test_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE scratch_parents (id int PRIMARY KEY)"))
        await connection.execute(
            text(
                "CREATE TABLE scratch_children (id int PRIMARY KEY, amount int DEFAULT 0, "
                "parent_id int REFERENCES scratch_parents DEFERRABLE INITIALLY DEFERRED)"
            )
        )
    yield test_engine
    async with test_engine.begin() as connection:
        await connection.execute(text("DROP TABLE scratch_children, scratch_parents"))
        await connection.execute(text("DELETE FROM procrastinate_jobs"))


def app_whose_commit_fails() -> FastAPI:
    router = APIRouter()

    @router.post("/api/v1/children", status_code=201)
    async def create_child(session: DbSession) -> dict[str, str]:
        await session.execute(text("INSERT INTO scratch_children VALUES (1, 0, 999)"))
        await enqueue(session, "never", child_id=1)
        return {"status": "created"}

    app = create_app()
    app.include_router(router)
    app.router.routes.insert(0, app.router.routes.pop())
    return app


async def test_a_commit_that_fails_is_no_success_and_leaves_no_job(scratch: AsyncEngine) -> None:
    transport = ASGITransport(app=app_whose_commit_fails())
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        for _ in range(100):
            response = await client.post("/api/v1/children")
            assert response.status_code == 500
            assert response.json()["code"] == "INTERNAL_ERROR"
    async with scratch.connect() as connection:
        for table in ("scratch_children", "procrastinate_jobs"):
            rows = await connection.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
            assert rows.scalar_one() == 0


async def test_a_scope_that_raises_changes_nothing(scratch: AsyncEngine) -> None:
    async def write_and_fail() -> None:
        async with session_scope() as session:
            await session.execute(text("INSERT INTO scratch_parents VALUES (1)"))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await write_and_fail()
    async with scratch.connect() as connection:
        assert (await connection.execute(text("SELECT * FROM scratch_parents"))).all() == []


async def test_twins_that_deadlock_both_succeed(scratch: AsyncEngine) -> None:
    async with scratch.begin() as connection:
        await connection.execute(text("INSERT INTO scratch_children (id) VALUES (1), (2)"))
    attempts = 0
    both_hold_one = asyncio.Barrier(2)

    @transactional
    async def add_to_both(session: AsyncSession, first: int, second: int) -> str:
        nonlocal attempts
        attempts += 1
        change = text("UPDATE scratch_children SET amount = amount + 1 WHERE id = :id")
        await session.execute(change, {"id": first})
        if attempts <= 2:
            await both_hold_one.wait()
        await session.execute(change, {"id": second})
        return "done"

    factory = async_sessionmaker(scratch)
    async with factory() as one, factory() as two:
        results = await asyncio.gather(add_to_both(one, 1, 2), add_to_both(two, 2, 1))
    assert [*results] == ["done", "done"]
    assert attempts == 3
    async with scratch.connect() as connection:
        rows = await connection.execute(text("SELECT amount FROM scratch_children"))
        assert rows.scalars().all() == [2, 2]


async def test_a_conflict_that_stays_is_told_after_three_attempts(scratch: AsyncEngine) -> None:
    attempts = 0

    @transactional
    async def conflict(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(
            text("DO $$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END$$")
        )

    async with async_sessionmaker(scratch)() as session:
        with pytest.raises(DBAPIError):
            await conflict(session)
    assert attempts == 3


async def test_another_error_is_not_tried_again(scratch: AsyncEngine) -> None:
    attempts = 0

    @transactional
    async def fail(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(text("SELECT 1/0"))

    async with async_sessionmaker(scratch)() as session:
        with pytest.raises(DBAPIError):
            await fail(session)
    assert attempts == 1
