"""Work on accounts that the schedule does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.jobs.batches import in_batches
from app.jobs.queue import periodic
from app.users.limits import forget_old_attempts
from app.users.sessions import forget_expired_sessions
from app.users.tokens import forget_expired_families


@periodic("users.prune", cron="17 3 * * *")
async def prune_sign_ins() -> None:
    """Delete page sessions, families of refresh tokens and counts of attempts that are over."""
    now = utc_now()

    async def sessions(session: AsyncSession, limit: int) -> int:
        return await forget_expired_sessions(session, now=now, limit=limit)

    async def families(session: AsyncSession, limit: int) -> int:
        return await forget_expired_families(session, now=now, limit=limit)

    async def attempts(session: AsyncSession, limit: int) -> int:
        return await forget_old_attempts(session, now=now, limit=limit)

    await in_batches(sessions)
    await in_batches(families)
    await in_batches(attempts)
