"""Looking after other people's accounts: closing them, and giving rights.

Every act is written down with who did it. Who works on an account holds its row first, so that of
two who do it at once the second sees what the first did.
"""

from collections.abc import Collection
from datetime import datetime
from math import ceil

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.core.deps import ForbiddenError, Principal
from app.core.rights import Right
from app.core.security import Role
from app.users import repository, service
from app.users.errors import (
    CannotChangeAdminError,
    CannotDeactivateAdminError,
    UserNotFoundError,
)
from app.users.models import User
from app.users.schemas import UserPage, UserQuery, UserRead, normalize_email


async def list_users(session: AsyncSession, *, query: UserQuery) -> UserPage:
    """Return a page of accounts, the newest first.

    Raises:
        CursorError: not a cursor of this list, or a page is numbered beside it.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_users(
        session, role=query.role, is_active=query.is_active, window=window
    )
    total = await repository.count_users(session, role=query.role, is_active=query.is_active)
    return UserPage(
        items=[UserRead.model_validate(user) for user in found.rows],
        total_count=total,
        page=query.page,
        per_page=query.per_page,
        total_pages=ceil(total / query.per_page),
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


async def deactivate_user(
    session: AsyncSession, *, by: Principal, actor: Actor, user_id: int, now: datetime
) -> UserRead:
    """Close an account and end everything that is signed in to it, also when that is repeated.

    The row changes first: a sign-in that is going on is over by then, and ends with the others,
    or finds the account closed.

    Raises:
        UserNotFoundError: there is none.
        CannotDeactivateAdminError: it is an admin's.
        ForbiddenError: it is staff's, and only an admin may.
    """
    user = await _held(session, user_id)
    if user.role is Role.ADMIN:
        raise CannotDeactivateAdminError
    _refuse_staff(user, by)
    await repository.set_active(session, user_id=user_id, is_active=False)
    await repository.delete_sessions(session, user_id=user_id)
    await repository.revoke_families(session, user_id=user_id, now=now)
    return await _record(session, user, actor=actor, action="user.deactivate")


async def reactivate_user(
    session: AsyncSession, *, by: Principal, actor: Actor, user_id: int
) -> UserRead:
    """Let somebody sign in again, also when that is repeated.

    Raises:
        UserNotFoundError: there is none.
        ForbiddenError: it is staff's or an admin's, and only an admin may.
    """
    user = await _held(session, user_id)
    _refuse_staff(user, by)
    await repository.set_active(session, user_id=user_id, is_active=True)
    return await _record(session, user, actor=actor, action="user.reactivate")


async def set_rights(
    session: AsyncSession, *, actor: Actor, user_id: int, rights: Collection[Right]
) -> UserRead:
    """Make somebody staff with exactly these rights, or a reader with none.

    Raises:
        UserNotFoundError: there is none.
        CannotChangeAdminError: an admin has every right already.
    """
    user = await _held(session, user_id)
    return await _set_rights(session, user, actor=actor, rights=rights)


async def grant_rights(
    session: AsyncSession, *, actor: Actor, email: str, rights: Collection[Right]
) -> UserRead:
    """Give somebody rights beside those that they have.

    Raises:
        UserNotFoundError: there is none.
        CannotChangeAdminError: an admin has every right already.
    """
    user = await _held_by_email(session, email)
    return await _set_rights(session, user, actor=actor, rights={*user.rights, *rights})


async def revoke_rights(
    session: AsyncSession, *, actor: Actor, email: str, rights: Collection[Right] | None
) -> UserRead:
    """Take rights away, or all of them; without any left somebody is a reader.

    Raises:
        UserNotFoundError: there is none.
        CannotChangeAdminError: an admin has every right.
    """
    user = await _held_by_email(session, email)
    left = set() if rights is None else set(user.rights) - set(rights)
    return await _set_rights(session, user, actor=actor, rights=left)


async def create_admin(
    session: AsyncSession, *, actor: Actor, email: str, password_hash: str
) -> Principal:
    """Open an account that runs the shop, as ``service.create_admin`` does, and write it down.

    Raises:
        InvalidEmailError: nobody could sign in with such an address.
        EmailConflictError: the address has an account.
    """
    admin = await service.create_admin(session, email=email, password_hash=password_hash)
    await record(
        session,
        actor=actor,
        action="user.create_admin",
        thing_id=admin.id,
        after={"role": admin.role},
    )
    return admin


async def reset_password(
    session: AsyncSession, *, actor: Actor, email: str, password_hash: str
) -> None:
    """Set a new password and sign the account out everywhere, and write it down.

    Raises:
        UserNotFoundError: there is none.
    """
    if not await service.reset_password(session, email=email, password_hash=password_hash):
        raise UserNotFoundError
    user = await _held_by_email(session, email)
    await record(session, actor=actor, action="user.reset_password", thing_id=user.id)


async def revoke_sessions(session: AsyncSession, *, actor: Actor, email: str) -> None:
    """Sign an account out everywhere, at once: every browser, every program.

    Raises:
        UserNotFoundError: there is none.
    """
    user = await _held_by_email(session, email)
    await repository.delete_sessions(session, user_id=user.id)
    await repository.delete_families(session, user_id=user.id)
    await record(session, actor=actor, action="user.revoke_sessions", thing_id=user.id)


async def _held(session: AsyncSession, user_id: int) -> User:
    user = await repository.hold_user(session, User.id == user_id)
    if user is None:
        raise UserNotFoundError
    return user


async def _held_by_email(session: AsyncSession, email: str) -> User:
    try:
        address = normalize_email(email)
    except ValueError:
        raise UserNotFoundError from None
    user = await repository.hold_user(session, User.email == address)
    if user is None:
        raise UserNotFoundError
    return user


def _refuse_staff(user: User, by: Principal) -> None:
    """Let only admins work on accounts that have rights, lest one right brings others down."""
    if user.role is not Role.USER and not by.is_admin:
        raise ForbiddenError


async def _set_rights(
    session: AsyncSession, user: User, *, actor: Actor, rights: Collection[str]
) -> UserRead:
    if user.role is Role.ADMIN:
        raise CannotChangeAdminError
    await repository.set_rights(
        session, user_id=user.id, rights=[right for right in Right if right in rights]
    )
    return await _record(session, user, actor=actor, action="user.set_rights")


async def _record(session: AsyncSession, user: User, *, actor: Actor, action: str) -> UserRead:
    """Write down what became of an account, and return it as it is now."""
    before = UserRead.model_validate(user)
    after = UserRead.model_validate(await _held(session, user.id))
    await record(session, actor=actor, action=action, thing_id=user.id, before=before, after=after)
    return after
