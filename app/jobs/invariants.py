"""What is always true of jobs at rest, and looking for where it is not."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.findings import SHOWN, Finding

LATENESS = timedelta(minutes=5)
"""How long the workers may take to see that one of them is dead."""

KEPT_TOO_LONG = text("""
    SELECT job.id, job.task_name FROM procrastinate_jobs AS job
    LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND coalesce(
        worker.last_heartbeat,
        (SELECT max(at) FROM procrastinate_events AS event
         WHERE event.job_id = job.id AND event.type = 'started'),
        '-infinity'
    ) < :before
    ORDER BY job.id LIMIT :limit
""")


async def find_kept_too_long(session: AsyncSession, *, now: datetime) -> list[Finding]:
    """Return the jobs that a worker holds which has given no sign of life for five minutes."""
    rows = await session.execute(KEPT_TOO_LONG, {"before": now - LATENESS, "limit": SHOWN})
    return [
        Finding(
            invariant="no job is held by a dead worker for more than five minutes",
            subject=f"job {row.id}",
            detail=f"{row.task_name} is said to be running",
        )
        for row in rows
    ]
