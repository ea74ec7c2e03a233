"""Staff picks as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from app.audit.deps import AuditTrail
from app.books import picks
from app.books.work_schemas import StaffPickPage, StaffPickRead, StaffPickUpdate
from app.core.deps import CatalogueStaff, DbSession
from app.core.pagination import PageParams
from app.core.rights import open_to_all
from app.core.schemas import Id

router = APIRouter(prefix="/staff-picks", tags=["works"])
admin_router = APIRouter(prefix="/admin/staff-picks", tags=["works"])

WorkId = Annotated[Id, Path()]

STAFF_ONLY: dict[int | str, dict[str, Any]] = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
}


@router.get("", summary="What the shop recommends")
@open_to_all
async def list_picks(session: DbSession, query: PageParams) -> StaffPickPage:
    """Return a page of staff picks in staff's order, each with an edition that is sold."""
    return await picks.list_picks(session, query=query)


@admin_router.put(
    "/{work_id}",
    summary="Recommend a work",
    responses=STAFF_ONLY | {404: {"description": "WORK_NOT_FOUND"}},
)
async def set_pick(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    work_id: WorkId,
    pick: StaffPickUpdate,
) -> StaffPickRead:
    """Pick a work, or change what is said of it. The lowest `position` comes first."""
    before = await picks.hold_pick(session, work_id=work_id)
    picked = await picks.set_pick(session, work_id=work_id, pick=pick)
    await trail.record("staff_pick.set", work_id, before=before, after=picked)
    return picked


@admin_router.delete(
    "/{work_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take a recommendation back",
    responses=STAFF_ONLY | {404: {"description": "STAFF_PICK_NOT_FOUND: the work is none"}},
)
async def delete_pick(
    session: DbSession, _staff: CatalogueStaff, trail: AuditTrail, work_id: WorkId
) -> None:
    """Take a staff pick back; the work stays."""
    before = await picks.hold_pick(session, work_id=work_id)
    await picks.delete_pick(session, work_id=work_id)
    await trail.record("staff_pick.delete", work_id, before=before)
