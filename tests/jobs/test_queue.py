from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.queue import Job, JobKind, Priority, enqueue, job, parked, periodic, requeue
from tests.jobs.processes import Sessions, ask

WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"


@job(
    JobKind(name="count.stars", queue="night", priority=Priority.LOW),
    max_attempts=3,
    timeout_seconds=5.0,
)
async def count_stars(*, sky: str) -> None: ...


@periodic("count.hours", cron="0 * * * *")
async def count_hours() -> None: ...


async def rows(session: AsyncSession) -> list[dict[str, object]]:
    result = await session.execute(text("SELECT * FROM procrastinate_jobs ORDER BY id"))
    return [dict(row) for row in result.mappings()]


async def fail_for_good(session: AsyncSession, job_id: int | None, *, status: str) -> None:
    await session.execute(
        text("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = :id"), {"id": job_id}
    )
    await session.execute(
        text(f"SELECT procrastinate_finish_job_v1(:id, '{status}', false)"),
        {"id": job_id},
    )


def test_declared_job_says_everything_about_itself() -> None:
    assert count_stars == Job(
        name="count.stars",
        function=count_stars.function,
        max_attempts=3,
        queue="night",
        priority=Priority.LOW,
        timeout_seconds=5.0,
        cron=None,
    )
    assert count_hours == Job(
        name="count.hours",
        function=count_hours.function,
        max_attempts=8,
        queue="default",
        priority=Priority.HIGH,
        timeout_seconds=300.0,
        cron="0 * * * *",
    )


async def test_job_exists_if_and_only_if_its_transaction_committed(sessions: Sessions) -> None:
    async with sessions() as session:
        await enqueue(session, count_stars, sky="south")
        await session.rollback()
    assert await ask(sessions, WAITING) == 0

    async with sessions() as session:
        await enqueue(session, count_stars, sky="north")
        assert await ask(sessions, WAITING) == 0
        await session.commit()
    assert await ask(sessions, WAITING) == 1


async def test_everything_that_was_said_about_the_job_is_written(db_session: AsyncSession) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    first = await enqueue(
        db_session, count_stars, run_at=tomorrow, lock="sky", unique="stars", sky='"é\n'
    )
    second = await enqueue(db_session, "count.moons")
    ordinary = {"status": "todo", "attempts": 0, "abort_requested": False}
    assert await rows(db_session) == [
        ordinary
        | {
            "id": first,
            "queue_name": "night",
            "priority": -10,
            "task_name": "count.stars",
            "lock": "sky",
            "queueing_lock": "stars",
            "args": {"sky": '"é\n'},
            "scheduled_at": tomorrow,
            "worker_id": None,
        },
        ordinary
        | {
            "id": second,
            "queue_name": "default",
            "priority": 0,
            "task_name": "count.moons",
            "lock": None,
            "queueing_lock": None,
            "args": {},
            "scheduled_at": None,
            "worker_id": None,
        },
    ]


async def test_unique_job_waits_once_and_the_transaction_goes_on(sessions: Sessions) -> None:
    async with sessions() as session:
        first = await enqueue(session, count_stars, unique="stars", sky="south")
        assert await enqueue(session, count_stars, unique="stars", sky="north") is None
        other = await enqueue(session, count_stars, unique="moons", sky="north")
        await session.commit()
    async with sessions() as session:
        assert [row["id"] for row in await rows(session)] == [first, other]

        # one that runs no longer waits
        await session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
        assert await enqueue(session, count_stars, unique="stars", sky="south") is not None


async def test_arguments_that_are_no_json_are_refused(db_session: AsyncSession) -> None:
    with pytest.raises(TypeError, match="datetime is not JSON serializable"):
        await enqueue(db_session, count_stars, sky=datetime.now(UTC))
    assert await rows(db_session) == []


@pytest.mark.parametrize("status", ["failed", "aborted"])
async def test_job_that_failed_for_good_is_seen_and_can_be_tried_again(
    db_session: AsyncSession, status: str
) -> None:
    before = await db_session.scalar(text("SELECT now()"))
    waiting = await enqueue(db_session, count_stars, sky="south")
    failed = await enqueue(db_session, count_stars, unique="stars", sky="north")
    assert failed is not None
    await fail_for_good(db_session, failed, status=status)
    twin = await enqueue(db_session, count_stars, unique="stars", sky="north")

    (seen,) = await parked(db_session)
    assert (seen.id, seen.name, seen.queue) == (failed, "count.stars", "night")
    assert (seen.attempts, seen.arguments, seen.parked_at) == (1, {"sky": "north"}, before)

    assert await requeue(db_session, failed) is True
    assert await parked(db_session) == []
    assert [(row["id"], row["status"], row["attempts"]) for row in await rows(db_session)] == [
        (waiting, "todo", 0),
        (failed, "todo", 0),
        (twin, "todo", 0),
    ]


async def test_only_parked_jobs_can_be_queued_again(db_session: AsyncSession) -> None:
    waiting = await enqueue(db_session, count_stars, run_at=datetime.now(UTC), sky="south")
    assert waiting is not None
    before = await rows(db_session)
    assert await requeue(db_session, waiting) is False
    assert await requeue(db_session, waiting + 1) is False
    assert await rows(db_session) == before


async def test_parked_jobs_are_listed_newest_first_and_not_all_at_once(
    db_session: AsyncSession,
) -> None:
    ids = [await enqueue(db_session, count_stars, sky=str(number)) for number in range(3)]
    for job_id in ids:
        await fail_for_good(db_session, job_id, status="failed")
    assert [seen.id for seen in await parked(db_session, limit=2)] == [ids[2], ids[1]]
