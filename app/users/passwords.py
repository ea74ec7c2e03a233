"""Changing a password, and getting back in without one.

Whoever changes it ends every session and refresh family of the account, and is told by mail.
Hashing takes a while and is done with no database connection held, as in ``service``.
"""

from datetime import datetime, timedelta

from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.core.security import hash_password, verify_password
from app.db.session import transactional
from app.jobs.queue import JobKind, enqueue
from app.users import account_repository, limits, links, repository
from app.users.account_models import LinkPurpose
from app.users.errors import (
    AddressUnprovedError,
    LinkInvalidError,
    PasswordGuessableError,
    PasswordMissingError,
    SignInStaleError,
    WrongPasswordError,
)
from app.users.guessable import refuse_address
from app.users.limits import Client, Purpose
from app.users.models import User
from app.users.service import release_connection, to_principal

FORGOTTEN = JobKind(name="users.send_reset_link")
"""The job that looks whether there is an account, after the request has been answered."""

RESET = frozenset({LinkPurpose.CHOOSE_PASSWORD, LinkPurpose.RESET_PASSWORD})
VOID_AFTER_CHANGE = frozenset({*RESET, LinkPurpose.DELETE_ACCOUNT, *links.EMAIL_CHANGE})


FRESH = timedelta(minutes=10)
"""How long a sign-in proves as much as a password does, of an account that has none."""


async def prove_owner(
    session: AsyncSession, *, user: Principal, password: str, now: datetime
) -> User:
    """Return the account if its owner asks, not only who sits at what is signed in to it.

    It is proved by the password or, where there is none, by a sign-in of a moment ago, and asked
    before anything that changes how the account is entered. The account stays as it is until the
    transaction ends; what the request did before is committed.

    Raises:
        PasswordMissingError: it has a password, and none was sent.
        TooManyAttemptsError: too many were wrong lately.
        WrongPasswordError: that is not it.
        SignInStaleError: it has no password, and the sign-in is older than ``FRESH``.
    """
    account = await read_account(session, user_id=user.id)
    if account is None or account.password_hash is not None:
        if not password:
            raise PasswordMissingError(field="current_password")
        return await confirm_password(
            session, user_id=user.id, password=password, now=now, field="current_password"
        )
    if user.signed_in_at is None or user.signed_in_at <= now - FRESH:
        raise SignInStaleError
    locked = await account_repository.lock_account(session, user_id=user.id, password_hash=None)
    if locked is None:
        raise PasswordMissingError(field="current_password")
    return locked


async def prove_owner_of_address(
    session: AsyncSession, *, user: Principal, password: str, now: datetime
) -> User:
    """Return the account likewise, if besides its address is proved.

    Else who opened an account with somebody else's address could set up what still lets them in,
    or keeps the address's owner out, after a new password.

    Raises:
        AddressUnprovedError: it is not.
        PasswordMissingError, TooManyAttemptsError, WrongPasswordError, SignInStaleError: as above.
    """
    account = await prove_owner(session, user=user, password=password, now=now)
    if account.email_verified_at is None:
        raise AddressUnprovedError
    return account


async def confirm_password(
    session: AsyncSession, *, user_id: int, password: str, now: datetime, field: str = "password"
) -> User:
    """Return the account if this is its password; it stays so until the transaction ends.

    Who got hold of a session cannot guess the password by it: attempts are counted by account,
    apart from those of signing in, which nobody can use up like this. A right one does not count.

    Raises:
        TooManyAttemptsError: too many were wrong lately.
        WrongPasswordError: it is not, or the account has none.
    """
    known = await read_account(session, user_id=user_id)
    if known is None:
        raise WrongPasswordError(field=field)
    spent = await limits.spend(session, purpose=Purpose.PASSWORD_CHECK, email=known.email, now=now)
    password_hash = known.password_hash
    if not await verify_password(password, password_hash) or password_hash is None:
        raise WrongPasswordError(field=field)
    await limits.give_back(session, spent)
    await release_connection(session)  # whatever is refused later: the password was right
    user = await account_repository.lock_account(
        session, user_id=user_id, password_hash=password_hash
    )
    if user is None:
        raise WrongPasswordError(field=field)
    return user


async def change_password(
    session: AsyncSession,
    *,
    user_id: int,
    current_password: str,
    new_password: str,
    now: datetime,
) -> Principal:
    """Give the account another password and sign it out everywhere; the caller signs in anew.

    Raises:
        TooManyAttemptsError: too many were wrong lately.
        WrongPasswordError: that is not the present one.
        PasswordGuessableError: the new one is made of the account's address.
    """
    user = await confirm_password(
        session, user_id=user_id, password=current_password, now=now, field="current_password"
    )
    present_hash = user.password_hash
    await release_connection(session)
    _refuse_address(new_password, email=user.email)
    new_hash = await hash_password(new_password)
    changed = await account_repository.replace_password(
        session, user_id=user_id, present_hash=present_hash, password_hash=new_hash
    )
    if changed is None:
        raise WrongPasswordError(field="current_password")
    await _after_change(session, user=changed)
    return to_principal(changed)


async def ask_for_reset(
    session: AsyncSession, *, email: str, client: Client, now: datetime
) -> None:
    """Let a link be mailed, if the address has an account. This neither tells nor knows.

    Raises:
        TooManyAttemptsError: for this address, account or none, or from this client.
    """
    await limits.spend(
        session, purpose=Purpose.PASSWORD_RESET, email=email, address=client.address, now=now
    )
    await enqueue(session, FORGOTTEN, email=email)


async def send_reset_link(session: AsyncSession, *, email: str, now: datetime) -> None:
    """Mail the link to the address's active account, if there is one."""
    user = await repository.find_user_by_email(session, email=email)
    if user is not None and user.is_active:
        await links.issue_link(
            session,
            user_id=user.id,
            purpose=LinkPurpose.RESET_PASSWORD,
            email=user.email,
            now=now,
        )


async def reset_password(
    session: AsyncSession, *, token: str, new_password: str, now: datetime
) -> Principal:
    """Give the link's account another password and sign it out everywhere.

    Who read the mail has proved the address too, and to own the account: their device may be
    remembered, so that nobody's failures keep them out.

    Raises:
        LinkInvalidError: the link cannot be used, or not any more; nothing has changed.
        PasswordGuessableError: it is made of the account's address. The link is still good.
    """
    email = await links.find_recipient(session, token=token, purposes=RESET, now=now)
    await release_connection(session)
    if email is None:
        raise LinkInvalidError
    _refuse_address(new_password, email=email)
    password_hash = await hash_password(new_password)
    used = await links.use_link(session, token=token, purposes=RESET, now=now)
    user = await account_repository.reset_password(
        session, user_id=used.user_id, email=used.email, password_hash=password_hash
    )
    if user is None:
        raise LinkInvalidError
    await _after_change(session, user=user)
    await links.prove_address(session, user_id=user.id, email=used.email, now=now)
    return to_principal(user)


@transactional
async def read_account(session: AsyncSession, *, user_id: int) -> User | None:
    """Return the account, and give the connection back."""
    return await repository.find_user(session, user_id=user_id)


def _refuse_address(password: str, *, email: str) -> None:
    try:
        refuse_address(password, email=email)
    except PydanticCustomError as error:
        raise PasswordGuessableError(error.message(), field="password") from None


async def _after_change(session: AsyncSession, *, user: User) -> None:
    """End what the old password began: sessions, families, links, a change of address."""
    await repository.delete_sessions(session, user_id=user.id)
    await repository.delete_families(session, user_id=user.id)
    await links.drop_links(session, user_id=user.id, purposes=VOID_AFTER_CHANGE)
    await links.drop_change(session, user_id=user.id)
    await links.send_notice(session, notice=links.Notice.PASSWORD_CHANGED, recipient=user.email)
