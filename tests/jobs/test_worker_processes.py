"""What workers promise when processes end, proved with processes that are really ended."""

import asyncio
import signal

from app.jobs.queue import enqueue, parked
from tests.jobs.processes import Sessions, StartWorker, ask, run_count, until, worker_within
from tests.jobs.sample_jobs import kill_worker, record, slow
from tests.jobs.sample_worker import QUICK

LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE task_name <> 'outbox.prune'"
DOING = (
    "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'sample.slow' AND status = 'doing'"
)
TRIED = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'sample.slow' AND attempts = 1"
WAITING = f"{TRIED} AND status = 'todo'"
WORKERS = "SELECT count(*) FROM procrastinate_workers"
LATENESS = 10.0  # seconds by which a busy machine may be late


async def queue_slow_jobs(sessions: Sessions, count: int, *, seconds: float) -> None:
    async with sessions() as session:
        for number in range(count):
            await enqueue(session, slow, number=number, seconds=seconds)
        await session.commit()


async def test_several_workers_do_each_job_once(
    sessions: Sessions, start_worker: StartWorker
) -> None:
    workers = await asyncio.gather(*(start_worker() for _ in range(3)))
    await until(sessions, WORKERS, 3)
    async with sessions() as session:
        for number in range(300):
            await enqueue(session, record, number=number)
        await session.commit()
    await until(sessions, LEFT, 0)
    assert await ask(sessions, run_count("record")) == 300
    assert await ask(sessions, "SELECT count(DISTINCT number) FROM sample_runs") == 300
    took_part = await ask(sessions, "SELECT array_agg(DISTINCT process) FROM sample_runs")
    assert set(took_part) == {worker.id for worker in workers}


async def test_no_job_is_lost_when_workers_are_killed_in_the_middle(
    sessions: Sessions, start_worker: StartWorker
) -> None:
    await queue_slow_jobs(sessions, 40, seconds=0.3)
    workers = list(await asyncio.gather(start_worker(), start_worker()))
    for number in range(3):
        await until(sessions, f"SELECT ({DOING}) >= 4", expected=True)
        await workers[number].kill()
        workers.append(await start_worker())
    await until(sessions, LEFT, 0)
    done = "SELECT count(DISTINCT number) FROM sample_runs WHERE job = 'done'"
    assert await ask(sessions, done) == 40
    repeated = await ask(sessions, run_count("started")) - 40
    assert 1 <= repeated <= 3 * 4


async def test_jobs_of_a_killed_worker_are_free_again_in_time(
    live_database: str, sessions: Sessions, start_worker: StartWorker
) -> None:
    victim = await start_worker()
    await until(sessions, WORKERS, 1)
    await queue_slow_jobs(sessions, 4, seconds=60)
    await until(sessions, run_count("started"), 4)
    async with worker_within(live_database):
        await victim.kill()
        assert await ask(sessions, DOING) == 4
        seconds = await until(sessions, TRIED, 4)
        assert QUICK.dead_after - QUICK.heartbeat - 0.1 <= seconds
        assert seconds <= QUICK.longest_lease + LATENESS
        await until(sessions, run_count("started"), 8)


async def test_job_that_kills_its_worker_is_parked(
    sessions: Sessions, start_worker: StartWorker
) -> None:
    async with sessions() as session:
        job_id = await enqueue(session, kill_worker, number=1)
        await session.commit()
    for attempt in (1, 2):
        worker = await start_worker()
        await until(sessions, run_count("kill"), attempt)
        assert await asyncio.wait_for(worker.process.wait(), 10) == -signal.SIGKILL
    await start_worker()
    status = "SELECT status::text FROM procrastinate_jobs WHERE task_name = 'sample.kill'"
    await until(sessions, status, "failed")
    async with sessions() as session:
        (seen,) = await parked(session)
    assert (seen.id, seen.attempts) == (job_id, 2)
    assert await ask(sessions, run_count("kill")) == 2


async def test_worker_that_is_asked_to_end_finishes_the_job_in_hand(
    sessions: Sessions, start_worker: StartWorker
) -> None:
    worker = await start_worker()
    await queue_slow_jobs(sessions, 1, seconds=0.8)
    await until(sessions, run_count("started"), 1)
    assert await worker.end(signal.SIGTERM) == 0
    assert await ask(sessions, run_count("done")) == 1
    assert await ask(sessions, LEFT) == 0
    assert await ask(sessions, WORKERS) == 0


async def test_worker_that_is_asked_to_end_gives_a_long_job_back(
    sessions: Sessions, start_worker: StartWorker
) -> None:
    worker = await start_worker()
    await queue_slow_jobs(sessions, 1, seconds=60)
    await until(sessions, run_count("started"), 1)
    assert await worker.end(signal.SIGINT) == 0
    assert await ask(sessions, run_count("done")) == 0
    assert await ask(sessions, WAITING) == 1
    assert await ask(sessions, WORKERS) == 0


async def test_worker_goes_on_when_its_connections_are_cut(
    sessions: Sessions, start_worker: StartWorker
) -> None:
    worker = await start_worker()
    await until(sessions, WORKERS, 1)
    await queue_slow_jobs(sessions, 40, seconds=0.1)
    cut = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database()
               AND application_name IN ('bookstore', 'bookstore-worker')"""
    cuts = 0
    async with asyncio.timeout(60):
        while cuts < 5:
            cuts += await ask(sessions, cut)
            await asyncio.sleep(0.1)
    await until(sessions, LEFT, 0)
    done = "SELECT count(DISTINCT number) FROM sample_runs WHERE job = 'done'"
    assert await ask(sessions, done) == 40
    assert worker.is_running
