"""Changing a password, and getting back in without one.

Whoever changes it ends every session and refresh family of the account, and is told by mail.
Hashing takes a while and is done with no database connection held, as in ``service``.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.core.security import hash_password, verify_password
from app.db.session import transactional
from app.jobs.queue import JobKind, enqueue
from app.users import account_repository, limits, links, repository
from app.users.account_models import LinkPurpose
from app.users.errors import LinkInvalidError, WrongPasswordError
from app.users.limits import Client, Purpose
from app.users.models import User
from app.users.service import release_connection, to_principal

FORGOTTEN = JobKind(name="users.send_reset_link")
"""The job that looks whether there is an account, after the request has been answered."""

RESET = frozenset({LinkPurpose.RESET_PASSWORD})
VOID_AFTER_CHANGE = frozenset(
    {LinkPurpose.RESET_PASSWORD, LinkPurpose.DELETE_ACCOUNT, *links.EMAIL_CHANGE}
)


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
    user = await account_repository.lock_account(
        session, user_id=user_id, password_hash=password_hash
    )
    if user is None:
        raise WrongPasswordError(field=field)
    await limits.give_back(session, spent)
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
    """
    user = await confirm_password(
        session, user_id=user_id, password=current_password, now=now, field="current_password"
    )
    present_hash = user.password_hash
    await release_connection(session)
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

    Who read the mail has proved the address too; the caller lets the account know the device.

    Raises:
        LinkInvalidError: the link cannot be used, or not any more; nothing has changed.
    """
    if not await links.is_open(session, token=token, purposes=RESET, now=now):
        raise LinkInvalidError
    await release_connection(session)
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


async def _after_change(session: AsyncSession, *, user: User) -> None:
    """End what the old password began: sessions, families, links, a change of address."""
    await repository.delete_sessions(session, user_id=user.id)
    await repository.delete_families(session, user_id=user.id)
    await links.drop_links(session, user_id=user.id, purposes=VOID_AFTER_CHANGE)
    await links.drop_change(session, user_id=user.id)
    await links.send_notice(session, notice=links.Notice.PASSWORD_CHANGED, recipient=user.email)
