"""What every response carries, and what no request may do."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.core.config import Settings
from app.core.exceptions import ErrorResponder
from app.core.middleware import (
    BodyGuard,
    BodyLimit,
    HeadAsGet,
    PrivateAnswers,
    RequestContext,
    SecurityHeaders,
)
from app.main import create_app
from app.storefront.static import ONE_YEAR, static_url


@pytest.mark.parametrize("path", ["/health", "/nonexistent", "/api/v1/cart", "/static/nothing"])
async def test_security_headers_are_everywhere(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers


async def test_https_is_remembered_where_the_shop_has_it() -> None:
    app = create_app(Settings(public_url="https://books.example"))
    async with AsyncClient(transport=ASGITransport(app=app), base_url="https://test") as client:
        headers = (await client.get("/health")).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_a_request_id_comes_back(client: AsyncClient) -> None:
    given = await client.get("/health", headers={"X-Request-ID": "order-42.retry_1"})
    assert given.headers["X-Request-ID"] == "order-42.retry_1"
    forged = await client.get("/health", headers={"X-Request-ID": "a b\tc"})
    assert len(forged.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/health", 200), ("/api/v1/books", 200), ("/nonexistent", 404), ("/cart/x", 404)],
)
async def test_head_is_answered_as_get_without_the_body(
    client: AsyncClient, path: str, status: int
) -> None:
    client.cookies.set("csrf", "the length of a page must not depend on a token")
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"") == (status, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert int(head.headers["Content-Length"]) == len(get.content) > 0


async def test_head_of_a_file_and_of_a_form(client: AsyncClient) -> None:
    path = static_url("shop.css")
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.content))
    assert (await client.head("/sign-out")).status_code == 405


async def test_what_is_streamed_has_no_body_either() -> None:
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(trickle(3, 0))(scope, receive, send)

    transport = ASGITransport(app=HeadAsGet(stream))
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        head = await client.head("/")
        assert (head.status_code, head.content) == (200, b"")
        assert (await client.get("/")).content == b"xxx"


@pytest.mark.parametrize("path", ["/books/", "/static", "/api/v1/books/"])
async def test_no_redirect_repeats_the_host(client: AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"Host": "evil.example"})
    assert response.status_code == 404
    assert "location" not in response.headers


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/api/v1/books", {}, None),
        ("/api/v1/books", {"Cookie": "csrf=x"}, None),
        ("/api/v1/books", {"Authorization": "Bearer x"}, "no-store"),
        ("/api/v1/cart", {"Authorization": "Bearer x"}, "no-store"),
        ("/api/v1/books", {"Cookie": "session=x"}, "no-store"),
        ("/api/v1/books", {"Cookie": "cart=x"}, "no-store"),
        ("/api/v1/auth/login", {}, "no-store"),
        (static_url("shop.css"), {"Cookie": "session=x"}, ONE_YEAR),
    ],
)
async def test_what_is_of_one_reader_is_kept_by_no_cache(
    client: AsyncClient, path: str, headers: dict[str, str], expected: str | None
) -> None:
    response = await client.get(path, headers=headers)
    assert response.headers.get("Cache-Control") == expected


async def test_cookies_over_https_are_of_one_reader_too() -> None:
    app = create_app(Settings(public_url="https://books.example"))
    async with AsyncClient(transport=ASGITransport(app=app), base_url="https://test") as client:
        response = await client.get("/health", headers={"Cookie": "__Host-session=x"})
    assert response.headers["Cache-Control"] == "no-store"


async def app_that_reads(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await JSONResponse({"bytes": len(body)})(scope, receive, send)


async def trickle(chunks: int, pause: float) -> AsyncIterator[bytes]:
    for _ in range(chunks):
        await asyncio.sleep(pause)
        yield b"x"


def guarded(
    *,
    max_bytes: int = 100,
    deadline_seconds: float = 5.0,
    limits: Mapping[str, BodyLimit] | None = None,
) -> AsyncClient:
    async def error_page(_request: Request, _status: int, _sentence: str) -> JSONResponse:
        raise AssertionError("no page was asked for")

    errors = ErrorResponder(error_page)

    async def answer(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
        assert isinstance(error, HTTPException)
        response = await errors.on_http_exception(Request(scope), error)
        await response(scope, receive, send)

    guard = BodyGuard(
        app_that_reads,
        max_bytes=max_bytes,
        deadline_seconds=deadline_seconds,
        limits=limits,
    )
    app = RequestContext(guard, on_unforeseen=answer)
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://test")


async def test_a_body_of_the_allowed_size_passes() -> None:
    response = await guarded().post("/", content=b"x" * 100)
    assert response.json() == {"bytes": 100}


async def test_a_body_that_declares_itself_too_large_is_not_read() -> None:
    response = await guarded().post("/", content=b"x" * 101)
    assert (response.status_code, response.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_that_grows_too_large_is_cut_off() -> None:
    response = await guarded().post("/", content=trickle(200, 0))
    assert (response.status_code, response.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_path_may_have_limits_of_its_own() -> None:
    larger = {"/uploads": BodyLimit(max_bytes=1000, deadline_seconds=5)}
    client = guarded(limits=larger, deadline_seconds=0.2)
    assert (await client.post("/uploads", content=b"x" * 1000)).json() == {"bytes": 1000}
    assert (await client.post("/uploads", content=trickle(10, 0.05))).json() == {"bytes": 10}
    for path, size in (("/uploads", 1001), ("/uploads/", 101), ("/Uploads", 101), ("/", 101)):
        response = await client.post(path, content=b"x" * size)
        assert (response.status_code, response.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_that_comes_too_slowly_is_cut_off() -> None:
    response = await guarded(deadline_seconds=0.2).post("/", content=trickle(50, 0.05))
    assert (response.status_code, response.json()["code"]) == (408, "REQUEST_TIMEOUT")


async def test_a_failure_after_the_answer_began_is_passed_on() -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("in the middle")

    async def never(_scope: Scope, _receive: Receive, _send: Send, _error: Exception) -> None:
        raise AssertionError("the answer had begun")

    app = RequestContext(half, on_unforeseen=never)
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        with pytest.raises(RuntimeError, match="in the middle"):
            await client.get("/")


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_protocols_pass_untouched(kind: str) -> None:
    seen: list[str] = []

    async def inner(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        return

    async def never(_scope: Scope, _receive: Receive, _send: Send, _error: Exception) -> None:
        raise AssertionError("nothing failed")

    guard = BodyGuard(inner, max_bytes=1, deadline_seconds=1)
    context = RequestContext(HeadAsGet(guard), on_unforeseen=never)
    private = PrivateAnswers(context, cookies=(), paths=())
    app = SecurityHeaders(private, over_https=False)
    await app({"type": kind}, receive, send)
    assert seen == [kind]
