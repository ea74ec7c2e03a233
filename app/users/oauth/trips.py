"""To the provider and back: one browser, once, within minutes.

The address that the provider sends the browser back to carries ``state``; the browser brings a
cookie as well, which nobody else has. Only both together end the trip, and only once. What else
binds the two ends, the nonce and PKCE's verifier, is derived from both and stored nowhere.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.security import hash_token, new_opaque_token
from app.db.session import end_transaction, transactional
from app.integrations.oauth.provider import (
    Identity,
    OAuthProvider,
    ProviderError,
    ProviderUnavailableError,
    Trip,
)
from app.users.oauth import repository
from app.users.oauth.errors import OAuthFailedError

LIFETIME = timedelta(minutes=10)
"""How long somebody may take at the provider."""

UNAVAILABLE = "The provider did not answer as it should. Please try again in a moment."
NOT_GRANTED = "You were not signed in, because that was not granted. Please start again."


@dataclass(frozen=True, kw_only=True)
class Departure:
    """Where the browser goes, and what its cookie holds meanwhile."""

    url: str
    browser_token: str


@dataclass(frozen=True, kw_only=True)
class Return:
    """What the browser came back with: parameters of the address, and the cookie."""

    state: str | None
    code: str | None
    browser_token: str | None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Who came back, and what for."""

    identity: Identity
    next: str
    user_id: int | None


async def depart(
    session: AsyncSession,
    provider: OAuthProvider,
    *,
    redirect_uri: str,
    now: datetime,
    settings: Settings,
    next_path: str = "/",
    user_id: int | None = None,
) -> Departure:
    """Begin a trip. With ``user_id`` it is to connect an identity with that account.

    Raises:
        OAuthFailedError: the provider is away.
    """
    await end_transaction(session)
    browser_token = new_opaque_token()
    trip = _trip(new_opaque_token(), browser_token, redirect_uri, settings)
    try:
        url = await provider.authorization_url(trip)
    except ProviderError:
        raise OAuthFailedError(UNAVAILABLE) from None
    await repository.insert_trip(
        session,
        state_hash=hash_token(trip.state),
        browser_hash=hash_token(browser_token),
        redirect_uri=redirect_uri,
        next_path=next_path,
        user_id=user_id,
        expires_at=now + LIFETIME,
    )
    return Departure(url=url, browser_token=browser_token)


async def arrive(
    session: AsyncSession,
    provider: OAuthProvider,
    returned: Return,
    *,
    redirect_uri: str,
    now: datetime,
    settings: Settings,
) -> Arrival:
    """End a trip, whatever comes of it, and ask the provider who came back.

    No connection is held while it is asked.

    Raises:
        OAuthFailedError: no such trip of this browser, not granted, or not proved.
    """
    if returned.state is None or returned.browser_token is None:
        await end_transaction(session)
        raise OAuthFailedError
    ended = await end_trip(
        session,
        state_hash=hash_token(returned.state),
        browser_hash=hash_token(returned.browser_token),
        redirect_uri=redirect_uri,
        now=now,
    )
    if ended is None:
        raise OAuthFailedError
    if returned.code is None:
        raise OAuthFailedError(NOT_GRANTED)
    trip = _trip(returned.state, returned.browser_token, redirect_uri, settings)
    try:
        identity = await provider.identify(code=returned.code, trip=trip)
    except ProviderUnavailableError:
        raise OAuthFailedError(UNAVAILABLE) from None
    except ProviderError:
        raise OAuthFailedError from None
    return Arrival(identity=identity, next=ended.next, user_id=ended.user_id)


@transactional
async def end_trip(
    session: AsyncSession,
    *,
    state_hash: bytes,
    browser_hash: bytes,
    redirect_uri: str,
    now: datetime,
) -> repository.EndedTrip | None:
    """Use a trip up, for good: what fails afterwards does not bring it back."""
    return await repository.end_trip(
        session,
        state_hash=state_hash,
        browser_hash=browser_hash,
        redirect_uri=redirect_uri,
        now=now,
    )


async def forget_expired_trips(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete trips that nobody came back from, up to a limit; return how many."""
    return await repository.delete_expired_trips(session, now=now, limit=limit)


def _trip(state: str, browser_token: str, redirect_uri: str, settings: Settings) -> Trip:
    def derived(purpose: str) -> str:
        key = settings.signing_secrets[0].encode()
        message = f"oauth {purpose}\0{state}\0{browser_token}".encode("utf-8", "replace")
        return hmac.new(key, message, hashlib.sha256).hexdigest()

    return Trip(
        redirect_uri=redirect_uri,
        state=state,
        nonce=derived("nonce"),
        code_verifier=derived("code verifier"),
    )
