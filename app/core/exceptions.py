"""Errors of the business rules, and how every error is answered.

Each error is JSON ``{"detail", "code"}``, with ``"field"`` where one input is to blame. A browser
gets a page instead; the storefront hands in the function that draws it.
"""

import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 2
INTERNAL_ERROR = "Internal server error"
NOT_UNDERSTOOD = "Something in the request could not be understood."
INCOMPLETE = "The request ended before it was complete."
SERVICE_UNAVAILABLE = "The shop is busy or restarting. Please try again in a moment."

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CODES = {
    400: "BAD_REQUEST",
    401: "AUTH_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}

UNAVAILABLE_STATES = ("08", "25P03", "28", "3D000", "40", "53", "55P03", "57")
"""SQLSTATEs of a database that cannot be reached or entered, a conflict, too few resources, a lock
or a time limit."""

CONNECTION_FAILURES = (ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError)
UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}

ErrorPage = Callable[[Request, int, str], Awaitable[Response]]
"""Draws the page for an error: request, status, and a sentence for people."""


class AppError(Exception):
    """A rule of the business says no.

    Subclasses set ``status``, ``code`` and ``detail``; an instance may say more precisely what
    happened, which input is to blame, and add facts that a client can use (``extra``).
    """

    status: ClassVar[int] = HTTPStatus.BAD_REQUEST
    code: ClassVar[str] = "BAD_REQUEST"
    detail: str = "The request cannot be carried out."

    def __init__(
        self,
        detail: str | None = None,
        *,
        field: str | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail or type(self).detail
        self.field = field
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        super().__init__(self.detail)

    def body(self) -> dict[str, Any]:
        """Return what a client is told."""
        body: dict[str, Any] = {"detail": self.detail, "code": self.code}
        if self.field is not None:
            body["field"] = self.field
        return body | self.extra


def wants_html(request: Request) -> bool:
    """Tell whether a browser asks for a page, rather than a program for data."""
    accept = request.headers.get("accept", "")
    return "text/html" in accept and not request.url.path.startswith("/api/")


def allowed_methods(request: Request) -> list[str]:
    """Return the methods that some route takes at the request's path.

    The framework names those of the first route alone.
    """
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method.replace("HEAD", "GET")})[0]
            is Match.FULL
            for route in request.app.routes
        )
    ]


def printable(value: Any) -> Any:
    """Return the value with everything removed that JSON in UTF-8 cannot carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return [printable(item) for item in value]
    return str(value).encode("utf-8", "replace").decode()


def validation_details(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return FastAPI's list of faults without the inputs.

    An input can be a password that must not be echoed, or something that JSON cannot say (a lone
    surrogate, an infinity).
    """
    return [
        {
            "type": error["type"],
            "loc": printable(list(error["loc"])),
            "msg": printable(error["msg"]),
        }
        for error in errors
    ]


class ErrorResponder:
    """Answers every error in the one format, as JSON or as a page."""

    def __init__(self, error_page: ErrorPage) -> None:
        self._error_page = error_page

    def install(self, app: FastAPI) -> None:
        """Answer the errors that the application raises."""
        handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
            AppError: self.on_app_error,
            HTTPException: self.on_http_exception,
            RequestValidationError: self.on_validation_error,
            DBAPIError: self.on_database_error,
            PoolTimeoutError: self.on_unavailable,
            OSError: self.on_os_error,
            ClientDisconnect: self.on_client_gone,
        }
        for kind, handler in handlers.items():
            app.add_exception_handler(kind, handler)

    async def on_app_error(self, request: Request, error: AppError) -> Response:
        """Say which rule refused."""
        return await self._respond(request, error.status, error.body(), headers=error.headers)

    async def on_http_exception(self, request: Request, error: HTTPException) -> Response:
        """Say what the framework found wrong: no such path, no such method, a broken body."""
        code = CODES.get(error.status_code, f"HTTP_{error.status_code}")
        body = {"detail": printable(error.detail), "code": code}
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(allowed_methods(request))
        return await self._respond(request, error.status_code, body, headers=headers)

    async def on_validation_error(
        self, request: Request, error: RequestValidationError
    ) -> Response:
        """Say which inputs are malformed. A page whose address is malformed does not exist."""
        details = validation_details(error.errors())
        if wants_html(request) and any(item["loc"][0] == "path" for item in details):
            return await self._respond(request, 404, {"detail": "Not Found", "code": CODES[404]})
        body = {"detail": details, "code": "VALIDATION_ERROR"}
        return await self._respond(request, 422, body, sentence=NOT_UNDERSTOOD)

    async def on_database_error(self, request: Request, error: DBAPIError) -> Response:
        """Tell apart a database that is away, a value that cannot be stored, and our own fault."""
        if is_unavailable(error):
            return await self.on_unavailable(request, error)
        if is_unstorable(error):
            body = {"detail": "A value cannot be stored as it is.", "code": "VALIDATION_ERROR"}
            return await self._respond(request, 422, body)
        return await self.on_unforeseen(request, error)

    async def on_os_error(self, request: Request, error: OSError) -> Response:
        """Tell apart a server that cannot be reached and our own fault, such as a missing file."""
        if is_connection_failure(error):
            return await self.on_unavailable(request, error)
        return await self.on_unforeseen(request, error)

    async def on_client_gone(self, request: Request, error: ClientDisconnect) -> Response:
        """Note that the client went away before its request was whole; nobody reads the answer."""
        del error
        log.info("client went away", path=request.url.path)
        body = {"detail": INCOMPLETE, "code": CODES[400]}
        return await self._respond(request, 400, body)

    async def on_unavailable(self, request: Request, error: Exception) -> Response:
        """Ask to come back: the database is away, restarting or overloaded."""
        state = sqlstate(error) if isinstance(error, DBAPIError) else None
        log.warning("database unavailable", sqlstate=state, exc_info=error)
        body = {"detail": SERVICE_UNAVAILABLE, "code": CODES[503]}
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return await self._respond(request, 503, body, headers=headers)

    async def on_unforeseen(self, request: Request, error: Exception) -> Response:
        """Log what nobody foresaw, and tell nothing of it."""
        log.error("unforeseen error", exc_info=error)
        body = {"detail": INTERNAL_ERROR, "code": "INTERNAL_ERROR"}
        return await self._respond(request, 500, body)

    async def _respond(
        self,
        request: Request,
        status: int,
        body: dict[str, Any],
        *,
        sentence: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        if wants_html(request):
            response = await self._error_page(request, status, sentence or str(body["detail"]))
        else:
            response = JSONResponse(body, status)
        response.headers.update(headers or {})
        return response


def is_unavailable(error: DBAPIError) -> bool:
    """Tell whether the database, not the request, is at fault: away, restarting or overloaded."""
    return error.connection_invalidated or (sqlstate(error) or "").startswith(UNAVAILABLE_STATES)


def is_connection_failure(error: OSError) -> bool:
    """Tell whether a server cannot be reached. A host with several addresses has no one errno."""
    return (
        isinstance(error, CONNECTION_FAILURES)
        or error.errno in UNREACHABLE
        or (type(error) is OSError and str(error).startswith("Multiple exceptions: "))
    )


def sqlstate(error: DBAPIError) -> str | None:
    """Return PostgreSQL's five characters for what happened, where it was PostgreSQL that said."""
    return getattr(error.orig, "sqlstate", None)


def is_unstorable(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL refused a value as such: NUL in a text, 2^63 in an id.

    Schemas refuse these first; this is the net below them.
    """
    state = sqlstate(error) or ""
    return state.startswith("22") or "DataError" in type(error.orig).__name__
