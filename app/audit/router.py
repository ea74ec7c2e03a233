"""What staff did, for admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from app.audit import service
from app.audit.schemas import AuditFilter, AuditQuery, AuditRead
from app.core.deps import CurrentAdmin, DbSession
from app.core.pagination import link_pages

router = APIRouter(prefix="/admin", tags=["admin"])

ADMIN_ONLY: dict[int | str, dict[str, Any]] = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: no admin"},
}


@router.get("/audit", summary="What staff did", responses=ADMIN_ONLY)
async def list_audit(
    request: Request,
    response: Response,
    session: DbSession,
    _admin: CurrentAdmin,
    query: Annotated[AuditQuery, Query()],
) -> list[AuditRead]:
    """Return acts, the newest first; the ``Link`` header leads to older and newer ones.

    A moment without a zone, or a day alone, is meant in UTC.
    """
    found = await service.list_entries(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.get(
    "/audit.csv",
    summary="What staff did, as CSV",
    responses=ADMIN_ONLY | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=StreamingResponse,
)
async def download_audit(
    _admin: CurrentAdmin, wanted: Annotated[AuditFilter, Query()]
) -> StreamingResponse:
    """Send all acts that are asked for, the newest first, harmless in spreadsheets."""
    return StreamingResponse(
        service.export_lines(wanted=wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )
