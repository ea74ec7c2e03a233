"""Pure ASGI middleware that every request passes.

From the outside in: ``SecurityHeaders``, ``PrivateAnswers``, ``RequestContext``, ``HeadAsGet``,
``BodyGuard``.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.translation import asked_in

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

CONTENT_SECURITY_DIRECTIVES = (
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "manifest-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
)

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(CONTENT_SECURITY_DIRECTIVES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

HSTS = "max-age=31536000"
"""For this host alone: whether its subdomains speak HTTPS is not the shop's to say."""

Responder = Callable[[Scope, Receive, Send, Exception], Awaitable[None]]
"""Answers a request whose handling raised something that nobody foresaw."""


class RequestContext:
    """Give every request an id and its reader's language, log its end, answer what nobody foresaw.

    The id is the caller's ``X-Request-ID`` if that is harmless, else a new one; log lines carry
    it and so does the response. It stands inside ``SecurityHeaders``, so that a 500 carries the
    same headers as the rest.
    """

    def __init__(self, app: ASGIApp, on_unforeseen: Responder) -> None:
        self.app = app
        self.on_unforeseen = on_unforeseen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            with asked_in(headers.get("accept-language", "")):
                await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status is not None:
                raise
            await self.on_unforeseen(scope, receive, send_with_id, error)
        finally:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )


class SecurityHeaders:
    """Put the security headers on every response; a response may set a stricter one itself."""

    def __init__(self, app: ASGIApp, *, over_https: bool) -> None:
        self.app = app
        self.headers = dict(SECURITY_HEADERS)
        if over_https:
            self.headers["Strict-Transport-Security"] = HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class PrivateAnswers:
    """Let no cache keep what may be of one reader only, unless the response says otherwise.

    That is what was asked for with an access token or one of these cookies, and everything under
    these paths.
    """

    def __init__(self, app: ASGIApp, *, cookies: Collection[str], paths: tuple[str, ...]) -> None:
        self.app = app
        self.cookies = frozenset(cookies)
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._is_private(HTTPConnection(scope)):
            await self.app(scope, receive, send)
            return

        async def send_for_one_reader(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_for_one_reader)

    def _is_private(self, request: HTTPConnection) -> bool:
        return (
            "authorization" in request.headers
            or not self.cookies.isdisjoint(request.cookies)
            or request.url.path.startswith(self.paths)
        )


class HeadAsGet:
    """Answer HEAD as GET would be answered, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not message.get("more_body", False):
                await send({"type": "http.response.body"})

        await self.app({**scope, "method": "GET"}, receive, send_without_body)


@dataclass(frozen=True, kw_only=True)
class BodyLimit:
    """How large a request's body may be, and how long all of it may take to arrive."""

    max_bytes: int
    deadline_seconds: float


class BodyGuard:
    """Refuse a body that is too large (413) or comes too slowly (408).

    The deadline is for the whole body: a client that sends a byte now and then cannot hold a
    handler for longer. Starlette's own limit answers in plain text and knows no deadline.

    ``limits`` are for single paths, by exactly their own spelling; all others share the rest.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        deadline_seconds: float,
        limits: Mapping[str, BodyLimit] | None = None,
    ) -> None:
        self.app = app
        self.limit = BodyLimit(max_bytes=max_bytes, deadline_seconds=deadline_seconds)
        self.limits = dict(limits or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limits.get(scope["path"], self.limit)
        declared = Headers(scope=scope).get("content-length", "")
        too_large = declared.isdecimal() and int(declared[:20]) > limit.max_bytes
        deadline = asyncio.get_running_loop().time() + limit.deadline_seconds
        received = 0
        complete = False

        async def receive_guarded() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            if too_large:
                raise HTTPException(413, too_large_sentence(limit))
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "The request body did not arrive in time.") from None
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if received > limit.max_bytes:
                    raise HTTPException(413, too_large_sentence(limit))
            return message

        await self.app(scope, receive_guarded, send)


def too_large_sentence(limit: BodyLimit) -> str:
    """Say how large a body may be."""
    return f"The request body is larger than {limit.max_bytes:,} bytes."
