"""Jobs: what can be done later, and putting it into the queue.

A job is a row, written in the caller's transaction, so it exists if and only if that was
committed. It is delivered at least once: functions are idempotent.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

DEFAULT_QUEUE = "default"
DEFAULT_ATTEMPTS = 8
DEFAULT_TIMEOUT_SECONDS = 300.0

JobFunction = Callable[..., Awaitable[None]]


class Priority(IntEnum):
    """Of the jobs that wait in a queue, those with a higher one are taken first."""

    LOW = -10
    NORMAL = 0
    HIGH = 10


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """What a job is called and where it waits: enough to queue it without its function.

    Each queue has slots of its own in every worker, so that jobs which hang hold up their own
    queue and no other.
    """

    name: str
    queue: str = DEFAULT_QUEUE
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, kw_only=True)
class Job(JobKind):
    """A function that the worker runs by name, with plain JSON values as keyword arguments.

    One that raises, runs for longer than ``timeout_seconds`` or takes its worker down with it is
    tried ``max_attempts`` times with growing pauses and then parked. With a ``cron`` expression
    the worker queues it by itself.
    """

    function: JobFunction
    max_attempts: int = DEFAULT_ATTEMPTS
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    cron: str | None = None


@dataclass(frozen=True, kw_only=True)
class ParkedJob:
    """A job that failed as often as it may; it stays until somebody looks at it."""

    id: int
    name: str
    queue: str
    attempts: int
    arguments: dict[str, Any]
    parked_at: datetime


def job(
    kind: JobKind | str,
    *,
    max_attempts: int = DEFAULT_ATTEMPTS,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
) -> Callable[[JobFunction], Job]:
    """Make a function a job. It opens its own transactions and leaves the event loop free."""
    known = as_kind(kind)

    def decorate(function: JobFunction) -> Job:
        return Job(
            name=known.name,
            queue=known.queue,
            priority=known.priority,
            function=function,
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
        )

    return decorate


def periodic(name: str, *, cron: str = "* * * * *") -> Callable[[JobFunction], Job]:
    """Make a function without arguments a job that is queued by a schedule, in UTC.

    The five fields are minute, hour, day, month and weekday; a sixth, last one is the second.
    However many workers there are, it is queued once at each due time, never waits twice and
    never runs twice at once. A time that passed while no worker ran is made up for within ten
    minutes or not at all. It goes before jobs that were queued for something that happened.
    """

    def decorate(function: JobFunction) -> Job:
        return Job(name=name, function=function, cron=cron, priority=Priority.HIGH)

    return decorate


def as_kind(kind: JobKind | str) -> JobKind:
    """Return the kind; a bare name is one of the default queue, of normal priority."""
    return JobKind(name=kind) if isinstance(kind, str) else kind


# The same insert as in procrastinate_defer_jobs_v1, which cannot pass over a conflict: there a
# job that already waits would break the caller's transaction.
ENQUEUE = text("""
    INSERT INTO procrastinate_jobs
        (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
    VALUES (:queue, :name, :priority, :lock, :unique, CAST(:arguments AS jsonb), :run_at)
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    RETURNING id
""")

PARKED = text("""
    SELECT id, task_name, queue_name, attempts, args,
           (SELECT max(at) FROM procrastinate_events
            WHERE job_id = procrastinate_jobs.id AND type IN ('failed', 'aborted')) AS parked_at
    FROM procrastinate_jobs
    WHERE status IN ('failed', 'aborted')
    ORDER BY id DESC LIMIT :limit
""")

PENDING = text("""
    SELECT id FROM procrastinate_jobs WHERE id = ANY(:ids) AND status IN ('todo', 'doing')
""")

# Without its key, so that an equal job that waits by now is no obstacle.
REQUEUE = text("""
    UPDATE procrastinate_jobs
    SET status = 'todo', attempts = 0, scheduled_at = NULL, queueing_lock = NULL
    WHERE id = :id AND status IN ('failed', 'aborted')
    RETURNING id
""")


async def enqueue(
    session: AsyncSession,
    job: JobKind | str,
    /,
    *,
    run_at: datetime | None = None,
    lock: str | None = None,
    unique: str | None = None,
    **arguments: Any,
) -> int | None:
    """Put a job into the queue, in the session's transaction; return its id.

    Args:
        session: the caller's, whose transaction decides whether the job exists.
        job: the job, or its kind or name where importing it would point upwards.
        run_at: not before this moment; at once if omitted.
        lock: of the jobs with the same lock one runs at a time, in the order of their queueing.
        unique: while a job with the same key waits, nothing is added and ``None`` returned.
        arguments: plain JSON values for the job's function; ids rather than contents.
    """
    kind = as_kind(job)
    result = await session.execute(
        ENQUEUE,
        {
            "queue": kind.queue,
            "name": kind.name,
            "priority": kind.priority.value,
            "lock": lock,
            "unique": unique,
            "arguments": json.dumps(arguments),
            "run_at": run_at,
        },
    )
    return result.scalar_one_or_none()


async def parked(session: AsyncSession, *, limit: int = 100) -> list[ParkedJob]:
    """Return the jobs that failed for good, the newest first."""
    rows = await session.execute(PARKED, {"limit": limit})
    return [
        ParkedJob(
            id=row.id,
            name=row.task_name,
            queue=row.queue_name,
            attempts=row.attempts,
            arguments=row.args,
            parked_at=row.parked_at,
        )
        for row in rows
    ]


async def pending(session: AsyncSession, ids: Sequence[int]) -> set[int]:
    """Return those of the jobs that wait or run; the others are done or parked."""
    return set(await session.scalars(PENDING, {"ids": list(ids)}))


async def requeue(session: AsyncSession, job_id: int) -> bool:
    """Let a parked job be tried again from the beginning; tell whether there was one."""
    result = await session.execute(REQUEUE, {"id": job_id})
    return result.scalar_one_or_none() is not None
