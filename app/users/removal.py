"""The end of an account, as far as it is this package's: what others keep of it goes before."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import Role
from app.users import account_repository, limits, links
from app.users.account_models import LinkPurpose
from app.users.errors import LastAdminError, PasswordExpectedError, WrongPasswordError
from app.users.limits import Client, Purpose

DELETE = frozenset({LinkPurpose.DELETE_ACCOUNT})


async def ask_for_deletion_link(
    session: AsyncSession, *, user_id: int, client: Client, now: datetime
) -> None:
    """Mail a link that proves, instead of a password, that the reader wants the account deleted.

    Raises:
        PasswordExpectedError: the account has a password.
        TooManyAttemptsError: for this account, or from this client.
    """
    user = await account_repository.find_account(session, user_id=user_id)
    if user is None or user.password_hash is not None:
        raise PasswordExpectedError
    await limits.spend(
        session, purpose=Purpose.MAIL, email=user.email, address=client.address, now=now
    )
    await links.issue_link(
        session,
        user_id=user_id,
        purpose=LinkPurpose.DELETE_ACCOUNT,
        email=user.email,
        now=now,
    )


async def lock_for_removal(
    session: AsyncSession, *, user_id: int, password_hash: str | None
) -> str:
    """Return the account's address; until the transaction ends nobody changes the account.

    Args:
        session: the caller's.
        user_id: the account.
        password_hash: of the password that was proved; ``None`` for an account without one.

    Raises:
        WrongPasswordError: it has another password by now, or is closed.
        LastAdminError: nobody else runs the shop.
    """
    user = await account_repository.lock_account(
        session, user_id=user_id, password_hash=password_hash
    )
    if user is None:
        raise WrongPasswordError(field="password")
    if user.role is Role.ADMIN and await account_repository.lock_admins(session) == [user_id]:
        raise LastAdminError
    return user.email


async def remove_account(session: AsyncSession, *, user_id: int) -> None:
    """Remove the account's row, and with it all that belongs to nobody else."""
    await account_repository.delete_user(session, user_id=user_id)


async def list_taken(session: AsyncSession, *, emails: Collection[str]) -> set[str]:
    """Return which of the addresses accounts have."""
    return await account_repository.list_taken(session, emails=emails)
