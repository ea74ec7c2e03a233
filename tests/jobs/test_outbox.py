from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.models import OutboxEvent
from app.jobs.outbox import (
    KEPT_FOR,
    Handler,
    UnknownEventError,
    dispatch,
    outbox_jobs,
    prune,
    publish,
)
from tests.jobs.processes import Sessions, ask
from tests.jobs.sample_jobs import HANDLERS, NobodyListens, SampleHappened, hear


async def queued(session: AsyncSession) -> list[tuple[str, dict[str, object]]]:
    """Return names and arguments of all waiting jobs, and take them away."""
    result = await session.execute(
        text("DELETE FROM procrastinate_jobs RETURNING id, task_name, args")
    )
    return [(row.task_name, row.args) for row in sorted(result, key=lambda row: row.id)]


def test_handler_is_named_after_event_and_function() -> None:
    assert hear == Handler(
        name="on_SampleHappened.hear", event_type=SampleHappened, function=hear.function
    )


async def test_event_and_its_job_exist_if_and_only_if_the_transaction_committed(
    sessions: Sessions,
) -> None:
    both = """SELECT (SELECT count(*) FROM outbox_events)
                  || ' ' || (SELECT count(*) FROM procrastinate_jobs)"""
    async with sessions() as session:
        await publish(session, SampleHappened(number=1))
        await session.rollback()
    assert await ask(sessions, both) == "0 0"
    async with sessions() as session:
        await publish(session, SampleHappened(number=1))
        await session.commit()
    assert await ask(sessions, both) == "1 1"


async def test_published_event_is_written_down(db_session: AsyncSession) -> None:
    event_id = await publish(db_session, SampleHappened(number=7))
    event = await db_session.get_one(OutboxEvent, event_id)
    assert (event.name, event.payload) == ("SampleHappened", {"number": 7})
    assert event.occurred_at == await db_session.scalar(select(func.now()))
    assert event.dispatched_at is None
    assert await queued(db_session) == [("outbox.dispatch", {"event_id": str(event_id)})]


async def test_each_handler_gets_one_job_however_often_the_event_is_dispatched(
    db_session: AsyncSession,
) -> None:
    event_id = await publish(db_session, SampleHappened(number=7))
    await queued(db_session)
    for _ in range(3):
        await dispatch(db_session, event_id=event_id, handlers=HANDLERS)
    arguments = {"event_id": str(event_id), "payload": {"number": 7}}
    assert await queued(db_session) == [
        ("on_SampleHappened.hear", arguments),
        ("on_SampleHappened.fail_to_hear", arguments),
    ]
    event = await db_session.get_one(OutboxEvent, event_id, populate_existing=True)
    assert event.dispatched_at is not None


async def test_event_without_handlers_is_done(db_session: AsyncSession) -> None:
    event_id = await publish(db_session, NobodyListens(number=7))
    await queued(db_session)
    await dispatch(db_session, event_id=event_id, handlers=HANDLERS)
    assert await queued(db_session) == []
    event = await db_session.get_one(OutboxEvent, event_id, populate_existing=True)
    assert event.dispatched_at is not None


async def test_unknown_event_is_an_error_that_names_it(sessions: Sessions) -> None:
    async with sessions() as session:
        statement = insert(OutboxEvent).values(name="FromTheFuture", payload={})
        event_id = (await session.scalars(statement.returning(OutboxEvent.id))).one()
        await session.commit()
    (dispatch_job, *_) = outbox_jobs(HANDLERS)
    assert dispatch_job.name == "outbox.dispatch"
    with pytest.raises(UnknownEventError, match="no event class is named 'FromTheFuture'"):
        await dispatch_job.function(event_id=str(event_id))
    assert await ask(sessions, "SELECT count(*) FROM outbox_events WHERE dispatched_at IS NULL")
    assert await ask(sessions, "SELECT count(*) FROM procrastinate_jobs") == 0


async def test_handler_hears_the_event_as_it_was_published() -> None:
    heard: list[tuple[SampleHappened, UUID]] = []

    async def listen(event: SampleHappened, *, event_id: UUID) -> None:
        heard.append((event, event_id))

    handler = Handler(name="listen", event_type=SampleHappened, function=listen)
    (*_, handling) = outbox_jobs([handler])
    event_id = uuid4()
    assert handling.name == "listen"
    await handling.function(event_id=str(event_id), payload={"number": 7})
    assert heard == [(SampleHappened(number=7), event_id)]


async def test_only_events_that_were_dispatched_long_ago_are_pruned(
    db_session: AsyncSession,
) -> None:
    now = datetime.now(UTC)
    for name, dispatched_at in {
        "old": now - KEPT_FOR - timedelta(minutes=1),
        "recent": now - KEPT_FOR + timedelta(minutes=1),
        "waiting": None,
    }.items():
        await db_session.execute(
            insert(OutboxEvent).values(
                name=name,
                payload={},
                occurred_at=now - timedelta(days=365),
                dispatched_at=dispatched_at,
            )
        )
    await prune(db_session)
    assert set(await db_session.scalars(select(OutboxEvent.name))) == {"recent", "waiting"}
