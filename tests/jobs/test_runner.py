import asyncio
import os
import random
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, make_url, text

from app.core.config import Settings
from app.jobs.models import OutboxEvent
from app.jobs.outbox import publish
from app.jobs.queue import Job, Priority, enqueue, parked, requeue
from app.jobs.runner import libpq_url, run_worker
from tests.jobs.processes import Gate, Sessions, ask, run_count, until, worker_within
from tests.jobs.sample_jobs import JOBS, SampleHappened, fail, hang, record, slow, tick
from tests.jobs.sample_worker import QUICK

LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE task_name <> 'outbox.prune'"
PARKED = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"
WORKERS = "SELECT count(*) FROM procrastinate_workers"
LATENESS = 10.0  # seconds by which a busy machine may be late
SECRET = 42424242


def said(caplog: pytest.LogCaptureFixture, event: str, job: str) -> list[dict[str, Any]]:
    """Return what was logged about a job."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in lines if line["event"] == event and line["job"] == job]


async def put(sessions: Sessions, job: Job | str, **arguments: Any) -> int:
    async with sessions() as session:
        job_id = await enqueue(session, job, **arguments)
        await session.commit()
    assert job_id is not None
    return job_id


async def test_job_is_done_and_gone(
    live_database: str, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    async with worker_within(live_database):
        job_id = await put(sessions, record, number=SECRET)
        await until(sessions, LEFT, 0)
        assert {number: signal.getsignal(number) for number in handlers} == handlers
    async with sessions() as session:
        runs = await session.execute(text("SELECT job, number, process FROM sample_runs"))
        assert [tuple(run) for run in runs] == [("record", SECRET, os.getpid())]
    assert await ask(sessions, WORKERS) == 0

    (start,) = said(caplog, "job started", "sample.record")
    (end,) = said(caplog, "job done", "sample.record")
    assert start.items() >= {"job_id": job_id, "attempt": 1}.items()
    assert end.items() >= {"job_id": job_id, "attempt": 1}.items()
    assert 20 <= end["milliseconds"] < 1000 * LATENESS
    assert str(SECRET) not in caplog.text


async def test_failing_job_is_tried_later_then_parked_then_tried_anew_on_request(
    live_database: str, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await put(sessions, fail, number=SECRET)
    async with worker_within(live_database):
        await until(sessions, PARKED, 1)
        assert await ask(sessions, run_count("fail")) == 3
        pauses = await ask(
            sessions,
            """SELECT array_agg(extract(epoch FROM pause)::float ORDER BY at) FROM (
                   SELECT at, at - lag(at) OVER (ORDER BY at) AS pause FROM sample_runs
               ) AS runs WHERE pause IS NOT NULL""",
        )
        assert len(pauses) == 2
        assert QUICK.first_pause / 2 <= pauses[0] <= QUICK.first_pause + LATENESS
        assert QUICK.first_pause <= pauses[1] <= QUICK.longest_pause + LATENESS

        async with sessions() as session:
            (seen,) = await parked(session)
            assert (seen.id, seen.name, seen.attempts) == (job_id, "sample.fail", 3)
            assert seen.arguments == {"number": SECRET}
            assert await requeue(session, job_id) is True
            await session.commit()
        await until(sessions, run_count("fail"), 6)
        await until(sessions, PARKED, 1)

    failures = said(caplog, "job failed", "sample.fail")
    assert [(line["attempt"], line["is_last"]) for line in failures] == [
        *((1, False), (2, False), (3, True)),
        *((1, False), (2, False), (3, True)),
    ]
    assert {line["error"] for line in failures} == {"SampleError"}
    assert str(SECRET) not in caplog.text


async def test_job_that_hangs_is_ended(
    live_database: str, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    await put(sessions, hang, number=1)
    async with worker_within(live_database):
        await until(sessions, PARKED, 1)
    (line,) = said(caplog, "job failed", "sample.hang")
    assert line["error"] == "TimeoutError"
    assert 300 <= line["milliseconds"] < 300 + 1000 * LATENESS


async def test_job_that_nobody_knows_is_parked(live_database: str, sessions: Sessions) -> None:
    await put(sessions, "from.the.future")
    async with worker_within(live_database):
        await until(sessions, PARKED, 1)


async def test_jobs_of_every_queue_are_done(live_database: str, sessions: Sessions) -> None:
    nightly = replace(record, name="sample.nightly", queue="night")
    async with worker_within(live_database, (*JOBS, nightly)):
        await put(sessions, nightly, number=1)
        await put(sessions, record, number=2)
        await until(sessions, run_count("record"), 2)
        assert await ask(sessions, WORKERS) == 2  # a lane for each queue


async def test_jobs_of_a_higher_priority_go_first(live_database: str, sessions: Sessions) -> None:
    urgent = replace(slow, name="sample.urgent", priority=Priority.HIGH)
    for number in range(20):
        await put(sessions, slow, number=number, seconds=0.05)
    await put(sessions, urgent, number=99, seconds=0.05)
    async with worker_within(live_database, (*JOBS, urgent)):
        await until(sessions, LEFT, 0)
    place = "SELECT count(*) FROM sample_runs WHERE job = 'done' AND id < (SELECT id FROM "
    place += "sample_runs WHERE number = 99 AND job = 'done')"
    assert await ask(sessions, place) < 4  # only those that were begun at the same time


async def test_jobs_with_the_same_lock_are_done_one_by_one(
    live_database: str, sessions: Sessions
) -> None:
    for number in range(3):
        await put(sessions, slow, lock="one", number=number, seconds=0.1)
    async with worker_within(live_database):
        await until(sessions, LEFT, 0)
    order = "SELECT array_agg(job || ' ' || number ORDER BY id) FROM sample_runs"
    assert await ask(sessions, order) == [
        *("started 0", "done 0", "started 1", "done 1", "started 2", "done 2"),
    ]


async def test_retry_beside_an_equal_waiting_job_is_no_obstacle(
    live_database: str, sessions: Sessions
) -> None:
    async with worker_within(live_database):
        await put(sessions, fail, unique="same", number=1, seconds=0.5)
        await until(sessions, run_count("fail"), 1)
        soon = datetime.now(UTC) + timedelta(seconds=2)
        await put(sessions, fail, unique="same", run_at=soon, number=2)
        await until(sessions, PARKED, 2)
    assert await ask(sessions, run_count("fail")) == 6


async def test_job_that_the_worker_lost_is_found_again(
    live_database: str, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async with worker_within(live_database):
        await until(sessions, WORKERS, 1)
        async with sessions() as session:  # as if the answer to the worker's query had been lost
            await session.execute(
                text("""
                    INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)
                    SELECT 'default', 'sample.record', '{"number": 1}', 'doing', id
                    FROM procrastinate_workers
                """)
            )
            await session.commit()
        await until(sessions, LEFT, 0)
    assert await ask(sessions, run_count("record")) == 1
    assert len(said(caplog, "job abandoned", "sample.record")) == 1


async def test_job_is_not_taken_from_the_worker_that_runs_it(
    live_database: str, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async with worker_within(live_database), worker_within(live_database):
        await put(sessions, slow, number=1, seconds=1.5 * QUICK.longest_lease)
        await until(sessions, run_count("done"), 1)
    assert await ask(sessions, run_count("started")) == 1
    assert said(caplog, "job abandoned", "sample.slow") == []


async def test_schedule_is_kept_once_by_all_workers_together(
    live_database: str, sessions: Sessions
) -> None:
    jobs = (*JOBS, tick)
    async with worker_within(live_database, jobs), worker_within(live_database, jobs):
        await until(sessions, f"SELECT ({run_count('tick')}) >= 6", expected=True)
    async with sessions() as session:
        result = await session.execute(
            text("SELECT count(*), extract(epoch FROM max(at) - min(at)) FROM sample_runs")
        )
        count, seconds = result.one()
    assert count <= float(seconds) + 3


async def test_each_handler_of_an_event_is_run_by_itself(
    live_database: str, sessions: Sessions
) -> None:
    async with sessions() as session:
        event_id = await publish(session, SampleHappened(number=7))
        await session.commit()
    await put(sessions, "outbox.dispatch", event_id=str(event_id))
    async with worker_within(live_database):
        await until(sessions, PARKED, 1)
        await until(sessions, LEFT, 1)
    assert await ask(sessions, run_count("hear")) == 1
    assert await ask(sessions, run_count("fail_to_hear")) == 8
    async with sessions() as session:
        (seen,) = await parked(session)
    assert (seen.name, seen.attempts) == ("on_SampleHappened.fail_to_hear", 8)


async def test_unknown_event_is_parked_and_the_log_says_why(
    live_database: str, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async with sessions() as session:
        statement = insert(OutboxEvent).values(name="FromTheFuture", payload={})
        event_id = (await session.scalars(statement.returning(OutboxEvent.id))).one()
        await session.commit()
    await put(sessions, "outbox.dispatch", event_id=str(event_id))
    async with worker_within(live_database):
        await until(sessions, PARKED, 1)
    assert said(caplog, "job failed", "outbox.dispatch")[-1]["is_last"] is True
    assert "no event class is named 'FromTheFuture'" in caplog.text


async def test_worker_waits_for_a_database_that_is_away(
    live_database: str, sessions: Sessions
) -> None:
    database = make_url(live_database)
    async with Gate(database.host or "localhost", database.port or 5432) as gate:
        url = database.set(host="127.0.0.1", port=gate.port)
        async with worker_within(url.render_as_string(hide_password=False)) as working:
            for number in range(2):
                await put(sessions, record, number=number)
                await asyncio.sleep(1)
                assert await ask(sessions, run_count("record")) == number
                await gate.open()
                await until(sessions, LEFT, 0)
                await gate.close()
            assert not working.done()


def test_url_is_put_as_libpq_wants_it() -> None:
    assert (
        libpq_url("postgresql+asyncpg://u:p%40ss@host:5433/shop?ssl=require&timeout=5")
        == "postgresql://u:p%40ss@host:5433/shop?sslmode=require"
    )


async def test_worker_ends_whenever_it_is_told_to(live_database: str, sessions: Sessions) -> None:
    """Also while its libraries open their connections, when they may lose a cancellation."""
    settings = Settings(database_url=live_database)
    delays = random.Random(20)  # noqa: S311 (guards nothing)
    for number in range(150):
        stop = asyncio.Event()
        worker = asyncio.create_task(
            run_worker(JOBS, [], settings=settings, stop=stop, install_signal_handlers=False)
        )
        await asyncio.sleep(delays.uniform(0.0, 0.06))
        stop.set()
        ended, _ = await asyncio.wait({worker}, timeout=30)
        assert ended == {worker}, f"start {number} goes on"
        worker.result()
    assert (
        await ask(sessions, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'") == 0
    )
