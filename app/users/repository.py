"""SQL for accounts, page sessions and refresh-token families."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window
from app.core.rights import Right
from app.core.security import Role
from app.users.models import RefreshToken, TokenFamily, User, UserSession
from app.users.whence import Whence

T = TypeVar("T")


class UsedToken(NamedTuple):
    """A refresh token that was used just now, for the first time."""

    family_id: UUID
    user_id: int
    role: Role


class FoundSession(NamedTuple):
    """A page session and whose it is."""

    user: User
    id: UUID
    created_at: datetime
    last_seen_at: datetime


class Recipient(NamedTuple):
    """Where an account's mail goes, and in which language; None is the shop's."""

    email: str
    language: str | None


class StaffMember(NamedTuple):
    """Somebody who works here. An admin has all rights, and the row none."""

    email: str
    language: str | None
    role: Role
    rights: list[str]


class KnownToken(NamedTuple):
    """What became of a refresh token, its family and its account."""

    used_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None
    is_active: bool


async def insert_user(
    session: AsyncSession,
    *,
    email: str,
    password_hash: str | None,
    full_name: str | None,
    role: Role,
    language: str | None = None,
) -> User | None:
    """Add an account; ``None`` when the address has one."""
    statement = (
        insert(User)
        .values(
            email=email,
            password_hash=password_hash,
            full_name=full_name,
            role=role,
            language=language,
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User)
    )
    return (await session.scalars(statement)).one_or_none()


USER_BY_ID = select(User).where(User.id == bindparam("user_id"))
"""Made once: every request with an access token sends it."""


async def find_user(session: AsyncSession, *, user_id: int) -> User | None:
    """Return an account."""
    return (await session.scalars(USER_BY_ID, {"user_id": user_id})).one_or_none()


async def find_user_by_email(session: AsyncSession, *, email: str) -> User | None:
    """Return the account of an address."""
    return (await session.scalars(select(User).where(User.email == email))).one_or_none()


async def lock_user(session: AsyncSession, *, user_id: int, password_hash: str) -> User | None:
    """Return the account, unchanged until the transaction ends, if that is still its password."""
    statement = (
        select(User)
        .where(User.id == user_id, User.password_hash == password_hash)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def list_recipients(session: AsyncSession, *, user_ids: Collection[int]) -> list[Recipient]:
    """Return the addresses and languages of active accounts, in the order of their ids."""
    statement = (
        select(User.email, User.language)
        .where(User.id.in_(user_ids), User.is_active)
        .order_by(User.id)
    )
    return [Recipient(*row) for row in await session.execute(statement)]


async def list_staff(session: AsyncSession) -> list[StaffMember]:
    """Return all whose accounts are staff's or admins' and active."""
    statement = (
        select(User.email, User.language, User.role, User.rights)
        .where(User.role != Role.USER, User.is_active)
        .order_by(User.id)
    )
    return [StaffMember(*row) for row in await session.execute(statement)]


async def find_consenting(session: AsyncSession, *, email: str) -> Recipient | None:
    """Return the active account with an address that wants to be asked for reviews."""
    statement = select(User.email, User.language).where(
        User.email == email, User.is_active, User.review_invitations
    )
    row = (await session.execute(statement)).one_or_none()
    return Recipient(*row) if row is not None else None


async def find_language(session: AsyncSession, *, email: str) -> str | None:
    """Return the language of the account with an address, if it has one."""
    return await session.scalar(select(User.language).where(User.email == email))


async def has_role(session: AsyncSession, *, role: Role) -> bool:
    """Tell whether an account has the role."""
    statement = select(exists().where(User.role == role))
    return bool((await session.scalars(statement)).one())


async def set_password(session: AsyncSession, *, email: str, password_hash: str) -> int | None:
    """Give the account of an address another password and return its id."""
    statement = (
        update(User)
        .where(User.email == email)
        .values(password_hash=password_hash)
        .returning(User.id)
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_session(
    session: AsyncSession,
    *,
    token_hash: bytes,
    user_id: int,
    expires_at: datetime,
    seen_at: datetime,
    whence: Whence,
) -> None:
    """Add a page session."""
    await session.execute(
        insert(UserSession).values(
            token_hash=token_hash,
            user_id=user_id,
            created_at=seen_at,
            expires_at=expires_at,
            last_seen_at=seen_at,
            program=whence.program,
            network=whence.network,
        )
    )


async def find_session_user(
    session: AsyncSession, *, token_hash: bytes, now: datetime
) -> FoundSession | None:
    """Return a page session that has not expired, of an active account."""
    statement = (
        select(User, UserSession.id, UserSession.created_at, UserSession.last_seen_at)
        .join(UserSession, UserSession.user_id == User.id)
        .where(UserSession.token_hash == token_hash, UserSession.expires_at > now, User.is_active)
    )
    row = (await session.execute(statement)).one_or_none()
    return FoundSession(*row) if row is not None else None


async def delete_session(session: AsyncSession, *, token_hash: bytes) -> None:
    """Forget a page session."""
    await session.execute(delete(UserSession).where(UserSession.token_hash == token_hash))


async def delete_sessions(session: AsyncSession, *, user_id: int) -> None:
    """Forget all page sessions of an account."""
    await session.execute(delete(UserSession).where(UserSession.user_id == user_id))


async def delete_expired_sessions(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget page sessions that have expired, up to a limit; return how many."""
    expired = (
        select(UserSession.token_hash)
        .where(UserSession.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(UserSession).where(UserSession.token_hash.in_(expired))
    return len((await session.scalars(statement.returning(UserSession.user_id))).all())


async def insert_family(
    session: AsyncSession, *, user_id: int, now: datetime, expires_at: datetime, whence: Whence
) -> UUID:
    """Add a family of refresh tokens and return its id."""
    statement = (
        insert(TokenFamily)
        .values(
            user_id=user_id,
            created_at=now,
            expires_at=expires_at,
            program=whence.program,
            network=whence.network,
        )
        .returning(TokenFamily.id)
    )
    return (await session.scalars(statement)).one()


async def find_beginning(
    session: AsyncSession, *, family_id: UUID, now: datetime
) -> datetime | None:
    """Return when a family began that has neither ended nor expired."""
    statement = select(TokenFamily.created_at).where(
        TokenFamily.id == family_id,
        TokenFamily.revoked_at.is_(None),
        TokenFamily.expires_at > now,
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_refresh_token(
    session: AsyncSession, *, token_hash: bytes, family_id: UUID, now: datetime
) -> None:
    """Add an unused token to a family."""
    await session.execute(
        insert(RefreshToken).values(token_hash=token_hash, family_id=family_id, created_at=now)
    )


async def use_refresh_token(
    session: AsyncSession, *, token_hash: bytes, now: datetime
) -> UsedToken | None:
    """Use a token up; ``None`` unless it was unused, its family alive and its account active.

    Of many who try at once, one gets it.
    """
    statement = (
        update(RefreshToken)
        .where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.used_at.is_(None),
            RefreshToken.family_id == TokenFamily.id,
            TokenFamily.revoked_at.is_(None),
            TokenFamily.expires_at > now,
            TokenFamily.user_id == User.id,
            User.is_active,
        )
        .values(used_at=now)
        .returning(TokenFamily.id, User.id, User.role)
        .execution_options(synchronize_session=False)
    )
    row = (await session.execute(statement)).one_or_none()
    return UsedToken(*row) if row is not None else None


async def find_refresh_token(session: AsyncSession, *, token_hash: bytes) -> KnownToken | None:
    """Return what became of a token."""
    statement = (
        select(RefreshToken.used_at, TokenFamily.expires_at, TokenFamily.revoked_at, User.is_active)
        .join(TokenFamily, TokenFamily.id == RefreshToken.family_id)
        .join(User, User.id == TokenFamily.user_id)
        .where(RefreshToken.token_hash == token_hash)
    )
    row = (await session.execute(statement)).one_or_none()
    return KnownToken(*row) if row is not None else None


async def delete_families(session: AsyncSession, *, user_id: int) -> None:
    """Forget all families of an account, with their tokens."""
    await session.execute(delete(TokenFamily).where(TokenFamily.user_id == user_id))


async def delete_expired_families(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget families that have expired, up to a limit, with their tokens; return how many."""
    expired = (
        select(TokenFamily.id)
        .where(TokenFamily.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(TokenFamily).where(TokenFamily.id.in_(expired)).returning(TokenFamily.id)
    return len((await session.scalars(statement)).all())


async def revoke_family(session: AsyncSession, *, token_hash: bytes, now: datetime) -> None:
    """End the family that a token belongs to; one that has ended keeps its moment."""
    family = select(RefreshToken.family_id).where(RefreshToken.token_hash == token_hash)
    await session.execute(
        update(TokenFamily)
        .where(TokenFamily.id.in_(family), TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )


NEWEST_FIRST = Order(name="users by id", keys=(User.id.expression,), is_descending=True)


async def list_full_names(
    session: AsyncSession, *, user_ids: Collection[int]
) -> Sequence[tuple[int, str | None]]:
    """Return ids and names of accounts."""
    statement = select(User.id, User.full_name).where(User.id.in_(user_ids))
    return [(row.id, row.full_name) for row in await session.execute(statement)]


async def list_users(
    session: AsyncSession, *, role: Role | None, is_active: bool | None, window: Window
) -> Slice[User]:
    """Return accounts, the newest first."""
    statement = _chosen(select(User), role=role, is_active=is_active)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def count_users(session: AsyncSession, *, role: Role | None, is_active: bool | None) -> int:
    """Return how many accounts there are."""
    statement = _chosen(select(func.count()).select_from(User), role=role, is_active=is_active)
    return (await session.scalars(statement)).one()


def _chosen(statement: Select[T], *, role: Role | None, is_active: bool | None) -> Select[T]:
    if role is not None:
        statement = statement.where(User.role == role)
    if is_active is not None:
        statement = statement.where(User.is_active.is_(is_active))
    return statement


async def hold_user(session: AsyncSession, condition: ColumnElement[bool]) -> User | None:
    """Return an account as it is now; until the transaction ends nobody else changes it."""
    statement = (
        select(User)
        .where(condition)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def set_active(session: AsyncSession, *, user_id: int, is_active: bool) -> None:
    """Close an account, or open it."""
    await session.execute(
        update(User)
        .where(User.id == user_id)
        .values(is_active=is_active)
        .execution_options(synchronize_session=False)
    )


async def set_rights(session: AsyncSession, *, user_id: int, rights: Sequence[Right]) -> None:
    """Make an account that is no admin's staff with these rights, or a reader's."""
    await session.execute(
        update(User)
        .where(User.id == user_id, User.role != Role.ADMIN)
        .values(rights=rights, role=Role.STAFF if rights else Role.USER)
        .execution_options(synchronize_session=False)
    )


async def revoke_families(session: AsyncSession, *, user_id: int, now: datetime) -> None:
    """End every family of an account; one that has ended keeps its moment."""
    await session.execute(
        update(TokenFamily)
        .where(TokenFamily.user_id == user_id, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
