"""Page sessions: the cookie holds a random token, the database its hash."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.core.security import hash_token, new_opaque_token
from app.users import repository
from app.users.service import to_principal


async def start_session(
    session: AsyncSession, *, user_id: int, now: datetime, lifetime: timedelta
) -> str:
    """Start a session and return the token for the cookie."""
    token = new_opaque_token()
    await repository.insert_session(
        session, token_hash=hash_token(token), user_id=user_id, expires_at=now + lifetime
    )
    return token


async def find_principal(session: AsyncSession, *, token: str, now: datetime) -> Principal | None:
    """Return the active account whose unexpired session this is."""
    user = await repository.find_session_user(session, token_hash=hash_token(token), now=now)
    return to_principal(user) if user else None


async def end_session(session: AsyncSession, *, token: str) -> None:
    """End a session."""
    await repository.delete_session(session, token_hash=hash_token(token))


async def forget_expired_sessions(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete sessions that have expired, up to a limit; return how many."""
    return await repository.delete_expired_sessions(session, now=now, limit=limit)
