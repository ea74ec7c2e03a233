"""Every error has one format, and hostile input is refused at once."""

import errno
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from httpx import ASGITransport, AsyncClient
from jinja2 import DictLoader, Environment
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import DbSession
from app.core.exceptions import AppError, is_connection_failure, is_unavailable, is_unstorable
from app.main import create_app
from tests.factories import bearer, make_user, terminate_backend

HTML = {"Accept": "text/html,application/xhtml+xml"}
REGISTER = "/api/v1/auth/register"
QUICKLY = "SELECT set_config('statement_timeout', '50', true)"
SLOWLY = "SELECT pg_sleep(5)"


async def test_a_browser_gets_a_page(client: AsyncClient) -> None:
    response = await client.get("/nonexistent", headers=HTML)
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "This page is out of print" in response.text


async def test_a_program_gets_json_from_the_api_whatever_it_accepts(client: AsyncClient) -> None:
    response = await client.get("/api/v1/nonexistent", headers=HTML)
    assert response.json() == {"detail": "Not Found", "code": "NOT_FOUND"}


async def test_a_page_with_a_malformed_address_does_not_exist(client: AsyncClient) -> None:
    for address in ("/books/x", "/books/0", f"/books/{2**63}", "/books/99999999999999999999999"):
        response = await client.get(address, headers=HTML)
        assert response.status_code == 404, address


async def test_wrong_method(client: AsyncClient) -> None:
    response = await client.delete("/health")
    assert response.status_code == 405
    assert response.json() == {"detail": "Method Not Allowed", "code": "METHOD_NOT_ALLOWED"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/health", "GET, HEAD"),
        ("PATCH", "/api/v1/books", "GET, HEAD, POST"),
        ("POST", "/api/v1/books/1", "GET, HEAD, PUT, DELETE"),
        ("GET", "/api/v1/auth/login", "POST"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    client: AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allowed


async def test_validation_keeps_the_list_and_echoes_no_input(client: AsyncClient) -> None:
    body = {"email": "ada@example.com", "password": "short"}
    response = await client.post(REGISTER, json=body)
    assert response.status_code == 422
    answer = response.json()
    assert answer["code"] == "VALIDATION_ERROR"
    assert [error["loc"] for error in answer["detail"]] == [["body", "password"]]
    assert set(answer["detail"][0]) == {"type", "loc", "msg"}
    assert "short" not in {error.get("input") for error in answer["detail"]}


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


HOSTILE_BODIES: dict[str, bytes] = {
    "not json": b"{",
    "nothing": b"",
    "nul": json.dumps({"email": "a\x00@example.com", "password": "long enough"}).encode(),
    "nul in a name": json.dumps(
        {"email": "a@example.com", "password": "long enough", "full_name": "A\x00B"}
    ).encode(),
    "lone surrogate": b'{"email":"a@example.com","password":"long enough","full_name":"\\ud800"}',
    "surrogate in a name of a field": b'{"email":"a@example.com","password":"x","\\ud800":1}',
    "infinity": b'{"email":1e500,"password":Infinity}',
    "not a number": b'{"email":NaN,"password":-Infinity}',
    "huge integer": b'{"email":' + b"9" * 5000 + b',"password":"x"}',
    "nested": nested(100_000),
    "nested in a field": b'{"email":' + nested(100_000) + b"}",
    "wrong encoding": b'{"email":"\xff\xfe"}',
    "too large": b'{"email":"' + b"a" * 2_000_000 + b'"}',
}


HOSTILE_STATUSES = {
    "huge integer": 400,
    "nested": 400,
    "nested in a field": 400,
    "wrong encoding": 400,
    "too large": 413,
}
"""Of bodies that are no JSON that can be read; the others are refused by what they say."""


@pytest.mark.parametrize("name", HOSTILE_BODIES)
async def test_hostile_bodies(client: AsyncClient, name: str) -> None:
    response = await client.post(
        REGISTER, content=HOSTILE_BODIES[name], headers={"Content-Type": "application/json"}
    )
    assert response.status_code == HOSTILE_STATUSES.get(name, 422), response.text
    assert set(response.json()) == {"detail", "code"}


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=%ff%fe",
        "q=%ed%a0%80",
        "q=" + "a" * 5000,
        "q=" + "%27%20OR%201%3D1--",
        "q=%3A%2A%26%7C%21%28%29",
        "genre_id=9223372036854775808",
        "genre_id=-1",
        "min_price=1e500",
        "min_price=NaN",
        "page=9999999999999999999999",
        "page=1e3",
        "size=0",
        "size=101",
        "sort=;drop",
    ],
)
async def test_hostile_queries(client: AsyncClient, query: str) -> None:
    for address, headers in (("/api/v1/books", {}), ("/books", HTML)):
        response = await client.get(f"{address}?{query}", headers=headers)
        assert response.status_code in {200, 400, 422}, (address, response.text)


class OddError(AppError):
    status = 409
    code = "ODD"
    detail = "Only even numbers."


def render_nothing() -> None:
    Environment(loader=DictLoader({}), autoescape=True).get_template("nothing.html")


def open_nothing() -> None:
    Path("/nowhere/nothing").read_text(encoding="utf-8")


def odd_routes() -> APIRouter:
    router = APIRouter(prefix="/api/v1/odd")

    @router.get("/rule")
    async def rule() -> None:
        raise OddError(field="number", extra={"tried": 3}, headers={"Retry-After": "7"})

    @router.get("/bug")
    async def bug() -> None:
        raise RuntimeError("the password is swordfish")

    @router.get("/pool")
    async def pool() -> None:
        raise PoolTimeoutError("no connection was free")

    @router.get("/away")
    async def away() -> None:
        raise ConnectionRefusedError

    @router.get("/missing")
    async def missing() -> None:
        render_nothing()

    @router.get("/file")
    async def file() -> None:
        open_nothing()

    @router.get("/arguments")
    async def arguments(session: DbSession) -> None:
        connection = await session.connection()
        await connection.exec_driver_sql("SELECT $1::int")

    @router.get("/killed")
    async def killed(session: DbSession) -> None:
        await terminate_backend(session)
        await session.execute(text("SELECT 1"))

    @router.get("/sql")
    async def sql(session: DbSession, statement: str, then: str = "SELECT 1") -> None:
        await session.execute(text(statement))
        await session.execute(text(then))

    return router


@pytest.fixture
def odd_client(db_session: AsyncSession) -> AsyncClient:
    app = create_app()
    app.include_router(odd_routes())
    app.router.routes.insert(0, app.router.routes.pop())
    del db_session
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://test")


async def test_a_rule_says_what_it_refused(odd_client: AsyncClient) -> None:
    response = await odd_client.get("/api/v1/odd/rule")
    assert response.status_code == 409
    assert response.json() == {
        "detail": "Only even numbers.",
        "code": "ODD",
        "field": "number",
        "tried": 3,
    }
    assert response.headers["Retry-After"] == "7"


async def test_what_nobody_foresaw_tells_nothing(odd_client: AsyncClient) -> None:
    response = await odd_client.get("/api/v1/odd/bug")
    assert response.status_code == 500
    assert response.json() == {"detail": "Internal server error", "code": "INTERNAL_ERROR"}
    assert "swordfish" not in response.text
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert len(response.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("address", ["pool", "away", "killed"])
async def test_a_database_that_is_away_is_said_to_be(odd_client: AsyncClient, address: str) -> None:
    response = await odd_client.get(f"/api/v1/odd/{address}")
    assert response.status_code == 503
    assert response.json()["code"] == "SERVICE_UNAVAILABLE"
    assert response.headers["Retry-After"] == "2"


def logged(caplog: pytest.LogCaptureFixture, level: str) -> list[dict[str, Any]]:
    lines: list[Any] = [record.msg for record in caplog.records]
    return [line for line in lines if isinstance(line, dict) and line["level"] == level]


async def test_why_the_database_is_away_is_logged(
    odd_client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await odd_client.get("/api/v1/odd/sql", params={"statement": QUICKLY, "then": SLOWLY})
    (line,) = logged(caplog, "warning")
    assert (line["event"], line["sqlstate"]) == ("database unavailable", "57014")
    assert isinstance(line["exc_info"], DBAPIError)


@pytest.mark.parametrize("address", ["missing", "file", "arguments"])
async def test_our_own_faults_are_no_absence_of_the_database(
    odd_client: AsyncClient, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    response = await odd_client.get(f"/api/v1/odd/{address}")
    assert response.status_code == 500
    assert response.json() == {"detail": "Internal server error", "code": "INTERNAL_ERROR"}
    (line,) = logged(caplog, "error")
    assert line["event"] == "unforeseen error"
    assert isinstance(line["exc_info"], Exception)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (socket.gaierror(-2, "Name or service not known"), True),
        (OSError(errno.EHOSTUNREACH, "No route to host"), True),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] "), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (OSError("Something else"), False),
    ],
)
def test_kinds_of_system_errors(error: OSError, *, expected: bool) -> None:
    assert is_connection_failure(error) is expected


async def test_a_statement_that_takes_too_long_is_ended(odd_client: AsyncClient) -> None:
    statements = {"statement": QUICKLY, "then": SLOWLY}
    response = await odd_client.get("/api/v1/odd/sql", params=statements)
    assert response.status_code == 503


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("SELECT 1/0", 422),
        ("SELECT 'x'::int", 422),
        ("SELECT nothing", 500),
    ],
)
async def test_what_postgresql_refuses(
    odd_client: AsyncClient, statement: str, status: int
) -> None:
    response = await odd_client.get("/api/v1/odd/sql", params={"statement": statement})
    assert response.status_code == status


class RefusedError(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "unavailable", "unstorable"),
    [
        ("57P01", True, False),
        ("40001", True, False),
        ("53300", True, False),
        ("22021", False, True),
        ("23505", False, False),
    ],
)
def test_kinds_of_database_errors(sqlstate: str, *, unavailable: bool, unstorable: bool) -> None:
    error: Any = DBAPIError("SELECT 1", {}, RefusedError(sqlstate))
    assert is_unavailable(error) is unavailable
    assert is_unstorable(error) is unstorable


async def test_deactivated_accounts_are_locked_out(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session, is_active=False))
    response = await client.get("/api/v1/cart", headers=headers)
    assert response.status_code == 403
    assert response.json() == {
        "detail": "Account deactivated. Contact support.",
        "code": "AUTH_ACCOUNT_DEACTIVATED",
    }
