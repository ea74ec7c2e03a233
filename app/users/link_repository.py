"""SQL for mailed links and changes of address."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.users.account_models import AccountLink, EmailChange, LinkPurpose
from app.users.models import User


class UsedLink(NamedTuple):
    """A link that was used just now, the only time."""

    user_id: int
    purpose: LinkPurpose
    email: str


async def insert_link(
    session: AsyncSession,
    *,
    link_id: UUID,
    token_hash: bytes,
    user_id: int,
    purpose: LinkPurpose,
    email: str,
    expires_at: datetime,
) -> None:
    """Write an unused link."""
    await session.execute(
        insert(AccountLink).values(
            id=link_id,
            token_hash=token_hash,
            user_id=user_id,
            purpose=purpose,
            email=email,
            expires_at=expires_at,
        )
    )


async def has_link_since(
    session: AsyncSession, *, user_id: int, purpose: LinkPurpose, since: datetime
) -> bool:
    """Tell whether the account was given such a link after a moment."""
    statement = select(
        exists().where(
            AccountLink.user_id == user_id,
            AccountLink.purpose == purpose,
            AccountLink.created_at > since,
        )
    )
    return bool((await session.scalars(statement)).one())


async def find_open_link(
    session: AsyncSession, *, link_id: UUID, now: datetime
) -> AccountLink | None:
    """Return a link that can still be used."""
    statement = select(AccountLink).where(
        AccountLink.id == link_id, AccountLink.used_at.is_(None), AccountLink.expires_at > now
    )
    return (await session.scalars(statement)).one_or_none()


async def find_recipient(
    session: AsyncSession, *, token_hash: bytes, purposes: frozenset[LinkPurpose], now: datetime
) -> str | None:
    """Return the address of a link that can still be used for one of the purposes."""
    statement = select(AccountLink.email).where(
        AccountLink.token_hash == token_hash,
        AccountLink.purpose.in_(purposes),
        AccountLink.used_at.is_(None),
        AccountLink.expires_at > now,
    )
    return (await session.scalars(statement)).one_or_none()


async def use_link(
    session: AsyncSession,
    *,
    token_hash: bytes,
    purposes: frozenset[LinkPurpose],
    now: datetime,
    user_id: int | None,
) -> UsedLink | None:
    """Use a link up; ``None`` unless it was unused, in time, and of an active account.

    Of many who try at once, one gets it. With ``user_id`` it must be that account's.
    """
    statement = (
        update(AccountLink)
        .where(
            AccountLink.token_hash == token_hash,
            AccountLink.purpose.in_(purposes),
            AccountLink.used_at.is_(None),
            AccountLink.expires_at > now,
            AccountLink.user_id == User.id,
            User.is_active,
        )
        .values(used_at=now)
        .returning(AccountLink.user_id, AccountLink.purpose, AccountLink.email)
        .execution_options(synchronize_session=False)
    )
    if user_id is not None:
        statement = statement.where(AccountLink.user_id == user_id)
    row = (await session.execute(statement)).one_or_none()
    return UsedLink(*row) if row is not None else None


async def delete_links(
    session: AsyncSession, *, user_id: int, purposes: frozenset[LinkPurpose]
) -> None:
    """Forget an account's links of some purposes."""
    await session.execute(
        delete(AccountLink).where(AccountLink.user_id == user_id, AccountLink.purpose.in_(purposes))
    )


async def delete_expired_links(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget links that have expired, up to a limit; return how many."""
    expired = (
        select(AccountLink.id)
        .where(AccountLink.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(AccountLink).where(AccountLink.id.in_(expired)).returning(AccountLink.id)
    return len((await session.scalars(statement)).all())


async def delete_expired_changes(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget changes that were not confirmed in time, up to a limit; return how many."""
    expired = (
        select(EmailChange.user_id)
        .where(EmailChange.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(EmailChange).where(EmailChange.user_id.in_(expired))
    return len((await session.scalars(statement.returning(EmailChange.user_id))).all())


async def verify_address(session: AsyncSession, *, user_id: int, email: str, now: datetime) -> bool:
    """Write down that the account's address was proved; tell whether that is its address still."""
    statement = (
        update(User)
        .where(User.id == user_id, User.email == email)
        .values(email_verified_at=now)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def replace_change(
    session: AsyncSession, *, user_id: int, new_email: str, expires_at: datetime
) -> None:
    """Let the account wait for a change of address, instead of any other."""
    values = {
        "new_email": new_email,
        "expires_at": expires_at,
        "old_confirmed_at": None,
        "new_confirmed_at": None,
    }
    await session.execute(
        insert(EmailChange)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=[EmailChange.user_id], set_=values)
    )


async def find_change(session: AsyncSession, *, user_id: int, now: datetime) -> EmailChange | None:
    """Return the change that the account waits for."""
    statement = (
        select(EmailChange)
        .where(EmailChange.user_id == user_id, EmailChange.expires_at > now)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def confirm_change(
    session: AsyncSession, *, user_id: int, purpose: LinkPurpose, now: datetime
) -> EmailChange | None:
    """Confirm one side of the change that the account waits for, and return how it stands.

    Whoever confirms the other side at the same time comes after this transaction.
    """
    side = (
        {"old_confirmed_at": now}
        if purpose is LinkPurpose.CONFIRM_OLD_EMAIL
        else {"new_confirmed_at": now}
    )
    statement = (
        update(EmailChange)
        .where(EmailChange.user_id == user_id, EmailChange.expires_at > now)
        .values(**side)
        .returning(EmailChange)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def delete_change(session: AsyncSession, *, user_id: int) -> None:
    """Forget the change that the account waits for."""
    await session.execute(delete(EmailChange).where(EmailChange.user_id == user_id))


async def set_email(session: AsyncSession, *, user_id: int, email: str, now: datetime) -> bool:
    """Give the account another address, which was proved; tell whether no other account has it."""
    statement = (
        update(User)
        .where(User.id == user_id)
        .values(email=email, email_verified_at=now)
        .execution_options(synchronize_session=False)
    )
    try:
        async with session.begin_nested():
            await session.execute(statement)
    except IntegrityError:
        return False
    return True
