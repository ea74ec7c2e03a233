"""Covers: uploaded by staff as JSON's multipart, served to everybody as pictures."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.audit.deps import AuditTrail
from app.books.cover_images import parse_cover_url
from app.books.cover_service import keep_cover, read_rendition
from app.books.deps import Storage
from app.books.errors import CoverNotFoundError
from app.books.schemas import CoverRead
from app.core.deps import CatalogueStaff, DbSession
from app.core.rights import open_to_all
from app.core.uploads import FIELD, uploaded_file
from app.db.session import end_transaction

router = APIRouter(prefix="/uploads", tags=["books"])
media_router = APIRouter()

UPLOAD_PATH = "/api/v1/uploads/images"

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {
                    FIELD: {
                        "type": "string",
                        "contentMediaType": "application/octet-stream",
                        "description": "JPEG, PNG, WebP, AVIF or GIF.",
                    }
                },
            }
        }
    },
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
    413: {"description": "BODY_TOO_LARGE: the body is larger than MAX_UPLOAD_BYTES"},
    415: {"description": "IMAGE_TYPE_UNSUPPORTED: by its bytes none of the kinds that are taken"},
    422: {
        "description": (
            "IMAGE_BROKEN: damaged or cut off; IMAGE_TOO_MANY_PIXELS; VALIDATION_ERROR: no field "
            "`file`, or others beside it"
        )
    },
    503: {"description": "SERVICE_UNAVAILABLE: it cannot be kept just now"},
}

HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""A picture never changes, is no page even where somebody opens it as one, and may be shown by
other sites: shop fronts of their own that speak the API."""


@router.post(
    "/images",
    summary="Upload a cover",
    responses=RESPONSES,
    openapi_extra={"requestBody": BODY},
)
async def upload_image(
    request: Request,
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    storage: Storage,
) -> CoverRead:
    """Keep a picture and tell its address, for a book's `cover_image_url`.

    What is kept are pixels, encoded anew as WebP and AVIF in several widths, upright, in sRGB and
    without any metadata; the file itself is thrown away. Transparent parts become white, of an
    animation the first picture counts. It may have 40 megapixels as an ordinary JPEG, 20 as PNG
    or GIF, 12 as a progressive JPEG, 4.5 as WebP or AVIF.
    """
    await end_transaction(session)
    async with uploaded_file(request) as upload:
        cover = await keep_cover(storage, file=upload.file)
    await trail.record("cover.upload", after=cover)
    return cover


@media_router.api_route("/media/covers/{digest}/{name}", methods=["GET", "HEAD"])
@open_to_all
async def read_cover(request: Request, storage: Storage) -> Response:
    """Serve one file of an uploaded cover, to be kept for a year."""
    rendition = parse_cover_url(request.url.path)
    if rendition is None:
        raise CoverNotFoundError
    headers = HEADERS | {"ETag": f'"{rendition.digest}-{rendition.width}-{rendition.format}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = await read_rendition(storage, rendition)
    return Response(content, media_type=rendition.format.media_type, headers=headers)
