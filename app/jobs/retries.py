"""When a job that went wrong is tried again, and the jobs of workers that died."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.timings import Timings


class BackOff(BaseRetryStrategy):
    """Tells the queue library when to try a job that raised again."""

    def __init__(self, max_attempts: int, timings: Timings) -> None:
        self._max_attempts = max_attempts
        self._timings = timings

    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        """Return when to try again, or ``None`` to park the job."""
        del exception
        attempts = job.attempts + 1
        if attempts >= self._max_attempts:
            return None
        return RetryDecision(retry_at=datetime.now(UTC) + self._timings.pause_after(attempts))


@dataclass(frozen=True, kw_only=True)
class AbandonedJob:
    """A job that nobody runs any more, and what became of it."""

    id: int
    name: str
    attempts: int
    parked: bool


HELD = text("""
    SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = :worker_id
""")

# The subselect under OR stays a filter of its own and is asked again for a row that changed while
# we waited. As a join it would be asked about the row as it was, and could take a job away from
# the worker that has just been given it.
ABANDONED = text("""
    SELECT id, task_name, attempts FROM procrastinate_jobs
    WHERE status = 'doing' AND (
        worker_id IS NULL
        OR worker_id IN (
            SELECT id FROM procrastinate_workers
            WHERE last_heartbeat < now() - make_interval(secs => :dead_after)
        )
        OR worker_id = :worker_id AND id = ANY(:lost)
    )
    ORDER BY id FOR UPDATE SKIP LOCKED
""")

# Without its key, so that an equal job that waits by now is no obstacle.
RELEASE = text("""
    UPDATE procrastinate_jobs
    SET status = CAST(:status AS procrastinate_job_status), attempts = :attempts,
        scheduled_at = now() + :pause, queueing_lock = NULL
    WHERE id = :id
""")


async def held_jobs(session: AsyncSession, *, worker_id: int) -> set[int]:
    """Return the ids of the jobs that the queue believes a worker to be running."""
    return set(await session.scalars(HELD, {"worker_id": worker_id}))


async def release_abandoned(
    session: AsyncSession,
    *,
    max_attempts: Mapping[str, int],
    timings: Timings,
    worker_id: int | None = None,
    lost: Collection[int] = (),
) -> list[AbandonedJob]:
    """Queue the jobs of dead workers again, or park them; each death is an attempt of its job.

    Args:
        session: its transaction holds the jobs' rows; several callers do not disturb each other.
        max_attempts: for each job's name. An unknown job is parked.
        timings: when a worker counts as dead, and how long its jobs wait.
        worker_id: the worker that asks.
        lost: jobs that it holds by the queue's account but not by its own, because the database
            went away when it took them or when it reported their end.
    """
    rows = await session.execute(
        ABANDONED,
        {"dead_after": timings.dead_after, "worker_id": worker_id, "lost": list(lost)},
    )
    released = []
    for row in rows.all():
        attempts = row.attempts + 1
        is_parked = attempts >= max_attempts.get(row.task_name, 0)
        await session.execute(
            RELEASE,
            {
                "id": row.id,
                "status": "failed" if is_parked else "todo",
                "attempts": attempts,
                "pause": timings.pause_after(attempts),
            },
        )
        released.append(
            AbandonedJob(id=row.id, name=row.task_name, attempts=attempts, parked=is_parked)
        )
    return released
