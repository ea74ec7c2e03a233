"""The catalogue as files, for the staff."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app.books.exporters.csv import csv_parts
from app.books.exporters.onix import OnixOptions, OnixParts
from app.books.exporters.run import Parts, stream_export
from app.core.clock import Now
from app.core.deps import AppSettings, CatalogueStaff

router = APIRouter(prefix="/admin/exports", tags=["admin"])

CSV = "text/csv; charset=utf-8"
STAFF_ONLY: dict[int | str, dict[str, Any]] = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
}


@router.get(
    "/books.csv",
    summary="The catalogue as CSV",
    response_class=StreamingResponse,
    responses=STAFF_ONLY
    | {
        200: {
            "description": "UTF-8 with a byte order mark; the first row names the columns.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def export_csv(_staff: CatalogueStaff) -> StreamingResponse:
    """Return all editions, one a row, as they were at one moment.

    Removed books and those without a price are among them. A spreadsheet opens the file without
    harm: what would be a formula has an apostrophe in front. Imported again it changes nothing.
    """
    return await _download(csv_parts, name="books.csv", media_type=CSV)


@router.get(
    "/books.onix.xml",
    summary="The catalogue as ONIX",
    response_class=StreamingResponse,
    responses=STAFF_ONLY
    | {
        200: {
            "description": "An ONIX for Books 3.0 message with reference tags.",
            "content": {"application/xml": {"schema": {"type": "string"}}},
        }
    },
)
async def export_onix(_staff: CatalogueStaff, now: Now, settings: AppSettings) -> StreamingResponse:
    """Return all editions as records of an ONIX message, as they were at one moment.

    Removed books are deletions. The shop's genres, copies, popularity and ratings have no place
    in ONIX, nor have years before year 1.
    """
    parts = OnixParts(OnixOptions.of_shop(settings, now=now))
    return await _download(parts, name="books.onix.xml", media_type="application/xml")


async def _download(parts: Parts, *, name: str, media_type: str) -> StreamingResponse:
    """Stream a file; what already fails at its beginning is an answer like any other."""
    stream = stream_export(parts)
    beginning = await anext(stream)

    async def body() -> AsyncIterator[bytes]:
        yield beginning
        async for part in stream:
            yield part

    return StreamingResponse(
        body(),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
