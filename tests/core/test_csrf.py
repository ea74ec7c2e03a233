"""Forms from elsewhere are refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Request, Response
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from starlette.responses import HTMLResponse, JSONResponse

from app.core.config import Settings
from app.core.csrf import CsrfError, CsrfProtected, CsrfToken, set_csrf_cookie
from app.core.deps import AppSettings, current_settings

ORIGIN = "https://shop.example"
HTTPS = Settings(public_url=ORIGIN)
HTTP = Settings(public_url="http://shop.example")
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")

router = APIRouter(dependencies=[CsrfProtected])


@router.get("/form")
async def form_page(request: Request, token: CsrfToken, settings: AppSettings) -> Response:
    response = HTMLResponse(token)
    set_csrf_cookie(request, response, settings)
    return response


@router.api_route("/form", methods=[*UNSAFE])
async def take_form(request: Request) -> dict[str, Any]:
    return dict(await request.form())


async def refuse(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, CsrfError)
    return JSONResponse(error.body(), error.status)


def make_app(settings: Settings) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    app.add_exception_handler(CsrfError, refuse)
    app.dependency_overrides[current_settings] = lambda: settings
    return app


def browser(settings: Settings = HTTPS) -> AsyncClient:
    transport = ASGITransport(app=make_app(settings))
    return AsyncClient(transport=transport, base_url=settings.public_url)


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[AsyncClient]:
    """A browser that has not been here before."""
    async with browser() as client:
        yield client


async def open_form(client: AsyncClient) -> str:
    return (await client.get("/form")).text


def assert_refused(response: Any) -> None:
    assert response.status_code == 403
    assert response.json()["code"] == "CSRF_REFUSED"


@pytest.mark.parametrize("method", UNSAFE)
async def test_the_shops_own_form_is_taken(reader: AsyncClient, method: str) -> None:
    form = {"csrf_token": await open_form(reader), "title": "Ulysses"}

    response = await reader.request(method, "/form", data=form, headers=OWN_PAGE)

    assert response.status_code == 200
    assert response.json() == form


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Origin": ORIGIN}, True),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "https://shop.example.elsewhere.example"}, False),
        ({"Origin": "https://shop.example:8443"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[::"}, False),
    ],
)
async def test_where_a_form_comes_from(
    reader: AsyncClient, *, headers: dict[str, str], taken: bool
) -> None:
    form = {"csrf_token": await open_form(reader)}

    response = await reader.post("/form", data=form, headers=headers)

    if taken:
        assert response.status_code == 200
    else:
        assert_refused(response)


async def test_a_form_without_a_token_is_refused(reader: AsyncClient) -> None:
    await open_form(reader)

    assert_refused(await reader.post("/form", data={"title": "Ulysses"}, headers=OWN_PAGE))
    assert_refused(await reader.post("/form", headers=OWN_PAGE))
    assert_refused(await reader.post("/form", json={"csrf_token": "x"}, headers=OWN_PAGE))


async def test_another_browsers_token_is_refused(reader: AsyncClient) -> None:
    await open_form(reader)
    async with browser() as stranger:
        foreign = await open_form(stranger)

    assert_refused(await reader.post("/form", data={"csrf_token": foreign}, headers=OWN_PAGE))


async def test_a_browser_without_the_cookie_is_refused(reader: AsyncClient) -> None:
    token = await open_form(reader)
    reader.cookies.clear()

    assert_refused(await reader.post("/form", data={"csrf_token": token}, headers=OWN_PAGE))


@pytest.mark.parametrize("forged", ["made-up", "Ω", ""])
async def test_a_cookie_that_we_did_not_sign_is_refused(reader: AsyncClient, forged: str) -> None:
    headers = {b"Sec-Fetch-Site": b"same-origin", b"Cookie": f"__Host-csrf={forged}".encode()}

    assert_refused(await reader.post("/form", data={"csrf_token": forged}, headers=headers))


async def test_a_token_signed_with_another_secret_is_refused(reader: AsyncClient) -> None:
    other = HTTPS.model_copy(update={"secret_key": type(HTTPS.secret_key)("another secret")})
    async with browser(other) as elsewhere:
        token = await open_form(elsewhere)
    reader.cookies.set("__Host-csrf", token)

    assert_refused(await reader.post("/form", data={"csrf_token": token}, headers=OWN_PAGE))


async def test_a_form_that_is_open_while_the_secret_is_replaced_is_taken() -> None:
    async with browser() as reader:
        token = await open_form(reader)
    renewed = HTTPS.model_copy(
        update={"secret_key": SecretStr("renewed"), "secret_keys_former": (HTTPS.secret_key,)}
    )
    async with browser(renewed) as reader:
        reader.cookies.set("__Host-csrf", token)
        response = await reader.post("/form", data={"csrf_token": token}, headers=OWN_PAGE)
        page = await reader.get("/form")
    assert response.status_code == 200
    assert (page.text, page.headers.get("set-cookie")) == (token, None)


async def test_the_cookie_is_set_once_and_kept(reader: AsyncClient) -> None:
    first = await reader.get("/form")
    second = await reader.get("/form")

    assert first.headers["set-cookie"] == (
        f"__Host-csrf={first.text}; HttpOnly; Path=/; SameSite=lax; Secure"
    )
    assert "set-cookie" not in second.headers
    assert second.text == first.text


async def test_over_plain_http_the_cookie_has_no_prefix() -> None:
    async with browser(HTTP) as client:
        page = await client.get("/form")

    assert page.headers["set-cookie"] == f"csrf={page.text}; HttpOnly; Path=/; SameSite=lax"


async def test_a_forged_cookie_is_replaced_when_a_page_is_opened(reader: AsyncClient) -> None:
    page = await reader.get("/form", headers={"Cookie": "__Host-csrf=made-up"})

    assert page.text != "made-up"
    assert page.headers["set-cookie"].startswith(f"__Host-csrf={page.text};")
