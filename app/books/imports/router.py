"""Imports for the shop's staff: upload a file, follow it, read what became of its records."""

import io
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from app.audit.deps import AuditTrail
from app.books.deps import Storage
from app.books.imports import service
from app.books.imports.files import CHUNK_BYTES, keep_file
from app.books.imports.schemas import (
    MAX_NAME_CHARACTERS,
    EntryQuery,
    EntryRead,
    ImportRead,
    ImportRequest,
)
from app.books.imports.watching import Watch
from app.core.clock import Now
from app.core.deps import CatalogueStaff, DbSession
from app.core.pagination import Page, PageParams
from app.core.schemas import Id
from app.core.spreadsheets import SheetWriter
from app.core.uploads import FIELD, FORM, has_form, uploaded_file
from app.db.session import end_transaction, session_scope

router = APIRouter(prefix="/admin/imports", tags=["imports"])

UPLOAD_PATH = "/api/v1/admin/imports"
ENTRIES_AT_ONCE = 1000
RETRY_MILLISECONDS = 2000

Responses = dict[int | str, dict[str, Any]]
STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
}
MISSING: Responses = {404: {"description": "IMPORT_NOT_FOUND: no such import"}}
REFUSED: Responses = {
    413: {"description": "BODY_TOO_LARGE: the body is larger than MAX_IMPORT_BYTES"},
    422: {
        "description": "IMPORT_FILE_INVALID: the file is empty; VALIDATION_ERROR: no field `file` "
        "in a form, or others beside it, or a parameter is wrong"
    },
    503: {"description": "SERVICE_UNAVAILABLE: it cannot be kept just now"},
}
CSV_FILE: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": BINARY},
        FORM: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {FIELD: BINARY},
            }
        },
    },
}

ImportId = Annotated[Id, Path()]
watch = Watch()


async def refuse_missing(session: DbSession, _staff: CatalogueStaff, import_id: ImportId) -> None:
    """Let only staff pass who name an import that exists, before anything is sent."""
    await service.get_import(session, import_id=import_id)


EXISTING = [Depends(refuse_missing, scope="function")]


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Import a file",
    responses=STAFF_ONLY | REFUSED,
    openapi_extra={"requestBody": BODY},
)
async def upload_import(
    request: Request,
    response: Response,
    session: DbSession,
    staff: CatalogueStaff,
    trail: AuditTrail,
    storage: Storage,
    wishes: Annotated[ImportRequest, Query()],
) -> ImportRead:
    """Keep a file and have a worker bring it in: ONIX or CSV, plain or gzip.

    The body is the file itself, or a form with the one part `file`. A large file is better sent
    by itself: it goes straight into the storage. What the file holds is found out from its
    beginning unless `kind` says it. The answer's `Location` tells how it goes on.
    """
    await end_transaction(session)
    if has_form(request):
        async with uploaded_file(request) as upload:
            kept = await keep_file(storage, _chunks(upload))
            name = upload.filename or ""
    else:
        kept = await keep_file(storage, request.stream())
        name = ""
    found = await service.request_import(
        session,
        kind=wishes.kind or kept.kind,
        file_name=wishes.file_name or name[:MAX_NAME_CHARACTERS],
        options=wishes.options(),
        requested_by=staff.email,
        storage_key=kept.key,
        bytes_total=kept.size,
    )
    await trail.record(
        "import.request",
        found.id,
        after={
            "file_name": found.file_name,
            "kind": found.kind,
            "bytes": found.bytes_total,
            "options": wishes.options(),
        },
    )
    response.headers["Location"] = f"{UPLOAD_PATH}/{found.id}"
    return found


@router.get("", summary="All imports", responses=STAFF_ONLY)
async def list_imports(
    session: DbSession, _staff: CatalogueStaff, query: PageParams
) -> Page[ImportRead]:
    """Return a page of imports, the newest first; those of the command line are among them."""
    return await service.list_imports(session, query=query)


@router.get("/{import_id}", summary="An import", responses=STAFF_ONLY | MISSING)
async def read_import(
    session: DbSession, _staff: CatalogueStaff, import_id: ImportId
) -> ImportRead:
    """Return where an import stands, how fast it goes, and what became of its records so far."""
    return await service.get_import(session, import_id=import_id)


@router.get(
    "/{import_id}/events",
    summary="Follow an import",
    responses=STAFF_ONLY | MISSING,
    response_class=EventSourceResponse,
    dependencies=EXISTING,
)
async def follow_import(
    import_id: ImportId,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,9}$")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send server-sent events: `progress` when something has changed, `end` at the end.

    Both carry the import as JSON. A comment comes every 15 seconds in which nothing else does.
    After ten minutes the stream ends without `end`: come again with `Last-Event-ID`, and what is
    known is not sent again.
    """
    known = int(last_event_id) if last_event_id else None
    async for state in watch.follow(import_id, known=known):
        yield ServerSentEvent(
            event="end" if state.is_over else "progress",
            id=str(state.version),
            data=state,
            retry=RETRY_MILLISECONDS,
        )


@router.get(
    "/{import_id}/report", summary="What became of its records", responses=STAFF_ONLY | MISSING
)
async def read_report(
    session: DbSession,
    _staff: CatalogueStaff,
    import_id: ImportId,
    query: Annotated[EntryQuery, Query()],
) -> Page[EntryRead]:
    """Return a page of the report, in the order of the file.

    It has room for 100,000 records with a reason (refused, or worth knowing) and as many others;
    the import's `left_out` counts what was left out.
    """
    return await service.list_entries(session, import_id=import_id, query=query)


@router.get(
    "/{import_id}/report.csv",
    summary="What became of its records, as CSV",
    responses=STAFF_ONLY | MISSING | CSV_FILE,
    response_class=StreamingResponse,
    dependencies=EXISTING,
)
async def download_report(import_id: ImportId) -> StreamingResponse:
    """Send the whole report, harmless in spreadsheets."""
    return StreamingResponse(
        _report_lines(import_id),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{import_id}.csv"'},
    )


@router.post(
    "/{import_id}/cancel",
    summary="Cancel an import",
    responses=STAFF_ONLY | MISSING | {409: {"description": "IMPORT_OVER: it has ended already"}},
)
async def cancel_import(
    session: DbSession, _staff: CatalogueStaff, trail: AuditTrail, import_id: ImportId, now: Now
) -> ImportRead:
    """Stop an import after the batch in hand; what has landed stays."""
    cancelled = await service.cancel_import(session, import_id=import_id, now=now)
    await trail.record("import.cancel", import_id, after=service.summary(cancelled))
    return cancelled


async def _report_lines(import_id: int) -> AsyncIterator[str]:
    """Yield a report's lines as CSV, with no transaction open while they are sent."""
    yield "\ufeff" + _csv([EntryRead.columns()])
    record = 0
    while True:
        async with session_scope() as session:
            entries = await service.entries_after(
                session, import_id=import_id, record=record, limit=ENTRIES_AT_ONCE
            )
        if not entries:
            return
        record = entries[-1].record
        yield _csv(entry.cells() for entry in entries)


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO(newline="")
    sheet = SheetWriter(text)
    for row in rows:
        sheet.write(row)
    return text.getvalue()


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(CHUNK_BYTES):
        yield chunk
