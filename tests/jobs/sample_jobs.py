"""Jobs whose runs can be counted: each writes rows into a table of its own."""

import asyncio
import os
import signal
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData, Table, Text, func, insert

from app.db.session import session_scope
from app.jobs.outbox import Event, handles
from app.jobs.queue import job, periodic

METADATA = MetaData()

SAMPLE_RUNS = Table(
    "sample_runs",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("job", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), server_default=func.clock_timestamp()),
)


class SampleError(Exception):
    """What the samples raise."""


@dataclass(frozen=True)
class SampleHappened(Event):
    number: int


@dataclass(frozen=True)
class NobodyListens(Event):
    number: int


async def write_run(name: str, number: int) -> None:
    async with session_scope() as session:
        await session.execute(
            insert(SAMPLE_RUNS).values(job=name, number=number, process=os.getpid())
        )


@job("sample.record")
async def record(*, number: int) -> None:
    await asyncio.sleep(0.02)
    await write_run("record", number)


@job("sample.slow")
async def slow(*, number: int, seconds: float) -> None:
    await write_run("started", number)
    await asyncio.sleep(seconds)
    await write_run("done", number)


@job("sample.fail", max_attempts=3)
async def fail(*, number: int, seconds: float = 0) -> None:
    await write_run("fail", number)
    await asyncio.sleep(seconds)
    raise SampleError


@job("sample.hang", max_attempts=1, timeout_seconds=0.3)
async def hang(*, number: int) -> None:
    await write_run("hang", number)
    await asyncio.Event().wait()


@job("sample.kill", max_attempts=2)
async def kill_worker(*, number: int) -> None:
    await write_run("kill", number)
    os.kill(os.getpid(), signal.SIGKILL)


@periodic("sample.tick", cron="* * * * * */1")
async def tick() -> None:
    await write_run("tick", 0)


@handles(SampleHappened)
async def hear(event: SampleHappened, *, event_id: UUID) -> None:
    assert event_id.version is not None
    await write_run("hear", event.number)


@handles(SampleHappened)
async def fail_to_hear(event: SampleHappened, *, event_id: UUID) -> None:
    assert event_id.version is not None
    await write_run("fail_to_hear", event.number)
    raise SampleError


JOBS = (record, slow, fail, hang, kill_worker)
HANDLERS = (hear, fail_to_hear)
