"""A database with the sample jobs' table, and worker processes on it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.jobs.processes import Sessions, StartWorker, WorkerProcess
from tests.jobs.sample_jobs import METADATA
from tests.servers import PROJECT


@pytest_asyncio.fixture
async def sessions(live_sessions: Sessions) -> Sessions:
    """Sessions on the live database, which has the sample jobs' table."""
    async with live_sessions() as session:
        connection = await session.connection()
        await connection.run_sync(METADATA.create_all)
        await session.commit()
    return live_sessions


@pytest_asyncio.fixture
async def start_worker(
    live_database: str,
    sessions: Sessions,  # noqa: ARG001 (makes the table)
    tmp_path: Path,
) -> AsyncIterator[StartWorker]:
    """Starts worker processes; those that still run after the test are killed."""
    workers: list[WorkerProcess] = []

    async def start(module: str = "tests.jobs.sample_worker", **settings: str) -> WorkerProcess:
        log = tmp_path / f"worker{len(workers)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                cwd=PROJECT,
                env=os.environ | {"DATABASE_URL": live_database} | settings,
                stdout=output,
                stderr=output,
            )
        workers.append(WorkerProcess(process, log))
        return workers[-1]

    yield start
    for worker in workers:
        await worker.kill()
