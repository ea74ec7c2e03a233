"""Work on accounts that the schedule does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.jobs.batches import in_batches
from app.jobs.queue import job, periodic
from app.users.limits import forget_old_attempts
from app.users.links import forget_expired_changes, forget_expired_links
from app.users.oauth.service import forget_expired_tokens
from app.users.oauth.trips import forget_expired_trips
from app.users.passwords import FORGOTTEN, send_reset_link
from app.users.sessions import forget_expired_sessions
from app.users.sign_up import ANSWER, answer_by_mail
from app.users.tokens import forget_expired_families
from app.users.two_step import pending
from app.users.two_step.service import encrypt_anew


@periodic("users.prune", cron="17 3 * * *")
async def prune_sign_ins() -> None:
    """Delete what has expired: sign-ins, whole and half done, counts, links, changes, trips."""
    now = utc_now()

    async def sessions(session: AsyncSession, limit: int) -> int:
        return await forget_expired_sessions(session, now=now, limit=limit)

    async def families(session: AsyncSession, limit: int) -> int:
        return await forget_expired_families(session, now=now, limit=limit)

    async def attempts(session: AsyncSession, limit: int) -> int:
        return await forget_old_attempts(session, now=now, limit=limit)

    async def links(session: AsyncSession, limit: int) -> int:
        return await forget_expired_links(session, now=now, limit=limit)

    async def changes(session: AsyncSession, limit: int) -> int:
        return await forget_expired_changes(session, now=now, limit=limit)

    async def trips(session: AsyncSession, limit: int) -> int:
        return await forget_expired_trips(session, now=now, limit=limit)

    async def tokens(session: AsyncSession, limit: int) -> int:
        return await forget_expired_tokens(session, now=now, limit=limit)

    async def half_way(session: AsyncSession, limit: int) -> int:
        return await pending.forget_expired(session, now=now, limit=limit)

    for forget in (sessions, families, attempts, links, changes, trips, tokens, half_way):
        await in_batches(forget)


@periodic("users.encrypt_anew", cron="47 3 * * *")
async def encrypt_two_step_secrets_anew() -> None:
    """Let a former secret of the shop be forgotten the day after it was replaced."""

    async def step(session: AsyncSession, limit: int) -> int:
        return await encrypt_anew(session, limit=limit, settings=get_settings())

    await in_batches(step)


@job(ANSWER)
async def answer_registration(
    *, email: str, full_name: str | None, language: str | None = None
) -> None:
    """Open an account for an address, unless it has one, and write to whoever reads its mail."""
    async with session_scope() as session:
        await answer_by_mail(
            session, email=email, full_name=full_name, language=language, now=utc_now()
        )


@job(FORGOTTEN)
async def send_reset_link_if_known(*, email: str) -> None:
    """Look whether the address has an account, and mail the link for a new password if it has."""
    async with session_scope() as session:
        await send_reset_link(session, email=email, now=utc_now())
