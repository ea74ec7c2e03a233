"""Signing in on the pages: through a provider, and in two steps."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import pyotp
import pytest
from httpx import AsyncClient, Response
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import request_time, utc_now
from app.core.config import TwoStepRule, get_settings
from app.core.security import Role
from app.integrations.oauth.factory import make_providers
from app.main import app
from app.users.limits import LIMITS, Purpose, spend
from app.users.models import User, UserSession
from app.users.oauth.models import ConnectedIdentity
from app.users.passwords import FRESH
from app.users.two_step import codes, pending
from tests.storefront.test_pages import PASSWORD, Browser
from tests.users.conftest import Clock
from tests.users.provider import Provider, serving

STEP = timedelta(seconds=codes.STEP_SECONDS)


@pytest.fixture
def browser(client: AsyncClient) -> Browser:
    return Browser(client)


@pytest.fixture
def clock(client: AsyncClient) -> Clock:
    del client
    clock = Clock()
    app.dependency_overrides[request_time] = lambda: clock.now
    return clock


@pytest.fixture
def provider() -> Iterator[Provider]:
    usual = app.state.oauth
    with serving(Provider()) as provider:
        app.state.oauth = make_providers(provider.settings())
        yield provider
    app.state.oauth = usual


async def agree(browser: Browser, provider: Provider, address: str) -> Response:
    """Go to the provider, agree there, and let the browser be sent back to the shop."""
    assert address.startswith(provider.url)
    async with AsyncClient() as outside:
        back = (await outside.get(address)).headers["Location"]
    assert back.startswith(f"{get_settings().public_url}/sign-in/")
    parts = urlsplit(back)
    headers = {"Sec-Fetch-Site": "cross-site"}
    response = await browser.client.get(f"{parts.path}?{parts.query}", headers=headers)
    browser.page = response.text
    return response


async def continue_with(browser: Browser, provider: Provider, link: str) -> Response:
    response = await browser.go(link)
    assert response.status_code == 303, response.text
    return await agree(browser, provider, response.headers["Location"])


async def count(session: AsyncSession, model: type) -> int:
    return (await session.scalars(select(func.count()).select_from(model))).one()


def links(page: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="(/sign-in/[^"]+)"', page)]


async def test_providers_are_offered_where_they_are_configured(
    browser: Browser, provider: Provider
) -> None:
    for address in ("/sign-in?next=/cart", "/sign-up?next=/cart"):
        page = await browser.go(address)
        assert "Continue with Google" in page.text
        assert "Continue with GitHub" in page.text
        assert links(page.text) == ["/sign-in/google?next=/cart", "/sign-in/github?next=/cart"]
    app.state.oauth = make_providers(provider.settings(google_client_id=None))
    page = await browser.go("/sign-in")
    assert links(page.text) == ["/sign-in/github?next=/"]
    app.state.oauth = make_providers(provider.settings(google_client_id="", github_client_id=""))
    page = await browser.go("/sign-in")
    assert "Continue with" not in page.text
    assert (await browser.go("/sign-in/google")).status_code == 501
    assert (await browser.go("/sign-in/myspace")).status_code == 404


@pytest.mark.parametrize("name", ["google", "github"])
async def test_a_reader_continues_with_a_provider(
    browser: Browser, db_session: AsyncSession, provider: Provider, name: str
) -> None:
    response = await continue_with(browser, provider, f"/sign-in/{name}?next=/orders")
    assert response.status_code == 303, response.text
    assert response.headers["Location"] == "/orders"
    assert "No orders yet" in (await browser.go("/orders")).text
    assert await count(db_session, UserSession) == 1
    led_on = await browser.go(f"/sign-in/{name}?next=/cart")
    assert led_on.headers["Location"] == "/cart"


@pytest.mark.parametrize(
    "address", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_nobody_is_led_out_of_the_shop(
    browser: Browser, provider: Provider, address: str
) -> None:
    response = await browser.client.get("/sign-in/google", params={"next": address})
    response = await agree(browser, provider, response.headers["Location"])
    assert (response.status_code, response.headers["Location"]) == (303, "/")


async def test_a_refusal_is_shown_on_the_form(
    browser: Browser, db_session: AsyncSession, provider: Provider
) -> None:
    provider.email_verified = False
    response = await continue_with(browser, provider, "/sign-in/google?next=/cart")
    assert response.status_code == 401
    assert "The e-mail address is not confirmed there." in response.text
    assert links(response.text)[0] == "/sign-in/google?next=/cart"
    again = await browser.go("/sign-in/google/callback?code=x&state=y")
    assert again.status_code == 401
    assert "Please start again from the shop." in again.text
    assert await count(db_session, User) == 0


async def sign_up(browser: Browser, session: AsyncSession, email: str = "ada@example.com") -> None:
    """Sign up and in as somebody whose address is proved."""
    await browser.sign_up(email=email)
    await session.execute(update(User).values(email_verified_at=utc_now()))
    await session.commit()


async def connect(browser: Browser, provider: Provider, name: str) -> Response:
    await browser.go("/account/connected")
    page = await browser.send(f"/account/connected/{name}", current_password=PASSWORD)
    assert page.status_code == 200, page.text
    (address,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert f'<a href="{address}">Go on</a>' in page.text
    return await agree(browser, provider, unescape(address))


async def test_connecting_and_disconnecting(
    browser: Browser, db_session: AsyncSession, provider: Provider
) -> None:
    await sign_up(browser, db_session, email="ada@example.com")
    response = await connect(browser, provider, "google")
    assert (response.status_code, response.headers["Location"]) == (303, "/account/connected")
    page = await browser.go("/account/connected")
    assert "ada@example.com" in page.text
    assert page.text.count("Disconnect") == 1
    identity = (await db_session.scalars(select(ConnectedIdentity))).one()
    assert (identity.provider, identity.subject) == ("google", "1001")

    wrong = await browser.send("/account/connected/google/disconnect", current_password="wrong")
    assert wrong.status_code == 403
    assert field_error(wrong.text) == "This is not your present password."
    assert "wrong" not in re.findall(r'value="([^"]*)"', wrong.text)
    missing = await browser.send("/account/connected/google/disconnect")
    assert field_error(missing.text) == "Please enter your present password."
    password_hash = (await db_session.scalars(select(User.password_hash))).one()
    await db_session.execute(update(User).values(password_hash=None))
    refused = await browser.send("/account/connected/google/disconnect")
    assert refused.status_code == 409
    assert "This is the only way into your account." in refused.text
    await db_session.execute(update(UserSession).values(created_at=utc_now() - FRESH))
    stale = await browser.send("/account/connected/google/disconnect")
    assert stale.status_code == 403
    assert "You signed in some time ago." in stale.text
    await db_session.execute(update(User).values(password_hash=password_hash))
    response = await browser.send("/account/connected/google/disconnect", current_password=PASSWORD)
    assert response.status_code == 303
    assert await count(db_session, ConnectedIdentity) == 0

    app.state.oauth = make_providers(provider.settings(google_client_id="", github_client_id=""))
    assert "This shop offers no such accounts." in (await browser.go("/account/connected")).text


async def test_what_cannot_be_connected_is_said(
    browser: Browser, db_session: AsyncSession, provider: Provider
) -> None:
    await browser.sign_up(email="someone@example.com")
    page = await browser.go("/account/connected")
    assert "Please confirm your address first" in page.text
    assert "formaction" not in page.text
    response = await browser.send("/account/connected/github", current_password=PASSWORD)
    assert response.status_code == 409
    assert "Please confirm the e-mail address of your account first." in response.text
    assert await count(db_session, ConnectedIdentity) == 0
    assert provider.asked == []
    await browser.follow(await browser.send("/account/verification"))
    assert "a link is on its way" in browser.page


async def test_an_identity_is_connected_with_nobody_else_than_who_set_out(
    browser: Browser, db_session: AsyncSession, provider: Provider
) -> None:
    await sign_up(browser, db_session, email="ada@example.com")
    await browser.go("/account/connected")
    page = await browser.send("/account/connected/google", current_password=PASSWORD)
    (address,) = re.findall(r'<a href="([^"]+)">Go on</a>', page.text)
    await browser.go("/")
    await browser.send("/sign-out")
    response = await agree(browser, provider, unescape(address))
    assert response.status_code == 401
    assert await count(db_session, ConnectedIdentity) == 0


async def test_connecting_takes_the_shops_own_form(
    browser: Browser, db_session: AsyncSession, provider: Provider
) -> None:
    await sign_up(browser, db_session, email="ada@example.com")
    await browser.go("/account/connected")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {}):
        response = await browser.client.post("/account/connected/google", headers=headers)
        assert response.status_code == 403
    assert provider.asked == []


def field_error(page: str) -> str:
    (found,) = re.findall(r'<p class="error" id="current_password-help">([^<]*)</p>', page)
    return unescape(str(found))


def shown_codes(page: str) -> list[str]:
    return re.findall(r"<li>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</li>", page)


class App:
    """The authenticator app of the one at the browser."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.secret = clock, ""

    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(self.clock.now)


async def turn_on(browser: Browser, clock: Clock) -> tuple[App, list[str]]:
    await browser.go("/account/two-step")
    await browser.send("/account/two-step", current_password=PASSWORD)
    authenticator = App(clock)
    (authenticator.secret,) = re.findall(r'<code class="secret">([A-Z2-7]+)</code>', browser.page)
    assert "data:image/svg+xml,%3Csvg" in browser.page
    digits = authenticator.code()
    page = await browser.send("/account/two-step/set-up", code=f"{digits[:3]} {digits[3:]}")
    assert page.status_code == 200, page.text
    assert page.headers["Cache-Control"] == "no-store"
    clock.forward(STEP)
    recovery = shown_codes(page.text)
    assert len(recovery) == 10
    return authenticator, recovery


async def sign_in(browser: Browser) -> Response:
    await browser.go("/sign-in?next=/orders")
    return await browser.send("/sign-in", email="ada@example.com", password=PASSWORD)


async def test_a_reader_turns_two_step_sign_in_on_uses_it_and_turns_it_off(
    browser: Browser, db_session: AsyncSession, clock: Clock
) -> None:
    await sign_up(browser, db_session)
    before = browser.client.cookies["session"]
    authenticator, recovery = await turn_on(browser, clock)
    assert browser.client.cookies["session"] != before, "a new id at elevation"
    assert await count(db_session, UserSession) == 1
    page = await browser.go("/account/two-step")
    assert "10 of your recovery codes are left" in page.text
    again = await browser.send("/account/two-step", current_password=PASSWORD)
    assert (again.status_code, "is on already" in again.text) == (409, True)

    await browser.go("/")
    await browser.send("/sign-out")
    response = await sign_in(browser)
    assert response.headers["Location"] == "/sign-in/two-step?next=%2Forders"
    assert "session" not in browser.client.cookies
    assert (await browser.go("/orders")).status_code == 303, "half-way in is not in"
    await browser.follow(response)
    refused = await browser.send("/sign-in/two-step", code="000000")
    assert refused.status_code == 401
    assert "This code is wrong" in refused.text
    assert "000000" not in refused.text
    missing = await browser.send("/sign-in/two-step", code="1")
    assert missing.status_code == 422
    response = await browser.send("/sign-in/two-step", code=authenticator.code())
    assert (response.status_code, response.headers["Location"]) == (303, "/orders")
    assert "half-way" not in browser.client.cookies
    assert (await browser.go("/sign-in/two-step?next=/cart")).headers["Location"] == "/cart"
    clock.forward(STEP)

    await browser.go("/account/two-step")
    assert (await browser.send("/account/two-step/recovery-codes", code="1")).status_code == 422
    known = {"current_password": PASSWORD}
    renew = "/account/two-step/recovery-codes"
    refused = await browser.send(renew, code=recovery[0] + "x", **known)
    assert refused.status_code == 401
    refused = await browser.send(renew, code=recovery[0], current_password="wrong")
    assert (refused.status_code, field_error(refused.text)[:12]) == (403, "This is not ")
    await browser.go("/account/two-step")
    page = await browser.send(renew, code=authenticator.code(), **known)
    fresh = shown_codes(page.text)
    assert len(set(fresh) - set(recovery)) == 10

    await browser.go("/account/two-step")
    disable = "/account/two-step/disable"
    assert (await browser.send(disable, code="1", **known)).status_code == 422
    assert (await browser.send(disable, code=fresh[0])).status_code == 403
    assert (await browser.send(disable, code=recovery[1], **known)).status_code == 401
    assert (await browser.send(disable, code=fresh[0], **known)).status_code == 303
    assert "Set it up" in (await browser.go("/account/two-step")).text
    assert (await browser.go("/account/two-step/set-up")).headers["Location"] == "/account/two-step"


async def test_signing_in_again_ends_the_session_that_was(
    browser: Browser, db_session: AsyncSession
) -> None:
    await sign_up(browser, db_session)
    before = browser.client.cookies["session"]
    await browser.go("/")
    response = await browser.send("/sign-in", email="ada@example.com", password=PASSWORD)
    assert response.status_code == 303
    assert browser.client.cookies["session"] != before
    assert await count(db_session, UserSession) == 1


async def test_a_wrong_first_code_turns_nothing_on_and_keeps_the_secret(
    browser: Browser, db_session: AsyncSession, clock: Clock
) -> None:
    del clock
    await sign_up(browser, db_session)
    await browser.go("/account/two-step")
    refused = await browser.send("/account/two-step", current_password="wrong")
    assert (refused.status_code, field_error(refused.text)[:12]) == (403, "This is not ")
    await browser.send("/account/two-step", current_password=PASSWORD)
    secret = re.findall(r'<code class="secret">([A-Z2-7]+)</code>', browser.page)
    for typed, status in (("abcdef", 401), ("1", 422)):
        page = await browser.send("/account/two-step/set-up", code=typed)
        assert page.status_code == status
        assert re.findall(r'<code class="secret">([A-Z2-7]+)</code>', page.text) == secret
    assert "Set it up" in (await browser.go("/account/two-step")).text


async def test_too_many_codes_are_asked_to_wait_in_words_and_in_the_head(
    browser: Browser, db_session: AsyncSession, clock: Clock
) -> None:
    await sign_up(browser, db_session)
    authenticator, _ = await turn_on(browser, clock)
    for _ in range(LIMITS[Purpose.SECOND_FACTOR].account.attempts):
        await spend(
            db_session, purpose=Purpose.SECOND_FACTOR, email="ada@example.com", now=clock.now
        )
    clock.forward(timedelta(milliseconds=500))
    await browser.go("/account/two-step")
    proof = {"current_password": PASSWORD, "code": authenticator.code()}
    answers = [await browser.send("/account/two-step/disable", **proof)]
    await browser.go("/")
    await browser.send("/sign-out")
    await browser.follow(await sign_in(browser))
    answers.append(await browser.send("/sign-in/two-step", code=authenticator.code()))
    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
        assert "Too many codes were tried." in answer.text


async def test_the_second_step_needs_the_first(
    browser: Browser, db_session: AsyncSession, clock: Clock
) -> None:
    assert (await browser.go("/sign-in/two-step")).headers["Location"] == "/sign-in"
    await sign_up(browser, db_session)
    authenticator, _ = await turn_on(browser, clock)
    await browser.go("/")
    await browser.send("/sign-out")
    await browser.follow(await sign_in(browser))
    for _ in range(pending.TRIES):
        assert (await browser.send("/sign-in/two-step", code="000000")).status_code == 401
    response = await browser.send("/sign-in/two-step", code=authenticator.code())
    assert response.status_code == 401
    assert "Please sign in again." in response.text
    assert 'action="/sign-in"' in response.text
    assert (await browser.go("/sign-in/two-step")).headers["Location"] == "/sign-in"
    assert await count(db_session, UserSession) == 0


async def test_who_continues_with_a_provider_is_asked_as_well(
    browser: Browser, db_session: AsyncSession, provider: Provider, clock: Clock
) -> None:
    clock.now = (await db_session.scalars(select(func.now()))).one()
    await continue_with(browser, provider, "/sign-in/google")
    authenticator, _ = await turn_on(browser, clock)
    await browser.go("/")
    await browser.send("/sign-out")
    response = await continue_with(browser, provider, "/sign-in/google?next=/orders")
    assert response.headers["Location"] == "/sign-in/two-step?next=%2Forders"
    assert await count(db_session, UserSession) == 0
    await browser.follow(response)
    response = await browser.send("/sign-in/two-step", code=authenticator.code())
    assert response.headers["Location"] == "/orders"
    assert await count(db_session, UserSession) == 1


async def test_staff_are_led_to_set_it_up_and_can_do_nothing_else(
    browser: Browser, db_session: AsyncSession, clock: Clock
) -> None:
    await sign_up(browser, db_session)
    await db_session.execute(update(User).values(role=Role.ADMIN))
    await db_session.commit()
    assert (await browser.go("/orders")).status_code == 200
    settings = get_settings()
    settings.staff_two_step = TwoStepRule.REQUIRED
    try:
        for address in ("/", "/orders", "/cart", "/account/connected", "/checkout"):
            response = await browser.go(address)
            assert response.status_code == 303, address
            assert response.headers["Location"] == "/account/two-step", address
        page = await browser.go("/account/two-step")
        assert "This shop asks its staff to sign in in two steps." in page.text
        await turn_on(browser, clock)
        assert (await browser.go("/orders")).status_code == 200
    finally:
        settings.staff_two_step = TwoStepRule.OPTIONAL
