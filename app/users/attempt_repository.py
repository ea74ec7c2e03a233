"""SQL for attempts that are counted."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.users.models import AttemptCount


async def spend_attempt(
    session: AsyncSession,
    *,
    purpose: str,
    subject: bytes,
    attempts: int,
    span: timedelta,
    now: datetime,
) -> datetime | None:
    """Count an attempt, unless there were so many within the span; return when there is one again.

    One statement decides and counts. Who is refused waits for those before, and counts nothing.
    """
    moments = AttemptCount.moments
    length = func.cardinality(moments)
    oldest_that_counts = moments[length - attempts + 1]
    counted = func.array_append(moments, now, type_=AttemptCount.__table__.c.moments.type)
    statement = (
        insert(AttemptCount)
        .values(purpose=purpose, subject=subject, moments=[now], expires_at=now + span)
        .on_conflict_do_update(
            index_elements=[AttemptCount.purpose, AttemptCount.subject],
            set_={
                "moments": counted[length - attempts + 2 : length + 1],
                "expires_at": now + span,
            },
            where=or_(length < attempts, oldest_that_counts <= now - span),
        )
        .returning(AttemptCount.expires_at)
    )
    if (await session.execute(statement)).one_or_none() is not None:
        return None
    full_since = select(oldest_that_counts).where(
        AttemptCount.purpose == purpose, AttemptCount.subject == subject
    )
    full: datetime = (await session.scalars(full_since)).one()
    return full + span


async def give_back_attempt(
    session: AsyncSession, *, purpose: str, subject: bytes, moment: datetime
) -> None:
    """Remove an attempt that was counted at a moment, if it is still there."""
    moments = AttemptCount.moments
    place = func.array_position(moments, moment)
    length = func.cardinality(moments)
    await session.execute(
        update(AttemptCount)
        .where(AttemptCount.purpose == purpose, AttemptCount.subject == subject, place.is_not(None))
        .values(moments=func.array_cat(moments[1 : place - 1], moments[place + 1 : length]))
        .execution_options(synchronize_session=False)
    )


async def delete_old_attempts(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget counts in which nothing counts any more, up to a limit; return how many."""
    old = (
        select(AttemptCount.purpose, AttemptCount.subject)
        .where(AttemptCount.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        delete(AttemptCount)
        .where(tuple_(AttemptCount.purpose, AttemptCount.subject).in_(old))
        .returning(AttemptCount.purpose)
    )
    return len((await session.scalars(statement)).all())
