"""Works as JSON: the editions of one text, and staff who put them together or apart."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, status
from starlette.responses import RedirectResponse, Response

from app.audit.deps import AuditTrail
from app.books import works
from app.books.work_schemas import WorkMerge, WorkRead, WorkSplit
from app.core.deps import CatalogueStaff, DbSession
from app.core.rights import open_to_all
from app.core.schemas import Id

router = APIRouter(prefix="/works", tags=["works"])
admin_router = APIRouter(prefix="/admin/works", tags=["works"])

WorkId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
}


@router.get(
    "/{work_id}",
    summary="A work and its editions",
    response_model=WorkRead,
    responses={
        301: {"description": "It was merged into another work: `Location` is that one's address"},
        404: {"description": "WORK_NOT_FOUND: no such work, or no edition of it is sold"},
    },
)
@open_to_all
async def read_work(request: Request, session: DbSession, work_id: WorkId) -> WorkRead | Response:
    """Return a work with its people, series, subjects and the editions that are sold."""
    successor = await works.find_successor(session, work_id=work_id)
    if successor is not None:
        parent = request.url.path.rpartition("/")[0]
        return RedirectResponse(f"{parent}/{successor}", status.HTTP_301_MOVED_PERMANENTLY)
    return await works.get_work(session, work_id=work_id)


@admin_router.post(
    "/{work_id}/merge",
    summary="Merge works into one",
    responses=STAFF_ONLY
    | {
        404: {"description": "WORK_NOT_FOUND: one of the works does not exist (`items`)"},
        409: {"description": "WORK_MERGED_WITH_ITSELF"},
    },
)
async def merge_works(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    work_id: WorkId,
    merge: WorkMerge,
) -> WorkRead:
    """Move the editions of other works to this one.

    It keeps its title and facts and takes from the others what it lacks; people, series, subjects
    and the numbers that feeds know them by are put together. Reviews go with their editions; where
    a reader has two of the work then, the newest stays. The others are gone, and their addresses
    lead here. Feeds do not undo it.
    """
    return await works.merge_works_as_staff(
        session, actor=trail.actor, work_id=work_id, other_ids=merge.work_ids
    )


@admin_router.post(
    "/{work_id}/split",
    status_code=status.HTTP_201_CREATED,
    summary="Split editions off a work",
    responses=STAFF_ONLY
    | {
        404: {"description": "WORK_NOT_FOUND"},
        409: {
            "description": "WORK_EDITION_FOREIGN: a book is no edition of the work (`items`); "
            "WORK_WOULD_BE_EMPTY: the work would have none left"
        },
    },
)
async def split_work(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    work_id: WorkId,
    split: WorkSplit,
) -> WorkRead:
    """Make editions a work of their own, with a copy of the facts and a new title if one is given.

    The answer is the new work. Feeds do not undo it.
    """
    return await works.split_work_as_staff(
        session, actor=trail.actor, work_id=work_id, book_ids=split.book_ids, title=split.title
    )
