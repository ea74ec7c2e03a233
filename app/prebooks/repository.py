"""SQL for readers who wait."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window
from app.prebooks.models import Prebook, PrebookStatus

NEWEST_FIRST = Order(name="prebooks by id", keys=(Prebook.id.expression,), is_descending=True)


async def list_prebooks(session: AsyncSession, *, user_id: int, window: Window) -> Slice[Prebook]:
    """Return the account's wishes, the newest first."""
    statement = select(Prebook).where(Prebook.user_id == user_id)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def insert_prebook(session: AsyncSession, *, user_id: int, book_id: int) -> Prebook | None:
    """Let an account wait for a book; ``None`` when it does already."""
    statement = (
        insert(Prebook)
        .values(user_id=user_id, book_id=book_id)
        .on_conflict_do_nothing()
        .returning(Prebook)
    )
    return (await session.scalars(statement)).one_or_none()


async def cancel_prebook(
    session: AsyncSession, *, user_id: int, prebook_id: int, now: datetime
) -> bool:
    """Cancel a wish that was not cancelled before; tell whether there was one."""
    statement = (
        update(Prebook)
        .where(
            Prebook.id == prebook_id,
            Prebook.user_id == user_id,
            Prebook.status != PrebookStatus.CANCELLED,
        )
        .values(status=PrebookStatus.CANCELLED, cancelled_at=now)
        .returning(Prebook.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def prebook_exists(session: AsyncSession, *, user_id: int, prebook_id: int) -> bool:
    """Tell whether the account has this wish, whatever became of it."""
    statement = select(Prebook.id).where(Prebook.id == prebook_id, Prebook.user_id == user_id)
    return await session.scalar(statement) is not None


async def mark_notified(session: AsyncSession, *, book_id: int, now: datetime) -> Sequence[Prebook]:
    """Turn everybody who waits for the book into somebody who was told, and return them.

    Rows are taken in the order of their ids: of two that tell of one book at once, one waits.
    """
    waiting = (
        select(Prebook.id)
        .where(Prebook.book_id == book_id, Prebook.status == PrebookStatus.WAITING)
        .order_by(Prebook.id)
        .with_for_update()
    )
    statement = (
        update(Prebook)
        .where(Prebook.id.in_(waiting))
        .values(status=PrebookStatus.NOTIFIED, notified_at=now)
        .returning(Prebook)
    )
    return (await session.scalars(statement)).all()
