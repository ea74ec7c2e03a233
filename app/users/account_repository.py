"""SQL for what readers change about their own accounts, and where they are signed in."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Update, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import Role
from app.users.models import RefreshToken, TokenFamily, User, UserSession
from app.users.whence import Whence


class SignIn(NamedTuple):
    """A browser or program that is signed in."""

    id: UUID
    program: str
    network: str
    created_at: datetime
    last_seen_at: datetime


async def find_account(session: AsyncSession, *, user_id: int) -> User | None:
    """Return an account as it is by now, whatever this transaction read of it before."""
    statement = select(User).where(User.id == user_id).execution_options(populate_existing=True)
    return (await session.scalars(statement)).one_or_none()


async def lock_account(
    session: AsyncSession, *, user_id: int, password_hash: str | None
) -> User | None:
    """Return the active account if that is still its password, changed by nobody else meanwhile."""
    statement = (
        select(User)
        .where(
            User.id == user_id,
            User.password_hash.is_not_distinct_from(password_hash),
            User.is_active,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def lock_admins(session: AsyncSession) -> list[int]:
    """Return the active accounts that run the shop, which stay so until the transaction ends."""
    statement = (
        select(User.id)
        .where(User.role == Role.ADMIN, User.is_active)
        .order_by(User.id)
        .with_for_update()
    )
    return list(await session.scalars(statement))


async def replace_password(
    session: AsyncSession, *, user_id: int, present_hash: str | None, password_hash: str
) -> User | None:
    """Give the account another password, if the present one is still that."""
    return await _change(
        session,
        update(User)
        .where(User.id == user_id, User.password_hash == present_hash)
        .values(password_hash=password_hash),
    )


async def reset_password(
    session: AsyncSession, *, user_id: int, email: str, password_hash: str
) -> User | None:
    """Give the account another password, if the address is still its own."""
    return await _change(
        session,
        update(User)
        .where(User.id == user_id, User.email == email)
        .values(password_hash=password_hash),
    )


async def change_profile(
    session: AsyncSession, *, user_id: int, changes: Mapping[str, str | bool | None]
) -> User | None:
    """Change some columns of the account."""
    if not changes:
        return await find_account(session, user_id=user_id)
    return await _change(session, update(User).where(User.id == user_id).values(**changes))


async def end_review_invitations(session: AsyncSession, *, email: str) -> None:
    """Take back the consent of the account with an address, if there is one."""
    await session.execute(update(User).where(User.email == email).values(review_invitations=False))


async def delete_user(session: AsyncSession, *, user_id: int) -> None:
    """Remove the account, and what goes with it by its foreign keys."""
    await session.execute(delete(User).where(User.id == user_id))


async def list_taken(session: AsyncSession, *, emails: Collection[str]) -> set[str]:
    """Return which of the addresses accounts have."""
    return set(await session.scalars(select(User.email).where(User.email.in_(emails))))


async def is_at_home(
    session: AsyncSession, *, user_id: int, whence: Whence, opened_after: datetime
) -> bool:
    """Tell whether the account is signed in from there, or was opened after a moment."""
    browser = exists().where(
        UserSession.user_id == user_id,
        UserSession.program == whence.program,
        UserSession.network == whence.network,
    )
    program = exists().where(
        TokenFamily.user_id == user_id,
        TokenFamily.revoked_at.is_(None),
        TokenFamily.program == whence.program,
        TokenFamily.network == whence.network,
    )
    statement = select(exists().where(User.id == user_id, User.created_at > opened_after))
    return bool(await session.scalar(select(or_(statement.scalar_subquery(), browser, program))))


async def list_sessions(
    session: AsyncSession, *, user_id: int, now: datetime, limit: int
) -> list[SignIn]:
    """Return the account's page sessions, those that were seen last first."""
    statement = (
        select(
            UserSession.id,
            UserSession.program,
            UserSession.network,
            UserSession.created_at,
            UserSession.last_seen_at,
        )
        .where(UserSession.user_id == user_id, UserSession.expires_at > now)
        .order_by(UserSession.last_seen_at.desc())
        .limit(limit)
    )
    return [SignIn(*row) for row in await session.execute(statement)]


async def list_families(
    session: AsyncSession, *, user_id: int, now: datetime, limit: int
) -> list[SignIn]:
    """Return the account's families, those first that asked for their tokens last."""
    last_seen_at = (
        select(func.max(RefreshToken.created_at))
        .where(RefreshToken.family_id == TokenFamily.id)
        .scalar_subquery()
    )
    seen = func.coalesce(last_seen_at, TokenFamily.created_at).label("seen")
    statement = (
        select(
            TokenFamily.id, TokenFamily.program, TokenFamily.network, TokenFamily.created_at, seen
        )
        .where(
            TokenFamily.user_id == user_id,
            TokenFamily.expires_at > now,
            TokenFamily.revoked_at.is_(None),
        )
        .order_by(seen.desc())
        .limit(limit)
    )
    return [SignIn(*row) for row in await session.execute(statement)]


async def delete_sign_in(session: AsyncSession, *, user_id: int, sign_in_id: UUID) -> bool:
    """Forget one page session or family of the account; tell whether there was one."""
    in_browser = (
        delete(UserSession)
        .where(UserSession.id == sign_in_id, UserSession.user_id == user_id)
        .returning(UserSession.id)
    )
    if (await session.scalars(in_browser)).one_or_none() is not None:
        return True
    of_program = (
        delete(TokenFamily)
        .where(TokenFamily.id == sign_in_id, TokenFamily.user_id == user_id)
        .returning(TokenFamily.id)
    )
    return (await session.scalars(of_program)).one_or_none() is not None


async def touch_session(
    session: AsyncSession, *, token_hash: bytes, now: datetime, seen_before: datetime
) -> None:
    """Write down that a page session was seen, if that was last done before a moment."""
    await session.execute(
        update(UserSession)
        .where(UserSession.token_hash == token_hash, UserSession.last_seen_at < seen_before)
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )


async def _change(session: AsyncSession, statement: Update) -> User | None:
    changing = statement.returning(User).execution_options(
        synchronize_session=False, populate_existing=True
    )
    return (await session.scalars(changing)).one_or_none()
