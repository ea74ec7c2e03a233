"""Events: what happened is written down with it, and every handler hears of it in its own job."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import session_scope
from app.jobs.models import OutboxEvent
from app.jobs.queue import Job, JobKind, Priority, enqueue, job, periodic

DISPATCH = JobKind(name="outbox.dispatch", priority=Priority.HIGH)
PRUNE = "outbox.prune"

# The event and the job that hands it out, in one statement.
PUBLISH = text("""
    WITH event AS (
        INSERT INTO outbox_events (name, payload) VALUES (:event, CAST(:payload AS jsonb))
        RETURNING id
    )
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
    SELECT CAST(:queue AS varchar), CAST(:job AS varchar), CAST(:priority AS integer),
           jsonb_build_object('event_id', event.id)
    FROM event
    RETURNING args ->> 'event_id'
""")

KEPT_FOR = timedelta(days=7)
"""How long a dispatched event can still be looked up. Nothing depends on it any more."""

PRUNED_AT_ONCE = 10_000


@dataclass(frozen=True)
class Event:
    """Something that happened. Subclasses are frozen dataclasses of ids and plain JSON values.

    The class's name is the event's name in the database: renaming it takes a release in which
    both exist.
    """


E_contra = TypeVar("E_contra", bound=Event, contravariant=True)


class HandlerFunction(Protocol[E_contra]):
    """Does something about an event. It may be called again for the same ``event_id``."""

    __name__: str

    def __call__(self, event: E_contra, *, event_id: UUID) -> Awaitable[None]:
        """Handle the event."""


@dataclass(frozen=True, kw_only=True)
class Handler:
    """A function that hears of every event of a type."""

    name: str
    event_type: type[Event]
    function: Callable[..., Awaitable[None]]


class UnknownEventError(LookupError):
    """The running release knows no event of this name.

    That passes when an older worker met the event of a newer release, hence it is retried like
    any failure and parked in the end.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"no event class is named {name!r}; is this worker's release too old?")


def handles(
    event_type: type[E_contra],
) -> Callable[[HandlerFunction[E_contra]], Handler]:
    """Make a function a handler of a type of event."""

    def decorate(function: HandlerFunction[E_contra]) -> Handler:
        return Handler(
            name=f"on_{event_type.__name__}.{function.__name__}",
            event_type=event_type,
            function=function,
        )

    return decorate


async def publish(session: AsyncSession, event: Event) -> UUID:
    """Write down, in the session's transaction, that something happened; return the event's id."""
    published = await session.execute(
        PUBLISH,
        {
            "event": type(event).__name__,
            "payload": json.dumps(asdict(event)),
            "queue": DISPATCH.queue,
            "job": DISPATCH.name,
            "priority": DISPATCH.priority.value,
        },
    )
    return UUID(published.scalar_one())


def outbox_jobs(handlers: Sequence[Handler]) -> list[Job]:
    """Return the jobs that hand events out and prune them, and one job for each handler."""

    async def dispatch_event(*, event_id: str) -> None:
        async with session_scope() as session:
            await dispatch(session, event_id=UUID(event_id), handlers=handlers)

    async def prune_events() -> None:
        async with session_scope() as session:
            await prune(session)

    return [
        job(DISPATCH)(dispatch_event),
        periodic(PRUNE, cron="*/5 * * * *")(prune_events),
        *(Job(name=handler.name, function=_run(handler)) for handler in handlers),
    ]


async def dispatch(session: AsyncSession, *, event_id: UUID, handlers: Sequence[Handler]) -> None:
    """Queue a job for each handler of the event, unless that was done before.

    Raises:
        UnknownEventError: the event's class does not exist.
    """
    statement = (
        update(OutboxEvent)
        .where(OutboxEvent.id == event_id, OutboxEvent.dispatched_at.is_(None))
        .values(dispatched_at=func.now())
        .returning(OutboxEvent.name, OutboxEvent.payload)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return
    if row.name not in {event_type.__name__ for event_type in Event.__subclasses__()}:
        raise UnknownEventError(row.name)
    for handler in handlers:
        if handler.event_type.__name__ == row.name:
            await enqueue(session, handler.name, event_id=str(event_id), payload=row.payload)


async def prune(session: AsyncSession) -> None:
    """Delete the oldest part of the events that were dispatched long ago."""
    old = (
        select(OutboxEvent.id)
        .where(OutboxEvent.dispatched_at < func.now() - KEPT_FOR)
        .limit(PRUNED_AT_ONCE)
    )
    await session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(old)))


def _run(handler: Handler) -> Callable[..., Awaitable[None]]:
    async def run(*, event_id: str, payload: Mapping[str, Any]) -> None:
        await handler.function(handler.event_type(**payload), event_id=UUID(event_id))

    return run
