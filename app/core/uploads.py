"""A file in a form: how endpoints read a body that FastAPI must not read before they are asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

FIELD = "file"
MAX_PARTS = 10
FORM = "multipart/form-data"


def has_form(request: Request) -> bool:
    """Tell whether the body says that it is a form with parts."""
    return request.headers.get("content-type", "").lower().startswith(FORM)


@asynccontextmanager
async def uploaded_file(request: Request) -> AsyncIterator[UploadFile]:
    """Read the body, which holds exactly one file; what is large waits on the disk, not in memory.

    The endpoint calls it itself, since FastAPI would read a body before it knows who sends it.

    Raises:
        RequestValidationError: the body is no form, or has something else in it.
    """
    if not has_form(request):
        raise _malformed("missing", FIELD, "Field required")
    try:
        form = await request.form(max_files=MAX_PARTS, max_fields=MAX_PARTS)
    except HTTPException as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise _malformed("value_error", FIELD, error.detail) from error
    try:
        yield _only_file(form)
    finally:
        await form.close()


def _only_file(form: FormData) -> UploadFile:
    for name in form:
        if name != FIELD:
            raise _malformed("extra_forbidden", name, "Extra inputs are not permitted")
    files = form.getlist(FIELD)
    if not files:
        raise _malformed("missing", FIELD, "Field required")
    if len(files) > 1 or not isinstance(files[0], UploadFile):
        raise _malformed("value_error", FIELD, "One file is expected")
    return files[0]


def _malformed(kind: str, name: str, words: str) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", name), "msg": words}])
