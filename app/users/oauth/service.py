"""Which account an identity elsewhere opens.

The identity is the provider's name and the subject, which stays; the address only decides once,
when the two have not met before. An account whose own address was never proved is never joined:
whoever opened it may have used somebody else's address, to share the account with its owner later.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.core.security import hash_token
from app.core.translation import readers_language
from app.integrations.oauth.google import GoogleProvider
from app.integrations.oauth.provider import (
    Identity,
    ProviderName,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from app.users import links
from app.users.errors import AccountDeactivatedError, AddressUnprovedError
from app.users.links import Notice
from app.users.models import User
from app.users.oauth import repository
from app.users.oauth.errors import (
    GoogleTokenInvalidError,
    IdentityConflictError,
    IdentityNotFoundError,
    LastWayInError,
    OAuthAccountUnprovedError,
    OAuthEmailUnverifiedError,
    OAuthFailedError,
    OAuthNoEmailError,
)
from app.users.oauth.schemas import IdentityRead
from app.users.oauth.trips import UNAVAILABLE
from app.users.passwords import prove_owner, prove_owner_of_address
from app.users.schemas import MAX_EMAIL_CHARACTERS, normalize_email
from app.users.service import to_principal


async def read_google_token(google: GoogleProvider, *, id_token: str, now: datetime) -> Identity:
    """Return who a token of Google's is of. Call it with no transaction open.

    Raises:
        GoogleTokenInvalidError: it proves nothing.
        OAuthFailedError: Google's keys cannot be had.
    """
    try:
        return await google.read_id_token(id_token, now=now)
    except ProviderRefusedError:
        raise GoogleTokenInvalidError from None
    except ProviderUnavailableError:
        raise OAuthFailedError(UNAVAILABLE) from None


async def use_google_token(session: AsyncSession, *, id_token: str, identity: Identity) -> None:
    """Use a token up, which else would sign in whoever reads it on its way, for an hour.

    What is signed is remembered, not the token: its signature could be spelled in other ways.

    Raises:
        GoogleTokenInvalidError: it was used before.
    """
    signed, _, _ = id_token.rpartition(".")
    until = identity.vouched_until
    if until is None or not await repository.use_token(
        session, token_hash=hash_token(signed), expires_at=until
    ):
        raise GoogleTokenInvalidError


async def forget_expired_tokens(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete used tokens that nobody takes any more, up to a limit; return how many."""
    return await repository.delete_expired_tokens(session, now=now, limit=limit)


async def enter(session: AsyncSession, *, identity: Identity, now: datetime) -> Principal:
    """Return the account that the identity opens, a new one where there is none.

    It stays as it is until the transaction ends, so that a session which is started in it does
    not outlive the account's being closed.

    Raises:
        OAuthNoEmailError: the identity is new here and has no address.
        OAuthEmailUnverifiedError: its address is not proved there.
        OAuthAccountUnprovedError: the address has an account and is not proved here.
        IdentityConflictError: the account is connected with another identity there.
        AccountDeactivatedError: the account is closed.
    """
    user = await _find(session, identity) or await _adopt(session, identity, now)
    if not user.is_active:
        raise AccountDeactivatedError
    if user.email_verified_at is not None:
        await links.announce_proof(session, user_id=user.id)
    return to_principal(user)


async def allow_connecting(
    session: AsyncSession, *, user: Principal, password: str, now: datetime
) -> None:
    """Let somebody set out to connect an identity, if it is the account's owner.

    Raises:
        AddressUnprovedError: the account's address is not proved.
        PasswordMissingError, WrongPasswordError, SignInStaleError, TooManyAttemptsError: it is not
            proved that the owner asks.
    """
    await prove_owner_of_address(session, user=user, password=password, now=now)


async def connect(session: AsyncSession, *, user_id: int, identity: Identity) -> IdentityRead:
    """Let the identity open the account as well, also when that is repeated, and return it.

    The account's address must be proved: else whoever had opened it with somebody else's address
    could still enter after its owner has taken it over. The owner is told by mail.

    Raises:
        AddressUnprovedError: the address is not proved.
        IdentityConflictError: the identity opens another account, or this one has another there.
        AccountDeactivatedError: the account was closed meanwhile, or is gone.
    """
    user = await repository.lock_user(session, user_id=user_id)
    if user is None or not user.is_active:
        raise AccountDeactivatedError
    if user.email_verified_at is None:
        raise AddressUnprovedError
    if await repository.insert_identity(session, user_id=user_id, identity=identity):
        await _tell(session, Notice.IDENTITY_CONNECTED, user, identity.provider)
    for connected in await repository.list_identities(session, user_id=user_id):
        if (connected.provider, connected.subject) == (identity.provider, identity.subject):
            return IdentityRead.model_validate(connected)
    raise IdentityConflictError


async def disconnect(
    session: AsyncSession,
    *,
    user: Principal,
    password: str,
    provider: ProviderName,
    now: datetime,
) -> None:
    """Let the account no longer be entered through the provider. Its owner is told by mail.

    Raises:
        IdentityNotFoundError: it could not be.
        PasswordMissingError, WrongPasswordError, SignInStaleError, TooManyAttemptsError: it is not
            proved that the owner asks.
        LastWayInError: there would be no other way.
    """
    if provider not in await _list_connected(session, user.id):
        raise IdentityNotFoundError
    account = await prove_owner(session, user=user, password=password, now=now)
    connected = await _list_connected(session, user.id)  # as it is under the lock
    if provider not in connected:
        raise IdentityNotFoundError
    if account.password_hash is None and connected == {provider}:
        raise LastWayInError
    await repository.delete_identity(session, user_id=user.id, provider=provider)
    await _tell(session, Notice.IDENTITY_DISCONNECTED, account, provider)


async def list_identities(session: AsyncSession, *, user_id: int) -> list[IdentityRead]:
    """Return the identities that open the account, in the order of the providers' names."""
    rows = await repository.list_identities(session, user_id=user_id)
    return [IdentityRead.model_validate(row) for row in rows]


async def _find(session: AsyncSession, identity: Identity) -> User | None:
    user_id = await repository.find_user_id(
        session, provider=identity.provider, subject=identity.subject
    )
    return await repository.lock_user(session, user_id=user_id) if user_id is not None else None


async def _adopt(session: AsyncSession, identity: Identity, now: datetime) -> User:
    """Return a new account for the identity, or the one of its address, connected with it."""
    address = _address(identity)
    if address is None:
        raise OAuthNoEmailError
    if not identity.email_is_verified:
        raise OAuthEmailUnverifiedError
    added = await repository.insert_user(
        session, email=address, language=readers_language(), now=now
    )
    user = added or await repository.lock_user_by_email(session, email=address)
    if user is None or user.email_verified_at is None:
        raise OAuthAccountUnprovedError
    if await repository.insert_identity(session, user_id=user.id, identity=identity):
        if added is None:
            await _tell(session, Notice.IDENTITY_CONNECTED, user, identity.provider)
    else:
        # Either somebody else's, or this very one, connected a moment ago by another request.
        owner = await repository.find_user_id(
            session, provider=identity.provider, subject=identity.subject
        )
        if owner != user.id:
            raise IdentityConflictError
    return user


def _address(identity: Identity) -> str | None:
    """Return the identity's address as addresses are stored; ``None`` if no mail reaches it."""
    if not identity.email or len(identity.email) > MAX_EMAIL_CHARACTERS:
        return None
    try:
        return normalize_email(identity.email)
    except ValueError:
        return None


async def _tell(session: AsyncSession, notice: Notice, user: User, provider: ProviderName) -> None:
    await links.send_notice(session, notice=notice, recipient=user.email, about=provider.spelled)


async def _list_connected(session: AsyncSession, user_id: int) -> set[ProviderName]:
    identities = await repository.list_identities(session, user_id=user_id)
    return {identity.provider for identity in identities}
