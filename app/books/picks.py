"""Staff picks: works that somebody of the shop recommends, and why."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import StaffPickNotFoundError, WorkNotFoundError
from app.books.repository import picks as picks_repository
from app.books.schemas import BookSummary
from app.books.work_schemas import (
    StaffPickPage,
    StaffPickRead,
    StaffPickUpdate,
    StaffPickWithBook,
)
from app.core.pagination import PageQuery

SHELF_PICKS = 6
"""How many the home page shows."""


async def list_picks(session: AsyncSession, *, query: PageQuery) -> StaffPickPage:
    """Return a page of the picks of which an edition is sold, in staff's order.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(picks_repository.PICKS_BY_POSITION.name)
    found = await picks_repository.list_picks(session, window=window)
    return StaffPickPage(
        items=[
            StaffPickWithBook(
                **StaffPickRead.model_validate(row).model_dump(),
                book=BookSummary.model_validate(row),
            )
            for row in found.rows
        ],
        total=await picks_repository.count_picks(session),
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


async def hold_pick(session: AsyncSession, *, work_id: int) -> StaffPickRead | None:
    """Return what is said of a work, if it is picked; until staff changed it, nobody else does."""
    pick = await picks_repository.find_pick(session, work_id=work_id, for_update=True)
    return None if pick is None else StaffPickRead.model_validate(pick)


async def set_pick(session: AsyncSession, *, work_id: int, pick: StaffPickUpdate) -> StaffPickRead:
    """Pick a work, or change what is said of it.

    Raises:
        WorkNotFoundError: no such work.
    """
    if not await picks_repository.set_pick(session, work_id=work_id, **pick.model_dump()):
        raise WorkNotFoundError
    return StaffPickRead.model_validate(await picks_repository.find_pick(session, work_id=work_id))


async def delete_pick(session: AsyncSession, *, work_id: int) -> None:
    """Take a pick back.

    Raises:
        StaffPickNotFoundError: the work is none.
    """
    if not await picks_repository.delete_pick(session, work_id=work_id):
        raise StaffPickNotFoundError
