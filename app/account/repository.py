"""SQL for address books."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.models import SavedAddress

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('saved_addresses'), :user_id)")


async def lock_book(session: AsyncSession, *, user_id: int) -> None:
    """Let nobody else change the account's address book until the transaction ends."""
    await session.execute(LOCK, {"user_id": user_id})


async def list_addresses(session: AsyncSession, *, user_id: int) -> Sequence[SavedAddress]:
    """Return the account's addresses: the default one, then the oldest first."""
    statement = (
        select(SavedAddress)
        .where(SavedAddress.user_id == user_id)
        .order_by(SavedAddress.is_default.desc(), SavedAddress.id)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def find_address(
    session: AsyncSession, *, user_id: int, address_id: int
) -> SavedAddress | None:
    """Return an address of the account."""
    statement = (
        select(SavedAddress)
        .where(SavedAddress.id == address_id, SavedAddress.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def count_addresses(session: AsyncSession, *, user_id: int) -> int:
    """Return how many addresses the account has."""
    statement = (
        select(func.count()).select_from(SavedAddress).where(SavedAddress.user_id == user_id)
    )
    return (await session.scalars(statement)).one()


async def insert_address(
    session: AsyncSession, *, user_id: int, values: Mapping[str, Any]
) -> SavedAddress:
    """Write an address."""
    statement = insert(SavedAddress).values(user_id=user_id, **values).returning(SavedAddress)
    return (await session.scalars(statement)).one()


async def update_address(
    session: AsyncSession, *, user_id: int, address_id: int, values: Mapping[str, Any]
) -> SavedAddress | None:
    """Change an address of the account."""
    statement = (
        update(SavedAddress)
        .where(SavedAddress.id == address_id, SavedAddress.user_id == user_id)
        .values(**values)
        .returning(SavedAddress)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def delete_address(session: AsyncSession, *, user_id: int, address_id: int) -> bool:
    """Remove an address of the account; tell whether there was one."""
    statement = (
        delete(SavedAddress)
        .where(SavedAddress.id == address_id, SavedAddress.user_id == user_id)
        .returning(SavedAddress.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def clear_default(session: AsyncSession, *, user_id: int) -> None:
    """Let no address of the account be the default."""
    await session.execute(
        update(SavedAddress)
        .where(SavedAddress.user_id == user_id, SavedAddress.is_default)
        .values(is_default=False)
        .execution_options(synchronize_session=False)
    )
