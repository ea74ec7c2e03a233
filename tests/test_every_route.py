"""What holds for every route of the shop, whatever it does: the list is the application's own."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi.routing import APIRoute
from httpx import AsyncClient, Response
from itsdangerous import URLSafeSerializer
from sqlalchemy import Text, cast, func, literal_column, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.csrf import COOKIE as CSRF
from app.core.csrf import FIELD, SAFE_METHODS, CsrfError
from app.core.middleware import SECURITY_HEADERS
from app.core.security import Role
from app.db.base import Base
from app.registry import API_ROUTERS, PAGE_ROUTERS
from app.users.deps import SESSION
from app.users.sessions import start_session
from tests.factories import bearer, make_user

CANARY = "canary-5f1c9a7e-of-nobody-else"
SECRETS = [
    *("access_token", "refresh_token", "id_token", "card_token", "token"),
    *("password", "current_password", "new_password", "client_secret", "secret"),
    *("code", "recovery_code", "totp_code", "state"),
]
"""Names under which secrets come."""


@dataclass(frozen=True)
class Route:
    """A route of the application."""

    method: str
    path: str
    is_page: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, *, secret: str | None = None) -> str:
        """Return an address of it, with the secret where the path has one."""

        def value(found: re.Match[str]) -> str:
            return secret if secret and "token" in found[1] else "1"

        return re.sub(r"\{(\w+)(?::\w+)?\}", value, self.path)


def routes() -> Iterator[Route]:
    for routers, prefix in ((API_ROUTERS, "/api/v1"), (PAGE_ROUTERS, "")):
        for router in routers:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                for method in sorted(route.methods or ()):
                    yield Route(method, prefix + route.path, is_page=not prefix)
    yield Route("GET", "/health", is_page=False)
    yield Route("GET", "/health/ready", is_page=False)
    yield Route("GET", "/nowhere", is_page=True)


ROUTES = list(routes())
PAGES_OF_LINKS = {
    "GET /reset-password",
    "GET /verify-email",
    "GET /confirm-email",
    "GET /account/delete",
}
"""Pages whose address has a mailed link's token."""

FORMS = [route for route in ROUTES if route.is_page and route.method not in SAFE_METHODS]


async def sign_in(session: AsyncSession, client: AsyncClient) -> None:
    """Let the client be an admin, as a browser and as a program."""
    admin = await make_user(session, role=Role.ADMIN)
    token = await start_session(
        session, user_id=admin.id, now=utc_now(), lifetime=timedelta(hours=1)
    )
    await session.commit()
    client.cookies.set(SESSION.name(get_settings()), token)
    client.headers.update(bearer(admin))


async def csrf_token(client: AsyncClient) -> str:
    await client.get("/sign-in")
    return client.cookies[CSRF.name(get_settings())]


async def test_no_form_is_taken_from_elsewhere(
    db_session: AsyncSession, client: AsyncClient
) -> None:
    token = await csrf_token(client)
    secret = get_settings().secret_key.get_secret_value()
    another = str(URLSafeSerializer(secret, salt="csrf").dumps("of another browser"))
    attempts: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({FIELD: another}, {}),
        ({FIELD: token}, {"Sec-Fetch-Site": "cross-site"}),
        ({FIELD: token}, {"Origin": "https://elsewhere.example"}),
    ]
    assert len(FORMS) >= 6
    for _ in range(2):  # as anybody, then signed in
        for route in FORMS:
            for form, headers in attempts:
                response = await client.request(
                    route.method, route.url(), data=form, headers=headers
                )
                assert response.status_code == 403, (route, form, headers)
                assert CsrfError.detail in response.text, (route, form, headers)
        await sign_in(db_session, client)


def assert_guarded(response: Response, route: Route) -> None:
    for name, value in SECURITY_HEADERS.items():
        is_link = name == "Referrer-Policy" and response.status_code == 200
        wanted = "strict-origin" if is_link and str(route) in PAGES_OF_LINKS else value
        assert response.headers.get(name) == wanted, (route, name)


async def test_every_answer_has_the_headers_and_what_is_of_one_reader_is_kept_by_nobody(
    committed: AsyncSession, client: AsyncClient
) -> None:
    for route in ROUTES:
        response = await client.request(route.method, route.url())
        assert_guarded(response, route)
        if route.path.startswith("/api/v1/auth/"):
            assert response.headers["Cache-Control"] == "no-store", route
    await sign_in(committed, client)  # committed, since exports read in a session of their own
    answered = set()
    for route in sorted(ROUTES, key=lambda route: route.method not in SAFE_METHODS):
        response = await client.request(route.method, route.url())
        assert_guarded(response, route)
        assert response.headers["Cache-Control"] == "no-store", route
        if response.status_code == 200:
            answered.add(str(route))
    assert answered >= PAGES_OF_LINKS
    assert answered >= {"GET /account/export", "GET /api/v1/account/export"}


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Collect what every logger says, as it is written in production."""
    root = logging.getLogger()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(root.handlers[0].formatter)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


async def tables_that_hold(session: AsyncSession, secret: str) -> list[str]:
    """Return the tables in which somebody who reads the database finds the secret."""
    found = []
    for name in Base.metadata.tables:
        whole_row = cast(literal_column(name), Text)
        statement = select(func.count()).select_from(table(name))
        if await session.scalar(statement.where(whole_row.contains(secret))):
            found.append(name)
    return found


async def use_as_password(client: AsyncClient, password: str) -> dict[str, str]:
    """Sign up and in with a password, as a program and in a browser; return the last tokens."""
    account = {"email": "reader@example.com", "password": password}
    other = {"email": "another@example.com"}
    form, own_page = {FIELD: await csrf_token(client)}, {"Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/api/v1/auth/register", json=account)).status_code == 201
    asked = await client.post("/sign-up", data=other | form, headers=own_page)
    assert asked.status_code == 200
    assert (await client.post("/sign-in", data=account | form, headers=own_page)).is_redirect
    signed_in = await client.post("/api/v1/auth/login", json=account)
    refresh = {"refresh_token": signed_in.json()["refresh_token"]}
    pair: dict[str, str] = (await client.post("/api/v1/auth/refresh", json=refresh)).json()
    return pair


async def test_no_secret_is_logged_answered_or_stored(
    db_session: AsyncSession, client: AsyncClient
) -> None:
    given = dict.fromkeys(SECRETS, CANARY) | {"email": "reader@example.com", "full_name": "R"}
    own_page = {"Sec-Fetch-Site": "same-origin"}
    token = await csrf_token(client)
    bad_program = {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}
    with everything_logged() as log:
        for route in ROUTES:
            url = route.url(secret=CANARY)
            answers = [
                await client.request(route.method, url, json=given),
                await client.request(route.method, url, json=list(given.values())),
                await client.request(route.method, url, params=dict.fromkeys(SECRETS, CANARY)),
                await client.request(route.method, url, headers=bad_program),
            ]
            if route.is_page:
                form = given | {FIELD: token}
                answers.append(await client.request(route.method, url, data=form, headers=own_page))
            for answer in answers:
                if answer.is_error:
                    assert CANARY not in answer.text, route
        pair = await use_as_password(client, CANARY)
    said = log.getvalue()
    assert said.count("/api/v1/auth/login") >= 4
    assert CANARY not in said
    assert pair["access_token"] not in said
    assert await tables_that_hold(db_session, CANARY) == []
    assert await tables_that_hold(db_session, "reader@example.com") != []
    assert await tables_that_hold(db_session, pair["refresh_token"]) == []
