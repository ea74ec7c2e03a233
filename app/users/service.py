"""The rules of accounts: who gets one, and who is let in.

Passwords are hashed with no database connection held, because that takes a while: the functions
that hash commit what the request did before.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.core.deps import Principal
from app.core.rights import Right
from app.core.security import (
    Role,
    TokenInvalidError,
    decode_access_token,
    hash_password,
    verify_password,
)
from app.core.translation import readers_language
from app.db.session import transactional
from app.users import devices, limits, links, repository
from app.users.errors import (
    AccountDeactivatedError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidEmailError,
    OAuthOnlyAccountError,
)
from app.users.limits import Client, Purpose
from app.users.models import User
from app.users.repository import Recipient, StaffMember
from app.users.schemas import normalize_email

ANONYMOUS_NAME = "Reader"
"""What others read of an account without a name; never a part of its e-mail address."""


async def register(
    session: AsyncSession,
    *,
    email: str,
    password: str,
    client: Client,
    now: datetime,
    full_name: str | None = None,
) -> Principal:
    """Open an account. The address is spelled as ``schemas.normalize_email`` returns it.

    Raises:
        TooManyAttemptsError: for this address, or from this client.
        EmailConflictError: the address has one.
    """
    await limits.spend(
        session, purpose=Purpose.REGISTRATION, email=email, address=client.address, now=now
    )
    return await _create(
        session,
        email=email,
        password_hash=await hash_password(password),
        full_name=full_name,
        role=Role.USER,
    )


async def create_admin(
    session: AsyncSession, *, email: str, password_hash: str, full_name: str | None = None
) -> Principal:
    """Open an account that runs the shop. One that exists keeps its password and its role.

    Raises:
        InvalidEmailError: nobody could sign in with such an address.
        EmailConflictError: the address has an account.
    """
    try:
        address = normalize_email(email)
    except ValueError:
        raise InvalidEmailError(field="email") from None
    return await _create(
        session, email=address, password_hash=password_hash, full_name=full_name, role=Role.ADMIN
    )


async def has_admin(session: AsyncSession) -> bool:
    """Tell whether an account runs the shop."""
    return await repository.has_role(session, role=Role.ADMIN)


async def reset_password(session: AsyncSession, *, email: str, password_hash: str) -> bool:
    """Set a new password and sign the account out everywhere; tell whether there is one.

    The password comes first: a sign-in with the old one then either is over, and its session is
    among those that end, or finds that the password has changed.
    """
    try:
        address = normalize_email(email)
    except ValueError:
        return False
    user_id = await repository.set_password(session, email=address, password_hash=password_hash)
    if user_id is None:
        return False
    await repository.delete_sessions(session, user_id=user_id)
    await repository.delete_families(session, user_id=user_id)
    return True


async def get_recipients(session: AsyncSession, *, user_ids: Collection[int]) -> list[Recipient]:
    """Return where mail for these accounts goes, and how; to those that are closed none does."""
    return await repository.list_recipients(session, user_ids=user_ids)


async def get_staff_with(session: AsyncSession, *, rights: Collection[Right]) -> list[StaffMember]:
    """Return the active staff who have one of the rights, admins among them."""
    staff = await repository.list_staff(session)
    return [
        member
        for member in staff
        if member.role is Role.ADMIN or any(right in member.rights for right in rights)
    ]


async def find_consenting(session: AsyncSession, *, email: str) -> Recipient | None:
    """Return the reader with an address, if they want to be asked for reviews."""
    return await repository.find_consenting(session, email=email)


async def get_language(session: AsyncSession, *, email: str) -> str | None:
    """Return the language that an address is written to in; None is the shop's."""
    return await repository.find_language(session, email=email)


async def check_credentials(
    session: AsyncSession, *, email: str, password: str, client: Client, now: datetime
) -> Principal:
    """Return the account whose e-mail address and password these are.

    It stays as it is until the transaction ends, so that a session or a family which is started
    in it cannot outlive a change of the password. An unknown address takes as long as a known.
    The attempt is counted before the password is looked at; a right one does not count.

    Raises:
        TooManyAttemptsError: for this account, or from this client.
        InvalidCredentialsError: no such account, or not its password.
        OAuthOnlyAccountError: the account has no password, and knows the client's device.
        AccountDeactivatedError: both are right, and the account is closed.
    """
    device = devices.recognise(client.device_cookie, email=email, settings=get_settings())
    spent = await limits.spend(
        session,
        purpose=Purpose.SIGN_IN,
        email=email,
        address=client.address,
        device=device,
        now=now,
    )
    known = await read_user(session, email=email)
    password_hash = known.password_hash if known is not None else None
    matches = await verify_password(password, password_hash)
    if device is not None and known is not None and known.is_active and password_hash is None:
        raise OAuthOnlyAccountError
    if known is None or password_hash is None or not matches:
        raise InvalidCredentialsError
    user = await repository.lock_user(session, user_id=known.id, password_hash=password_hash)
    if user is None:
        raise InvalidCredentialsError
    if not user.is_active:
        raise AccountDeactivatedError
    await limits.give_back(session, spent)
    if user.email_verified_at is not None:
        await links.announce_proof(session, user_id=user.id)
    return to_principal(user)


async def authenticate(session: AsyncSession, *, token: str, now: datetime) -> Principal:
    """Return the account behind an access token, with the rights that it has now.

    Raises:
        TokenInvalidError: the token is wrong or expired, its account is gone, or its sign-in ended.
        AccountDeactivatedError: the account is closed.
    """
    claims = decode_access_token(token, now=now, settings=get_settings())
    user = await repository.find_user(session, user_id=claims.user_id)
    if user is None:
        raise TokenInvalidError
    if not user.is_active:
        raise AccountDeactivatedError
    if claims.family_id is None:
        return to_principal(user)
    began_at = await repository.find_beginning(session, family_id=claims.family_id, now=now)
    if began_at is None:
        raise TokenInvalidError
    return to_principal(user, sign_in_id=claims.family_id, signed_in_at=began_at)


async def get_display_names(session: AsyncSession, *, user_ids: Collection[int]) -> dict[int, str]:
    """Return what others read of accounts, by id."""
    rows = await repository.list_full_names(session, user_ids=user_ids)
    return {user_id: display_name(full_name) for user_id, full_name in rows}


def display_name(full_name: str | None) -> str:
    """Return what others read of a reader: the name that was chosen, and never an address."""
    return full_name if full_name and "@" not in full_name else ANONYMOUS_NAME


def to_principal(
    user: User, *, sign_in_id: UUID | None = None, signed_in_at: datetime | None = None
) -> Principal:
    """Return the account as the one who asks, by a sign-in that began at a moment."""
    return Principal(
        id=user.id,
        email=user.email,
        display_name=display_name(user.full_name),
        role=user.role,
        rights=frozenset(map(Right, user.rights)),
        sign_in_id=sign_in_id,
        signed_in_at=signed_in_at,
    )


@transactional
async def read_user(session: AsyncSession, *, email: str) -> User | None:
    """Return the account of an address, and give the connection back."""
    return await repository.find_user_by_email(session, email=email)


@transactional
async def release_connection(_session: AsyncSession) -> None:
    """End the transaction that the request has open, if any."""


async def _create(
    session: AsyncSession, *, email: str, password_hash: str, full_name: str | None, role: Role
) -> Principal:
    user = await repository.insert_user(
        session,
        email=email,
        password_hash=password_hash,
        full_name=full_name,
        role=role,
        language=readers_language(),
    )
    if user is None:
        raise EmailConflictError(field="email")
    return to_principal(user)
