"""Page sessions: the cookie holds a random token, the database its hash."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.core.security import hash_token, new_opaque_token
from app.users import account_repository, repository
from app.users.account_schemas import SignInKind, SignInRead
from app.users.errors import SessionNotFoundError
from app.users.service import to_principal
from app.users.whence import NOWHERE, Whence

SEEN_EVERY = timedelta(minutes=5)
"""How often at most it is written down that a session was seen."""

SHOWN = 100
"""So many browsers, and so many programs, are listed at most; those seen last come first."""


async def start_session(
    session: AsyncSession,
    *,
    user_id: int,
    now: datetime,
    lifetime: timedelta,
    whence: Whence = NOWHERE,
) -> str:
    """Start a session and return the token for the cookie."""
    token = new_opaque_token()
    await repository.insert_session(
        session,
        token_hash=hash_token(token),
        user_id=user_id,
        expires_at=now + lifetime,
        seen_at=now,
        whence=whence,
    )
    return token


async def find_principal(session: AsyncSession, *, token: str, now: datetime) -> Principal | None:
    """Return the active account whose unexpired session this is, and which is seen now."""
    token_hash = hash_token(token)
    found = await repository.find_session_user(session, token_hash=token_hash, now=now)
    if found is None:
        return None
    if found.last_seen_at < now - SEEN_EVERY:
        await account_repository.touch_session(
            session, token_hash=token_hash, now=now, seen_before=now - SEEN_EVERY
        )
    return to_principal(found.user, sign_in_id=found.id, signed_in_at=found.created_at)


async def end_session(session: AsyncSession, *, token: str) -> None:
    """End a session."""
    await repository.delete_session(session, token_hash=hash_token(token))


async def list_sign_ins(
    session: AsyncSession, *, user_id: int, now: datetime, current: UUID | None = None
) -> list[SignInRead]:
    """Return where the account is signed in: browsers, then programs, the last seen first.

    Args:
        session: the caller's.
        user_id: the account.
        now: the moment.
        current: the id of the one that asks, which is marked.
    """
    browsers = await account_repository.list_sessions(
        session, user_id=user_id, now=now, limit=SHOWN
    )
    programs = await account_repository.list_families(
        session, user_id=user_id, now=now, limit=SHOWN
    )
    return [
        SignInRead(
            id=found.id,
            kind=kind,
            program=found.program,
            network=found.network,
            created_at=found.created_at,
            last_seen_at=found.last_seen_at,
            is_current=found.id == current,
        )
        for kind, sign_ins in ((SignInKind.BROWSER, browsers), (SignInKind.PROGRAM, programs))
        for found in sign_ins
    ]


async def end_sign_in(session: AsyncSession, *, user_id: int, sign_in_id: UUID) -> None:
    """Sign the account out of one browser or program.

    Raises:
        SessionNotFoundError: it has no such, or somebody else has.
    """
    if not await account_repository.delete_sign_in(session, user_id=user_id, sign_in_id=sign_in_id):
        raise SessionNotFoundError


async def sign_out_everywhere(session: AsyncSession, *, user_id: int) -> None:
    """End every page session and every refresh family of the account, the one that asks too."""
    await repository.delete_sessions(session, user_id=user_id)
    await repository.delete_families(session, user_id=user_id)


async def forget_expired_sessions(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete sessions that have expired, up to a limit; return how many."""
    return await repository.delete_expired_sessions(session, now=now, limit=limit)
