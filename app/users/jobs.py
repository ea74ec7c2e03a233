"""Work on accounts that the schedule does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.jobs.batches import in_batches
from app.jobs.queue import periodic
from app.users.oauth.trips import forget_expired_trips
from app.users.sessions import forget_expired_sessions
from app.users.tokens import forget_expired_families
from app.users.two_step import pending


@periodic("users.prune", cron="17 3 * * *")
async def prune_sign_ins() -> None:
    """Delete page sessions, families of refresh tokens and half-done sign-ins that have expired."""
    now = utc_now()

    async def sessions(session: AsyncSession, limit: int) -> int:
        return await forget_expired_sessions(session, now=now, limit=limit)

    async def families(session: AsyncSession, limit: int) -> int:
        return await forget_expired_families(session, now=now, limit=limit)

    async def trips(session: AsyncSession, limit: int) -> int:
        return await forget_expired_trips(session, now=now, limit=limit)

    async def half_way(session: AsyncSession, limit: int) -> int:
        return await pending.forget_expired(session, now=now, limit=limit)

    await in_batches(sessions)
    await in_batches(families)
    await in_batches(trips)
    await in_batches(half_way)
