from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.retries import AbandonedJob, held_jobs, release_abandoned
from app.jobs.timings import PRODUCTION

MAX_ATTEMPTS = {"known": 3}


async def add_worker(session: AsyncSession, *, silent_for: float) -> int:
    worker_id = await session.scalar(
        text("""
            INSERT INTO procrastinate_workers (last_heartbeat)
            VALUES (now() - make_interval(secs => :silent_for)) RETURNING id
        """),
        {"silent_for": silent_for},
    )
    assert isinstance(worker_id, int)
    return worker_id


async def add_job(
    session: AsyncSession,
    *,
    worker_id: int | None,
    name: str = "known",
    status: str = "doing",
    attempts: int = 0,
    unique: str | None = None,
) -> int:
    job_id = await session.scalar(
        text("""
            INSERT INTO procrastinate_jobs
                (queue_name, task_name, status, attempts, worker_id, queueing_lock)
            VALUES ('default', :name, CAST(:status AS procrastinate_job_status),
                    :attempts, :worker_id, :unique)
            RETURNING id
        """),
        {
            "name": name,
            "status": status,
            "attempts": attempts,
            "worker_id": worker_id,
            "unique": unique,
        },
    )
    assert isinstance(job_id, int)
    return job_id


async def state(session: AsyncSession, job_id: int) -> tuple[str, int]:
    result = await session.execute(
        text("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = :id"),
        {"id": job_id},
    )
    status, attempts = result.one()
    return status, attempts


async def test_only_jobs_of_dead_workers_are_released(db_session: AsyncSession) -> None:
    alive = await add_worker(db_session, silent_for=PRODUCTION.dead_after - 1)
    dead = await add_worker(db_session, silent_for=PRODUCTION.dead_after + 1)
    kept = await add_job(db_session, worker_id=alive)
    waiting = await add_job(db_session, worker_id=dead, status="todo")
    abandoned = await add_job(db_session, worker_id=dead)
    orphaned = await add_job(db_session, worker_id=None)

    released = await release_abandoned(db_session, max_attempts=MAX_ATTEMPTS, timings=PRODUCTION)
    assert released == [
        AbandonedJob(id=abandoned, name="known", attempts=1, parked=False),
        AbandonedJob(id=orphaned, name="known", attempts=1, parked=False),
    ]
    assert await state(db_session, kept) == ("doing", 0)
    assert await state(db_session, waiting) == ("todo", 0)
    assert await state(db_session, abandoned) == ("todo", 1)
    assert await state(db_session, orphaned) == ("todo", 1)
    pause = await db_session.scalar(
        text(
            "SELECT extract(epoch FROM scheduled_at - now()) FROM procrastinate_jobs WHERE id = :id"
        ),
        {"id": abandoned},
    )
    assert PRODUCTION.first_pause / 2 <= float(pause or 0) <= PRODUCTION.first_pause


async def test_job_is_parked_when_it_died_too_often_or_nobody_knows_it(
    db_session: AsyncSession,
) -> None:
    often = await add_job(db_session, worker_id=None, attempts=2)
    unknown = await add_job(db_session, worker_id=None, name="unknown")
    released = await release_abandoned(db_session, max_attempts=MAX_ATTEMPTS, timings=PRODUCTION)
    assert released == [
        AbandonedJob(id=often, name="known", attempts=3, parked=True),
        AbandonedJob(id=unknown, name="unknown", attempts=1, parked=True),
    ]
    assert await state(db_session, often) == ("failed", 3)
    assert await state(db_session, unknown) == ("failed", 1)


async def test_worker_gives_back_what_it_lost_and_nothing_of_others(
    db_session: AsyncSession,
) -> None:
    mine = await add_worker(db_session, silent_for=0)
    other = await add_worker(db_session, silent_for=0)
    lost = await add_job(db_session, worker_id=mine)
    running = await add_job(db_session, worker_id=mine)
    of_other = await add_job(db_session, worker_id=other)
    assert await held_jobs(db_session, worker_id=mine) == {lost, running}
    released = await release_abandoned(
        db_session,
        max_attempts=MAX_ATTEMPTS,
        timings=PRODUCTION,
        worker_id=mine,
        lost={lost, of_other},
    )
    assert released == [AbandonedJob(id=lost, name="known", attempts=1, parked=False)]
    assert await held_jobs(db_session, worker_id=mine) == {running}
    assert await state(db_session, of_other) == ("doing", 0)


async def test_equal_jobs_do_not_hinder_each_other(db_session: AsyncSession) -> None:
    first = await add_job(db_session, worker_id=None, unique="same")
    second = await add_job(db_session, worker_id=None, unique="same")
    await add_job(db_session, worker_id=None, unique="same", status="todo")
    released = await release_abandoned(db_session, max_attempts=MAX_ATTEMPTS, timings=PRODUCTION)
    assert [job.id for job in released] == [first, second]
