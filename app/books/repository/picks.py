"""SQL for staff picks."""

from sqlalchemy import SmallInteger, Text, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, StaffPick, Work
from app.books.repository import works_by_best_edition
from app.core.keyset import AnyRow, Order, read_slice
from app.core.pagination import Slice, Window

PICK = (
    StaffPick.work_id,
    StaffPick.note,
    StaffPick.picked_by,
    StaffPick.position,
    StaffPick.created_at.label("picked_at"),
)


PICKS_BY_POSITION = Order(
    name="staff picks",
    keys=(
        (-StaffPick.position).expression,
        StaffPick.created_at.expression,
        StaffPick.work_id.expression,
    ),
    is_descending=True,
)
"""Staff's order; of those in one position the newest first."""


async def list_picks(session: AsyncSession, *, window: Window) -> Slice[AnyRow]:
    """Return the picks of a window, each with the summary of one edition that is sold."""
    statement = (
        works_by_best_edition().add_columns(*PICK).join(StaffPick, StaffPick.work_id == Work.id)
    )
    return await read_slice(session, statement, order=PICKS_BY_POSITION, window=window)


async def count_picks(session: AsyncSession) -> int:
    """Return of how many picks an edition is sold."""
    sold = select(Book.id).where(Book.work_id == StaffPick.work_id, Book.is_sold).exists()
    return (await session.scalars(select(func.count()).select_from(StaffPick).where(sold))).one()


async def find_pick(
    session: AsyncSession, *, work_id: int, for_update: bool = False
) -> AnyRow | None:
    """Return a pick, whether an edition of its work is sold or not."""
    statement = select(*PICK).where(StaffPick.work_id == work_id)
    if for_update:
        statement = statement.with_for_update(of=StaffPick)
    return (await session.execute(statement)).one_or_none()


async def set_pick(
    session: AsyncSession, *, work_id: int, note: str, picked_by: str, position: int
) -> bool:
    """Pick a work, or change what is said of it; tell whether there is such a work.

    The work is kept from being merged away meanwhile.
    """
    work = (
        select(
            Work.id,
            cast(literal(note), Text),
            cast(literal(picked_by), Text),
            cast(literal(position), SmallInteger),
        )
        .where(Work.id == work_id)
        .with_for_update(read=True, key_share=True)
    )
    picked = insert(StaffPick).from_select(["work_id", "note", "picked_by", "position"], work)
    statement = picked.on_conflict_do_update(
        index_elements=[StaffPick.work_id],
        set_={name: getattr(picked.excluded, name) for name in ("note", "picked_by", "position")},
    )
    return (await session.scalars(statement.returning(StaffPick.work_id))).one_or_none() is not None


async def delete_pick(session: AsyncSession, *, work_id: int) -> bool:
    """Forget a pick; tell whether there was one."""
    statement = delete(StaffPick).where(StaffPick.work_id == work_id).returning(StaffPick.work_id)
    return (await session.scalars(statement)).one_or_none() is not None
