"""Refresh tokens, which programs exchange for new ones.

A sign-in begins a family. Each token of it is used once and followed by one successor; a used
token that comes back was stolen, or its thief was faster, and ends the family for both. One that
comes back within ``GRACE`` is refused and ends nothing.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.exceptions import AppError
from app.core.security import Role, encode_access_token, hash_token, new_opaque_token
from app.db.session import transactional
from app.users import repository
from app.users.errors import (
    RefreshInvalidError,
    RefreshReplacedError,
    TokenReuseError,
    UserInactiveError,
)
from app.users.schemas import TokenPair
from app.users.whence import NOWHERE, Whence

GRACE = timedelta(seconds=10)
"""How long after its use a token may come back unsuspected: two tabs that raced."""


async def start_family(
    session: AsyncSession,
    *,
    user_id: int,
    role: Role,
    now: datetime,
    settings: Settings,
    whence: Whence = NOWHERE,
) -> TokenPair:
    """Sign a program in. However often it refreshes, ``refresh_token_days`` later it must again."""
    family_id = await repository.insert_family(
        session,
        user_id=user_id,
        now=now,
        expires_at=now + timedelta(days=settings.refresh_token_days),
        whence=whence,
    )
    return await _issue(
        session, family_id=family_id, user_id=user_id, role=role, now=now, settings=settings
    )


async def refresh(
    session: AsyncSession, *, refresh_token: str, now: datetime, settings: Settings
) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Raises:
        RefreshInvalidError: unknown, expired or signed out.
        RefreshReplacedError: used less than ``GRACE`` ago; the pair that it brought works.
        TokenReuseError: used earlier than that; its family has ended, and that is committed.
        UserInactiveError: the account is deactivated.
    """
    outcome = await rotate(session, refresh_token=refresh_token, now=now, settings=settings)
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


@transactional
async def rotate(
    session: AsyncSession, *, refresh_token: str, now: datetime, settings: Settings
) -> TokenPair | AppError:
    """Return the new pair or the refusal, which as an exception would undo the family's end."""
    token_hash = hash_token(refresh_token)
    used = await repository.use_refresh_token(session, token_hash=token_hash, now=now)
    if used is not None:
        return await _issue(
            session,
            family_id=used.family_id,
            user_id=used.user_id,
            role=used.role,
            now=now,
            settings=settings,
        )
    known = await repository.find_refresh_token(session, token_hash=token_hash)
    if known is None or known.expires_at <= now:
        return RefreshInvalidError()
    if known.used_at is None:
        return RefreshInvalidError() if known.is_active else UserInactiveError()
    if now - known.used_at <= GRACE:
        return RefreshInvalidError() if known.revoked_at else RefreshReplacedError()
    await repository.revoke_family(session, token_hash=token_hash, now=now)
    return TokenReuseError()


async def end_family(session: AsyncSession, *, refresh_token: str, now: datetime) -> None:
    """Sign a program out, also when that is repeated; an unknown token ends nothing."""
    await repository.revoke_family(session, token_hash=hash_token(refresh_token), now=now)


async def forget_expired_families(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete families that have expired, up to a limit, with their tokens; return how many.

    Nothing changes for who still has a token: an expired and an unknown one are refused alike.
    """
    return await repository.delete_expired_families(session, now=now, limit=limit)


async def _issue(
    session: AsyncSession,
    *,
    family_id: UUID,
    user_id: int,
    role: Role,
    now: datetime,
    settings: Settings,
) -> TokenPair:
    refresh_token = new_opaque_token()
    await repository.insert_refresh_token(
        session, token_hash=hash_token(refresh_token), family_id=family_id, now=now
    )
    access_token = encode_access_token(
        user_id=user_id, role=role, now=now, settings=settings, family_id=family_id
    )
    return TokenPair(access_token=access_token, refresh_token=refresh_token)
