"""A database with the sample jobs' table, and worker processes on it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.db.session import AsyncSessionLocal
from tests.jobs.processes import Sessions, StartWorker, WorkerProcess
from tests.jobs.sample_jobs import METADATA
from tests.servers import PROJECT


@pytest_asyncio.fixture
async def sessions(live_database: str) -> AsyncIterator[Sessions]:
    """Sessions that really commit, on the live database; the code under test uses it too."""
    engine = create_async_engine(live_database)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    usual = AsyncSessionLocal.kw["bind"]
    AsyncSessionLocal.configure(bind=engine)
    yield async_sessionmaker(engine, expire_on_commit=False)
    AsyncSessionLocal.configure(bind=usual)
    await engine.dispose()


@pytest_asyncio.fixture
async def start_worker(
    live_database: str,
    sessions: Sessions,  # noqa: ARG001 (makes the table)
    tmp_path: Path,
) -> AsyncIterator[StartWorker]:
    """Starts worker processes; those that still run after the test are killed."""
    workers: list[WorkerProcess] = []

    async def start() -> WorkerProcess:
        log = tmp_path / f"worker{len(workers)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.jobs.sample_worker"),
                cwd=PROJECT,
                env=os.environ | {"DATABASE_URL": live_database},
                stdout=output,
                stderr=output,
            )
        workers.append(WorkerProcess(process, log))
        return workers[-1]

    yield start
    for worker in workers:
        await worker.kill()
