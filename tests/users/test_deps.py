"""Who looks at a page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request, Response
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import PlainTextResponse

from app.core.clock import request_time
from app.core.config import Settings
from app.core.deps import current_settings, get_db
from app.users.deps import SignedInVisitor, Visitor
from app.users.errors import SignInRequiredError
from app.users.sessions import start_session
from tests.factories import make_user

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HTTPS = Settings(public_url="https://shop.example")


async def name_of_visitor(visitor: Visitor) -> str | None:
    return visitor.email if visitor else None


async def name_of_reader(visitor: SignedInVisitor) -> str:
    return visitor.email


async def ask_to_sign_in(request: Request, error: Exception) -> Response:
    del request, error
    return PlainTextResponse("sign in", 303)


@pytest_asyncio.fixture
async def pages(db_session: AsyncSession) -> AsyncIterator[AsyncClient]:
    """A shop of two pages: one that everybody may see, one for readers."""
    app = FastAPI()
    app.get("/public")(name_of_visitor)
    app.get("/private")(name_of_reader)
    app.add_exception_handler(SignInRequiredError, ask_to_sign_in)
    app.dependency_overrides = {
        get_db: lambda: db_session,
        current_settings: lambda: HTTPS,
        request_time: lambda: NOW,
    }
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="https://shop.example") as client:
        yield client


async def test_the_session_cookie_tells_who_looks(
    pages: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session, email="ada@example.com")
    token = await start_session(db_session, user_id=user.id, now=NOW, lifetime=timedelta(minutes=1))
    pages.cookies.set("__Host-session", token)

    assert (await pages.get("/public")).json() == "ada@example.com"
    assert (await pages.get("/private")).json() == "ada@example.com"


@pytest.mark.parametrize("cookies", [{}, {"__Host-session": "made up"}, {"session": "other name"}])
async def test_without_a_session_public_pages_open_and_private_ones_ask_to_sign_in(
    pages: AsyncClient, cookies: dict[str, str]
) -> None:
    pages.cookies.update(cookies)

    assert (await pages.get("/public")).json() is None
    private = await pages.get("/private")
    assert (private.status_code, private.text) == (303, "sign in")
