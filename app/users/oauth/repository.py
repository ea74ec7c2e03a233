"""SQL for identities elsewhere and the trips to their providers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.oauth.provider import Identity, ProviderName
from app.users.models import User
from app.users.oauth.models import ConnectedIdentity, OAuthTrip, UsedIdentityToken


class EndedTrip(NamedTuple):
    """What a trip was for."""

    next: str
    user_id: int | None


async def insert_trip(
    session: AsyncSession,
    *,
    state_hash: bytes,
    browser_hash: bytes,
    redirect_uri: str,
    next_path: str,
    user_id: int | None,
    expires_at: datetime,
) -> None:
    """Add a trip."""
    await session.execute(
        insert(OAuthTrip).values(
            state_hash=state_hash,
            browser_hash=browser_hash,
            redirect_uri=redirect_uri,
            next=next_path,
            user_id=user_id,
            expires_at=expires_at,
        )
    )


async def end_trip(
    session: AsyncSession,
    *,
    state_hash: bytes,
    browser_hash: bytes,
    redirect_uri: str,
    now: datetime,
) -> EndedTrip | None:
    """Delete a trip and return it; ``None`` unless all of it fits. Of many at once, one gets it."""
    statement = (
        delete(OAuthTrip)
        .where(
            OAuthTrip.state_hash == state_hash,
            OAuthTrip.browser_hash == browser_hash,
            OAuthTrip.redirect_uri == redirect_uri,
            OAuthTrip.expires_at > now,
        )
        .returning(OAuthTrip.next, OAuthTrip.user_id)
    )
    row = (await session.execute(statement)).one_or_none()
    return EndedTrip(*row) if row is not None else None


async def delete_expired_trips(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget trips that nobody came back from, up to a limit; return how many."""
    expired = (
        select(OAuthTrip.state_hash)
        .where(OAuthTrip.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(OAuthTrip).where(OAuthTrip.state_hash.in_(expired))
    return len((await session.scalars(statement.returning(OAuthTrip.next))).all())


async def use_token(session: AsyncSession, *, token_hash: bytes, expires_at: datetime) -> bool:
    """Note that a token was used; of many who use it at once, one does."""
    statement = (
        insert(UsedIdentityToken)
        .values(token_hash=token_hash, expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(UsedIdentityToken.token_hash)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def delete_expired_tokens(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget tokens that nobody takes any more, up to a limit; return how many."""
    expired = (
        select(UsedIdentityToken.token_hash)
        .where(UsedIdentityToken.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(UsedIdentityToken).where(UsedIdentityToken.token_hash.in_(expired))
    return len((await session.scalars(statement.returning(UsedIdentityToken.token_hash))).all())


async def lock_user(session: AsyncSession, *, user_id: int) -> User | None:
    """Return an account, which nobody else changes until the transaction ends."""
    return await _lock(session, User.id == user_id)


async def lock_user_by_email(session: AsyncSession, *, email: str) -> User | None:
    """Return the account of an address likewise."""
    return await _lock(session, User.email == email)


async def find_user_id(
    session: AsyncSession, *, provider: ProviderName, subject: str
) -> int | None:
    """Return the account that an identity opens."""
    statement = select(ConnectedIdentity.user_id).where(
        ConnectedIdentity.provider == provider, ConnectedIdentity.subject == subject
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_user(
    session: AsyncSession, *, email: str, language: str | None, now: datetime
) -> User | None:
    """Add an account without a password whose address is proved; ``None`` if the address has one.

    Of several who add it at once the others wait for the first, and then find it.
    """
    statement = (
        insert(User)
        .values(email=email, language=language, email_verified_at=now)
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User)
    )
    return (await session.scalars(statement)).one_or_none()


async def set_email_verified(session: AsyncSession, *, user_id: int, now: datetime) -> None:
    """Note that the account's address is proved, unless it was before."""
    await session.execute(
        update(User)
        .where(User.id == user_id, User.email_verified_at.is_(None))
        .values(email_verified_at=now)
        .execution_options(synchronize_session=False)
    )


async def insert_identity(session: AsyncSession, *, user_id: int, identity: Identity) -> bool:
    """Connect an identity with an account; not if either is connected already."""
    statement = (
        insert(ConnectedIdentity)
        .values(
            provider=identity.provider,
            subject=identity.subject,
            user_id=user_id,
            email=identity.email,
        )
        .on_conflict_do_nothing()
        .returning(ConnectedIdentity.user_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def list_identities(session: AsyncSession, *, user_id: int) -> Sequence[ConnectedIdentity]:
    """Return the identities that open an account: at most one of each provider."""
    statement = (
        select(ConnectedIdentity)
        .where(ConnectedIdentity.user_id == user_id)
        .order_by(ConnectedIdentity.provider)
    )
    return (await session.scalars(statement)).all()


async def delete_identity(session: AsyncSession, *, user_id: int, provider: ProviderName) -> None:
    """Disconnect a provider from an account."""
    await session.execute(
        delete(ConnectedIdentity).where(
            ConnectedIdentity.user_id == user_id, ConnectedIdentity.provider == provider
        )
    )


async def _lock(session: AsyncSession, condition: object) -> User | None:
    statement = (
        select(User)
        .where(condition)  # type: ignore[arg-type]
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()
