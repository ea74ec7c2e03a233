"""The pages of "Your account" and those that mailed links lead to, without scripts."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from httpx import URL, AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.models import SavedAddress
from app.core.config import get_settings
from app.core.security import verify_password
from app.storefront import account_links, addresses, your_account
from app.users import passwords
from app.users.account_models import AccountLink, LinkPurpose
from app.users.deps import SESSION
from app.users.models import User, UserSession
from app.users.passwords import FORGOTTEN
from tests.factories import make_book
from tests.storefront.test_pages import ADDRESS, PASSWORD, Browser
from tests.users.readers import OTHER_PASSWORD, make_reader, newest_token, queued

LINK_PAGES = ("/reset-password", "/verify-email", "/confirm-email", "/account/delete")
TOKEN = "t" * 43


@pytest.fixture
def browser(client: AsyncClient) -> Browser:
    return Browser(client)


async def the_user(session: AsyncSession, email: str = "ada@example.com") -> User:
    statement = select(User).where(User.email == email).execution_options(populate_existing=True)
    return (await session.scalars(statement)).one()


async def session_ids(session: AsyncSession) -> set[bytes]:
    return set(await session.scalars(select(UserSession.token_hash)))


@pytest.mark.parametrize("path", LINK_PAGES)
async def test_a_link_that_is_opened_does_nothing_and_tells_nobody(
    browser: Browser, db_session: AsyncSession, path: str
) -> None:
    await browser.sign_up()
    before = await newest_token(db_session, LinkPurpose.VERIFY_EMAIL)
    for _ in range(2):
        page = await browser.go(f"{path}?token={before}")
        assert page.status_code == 200
        assert page.headers["Referrer-Policy"] == "strict-origin"
        assert page.headers["Cache-Control"] == "no-store"
    link = (await db_session.scalars(select(AccountLink))).one()
    assert link.used_at is None
    assert (await the_user(db_session)).email_verified_at is None
    assert not re.search(r'(href|action|src)="[^"]*' + before, browser.page)


@pytest.mark.parametrize("path", LINK_PAGES[1:])
async def test_who_is_not_signed_in_is_asked_to_do_so_without_the_token(
    browser: Browser, path: str
) -> None:
    page = await browser.go(f"{path}?token={TOKEN}")
    assert page.status_code == 200
    assert '<a href="/sign-in?next=/account">' in page.text
    assert TOKEN not in page.text
    if path != "/account/delete":
        sent = await browser.send(path, token=TOKEN)
        assert TOKEN not in sent.headers.get("Location", "")


async def test_an_address_is_confirmed_by_its_link(
    browser: Browser, db_session: AsyncSession
) -> None:
    await browser.sign_up()
    assert "not confirmed yet" in (await browser.go("/account")).text
    asked = await browser.follow(await browser.send("/account/verification"))
    assert "a link is on its way" in asked.text
    token = await newest_token(db_session, LinkPurpose.VERIFY_EMAIL)
    await browser.go(f"/verify-email?token={token}")
    done = await browser.follow(await browser.send("/verify-email"))
    assert "Your address is confirmed." in done.text
    assert "not confirmed yet" not in done.text
    assert (await the_user(db_session)).email_verified_at is not None

    await browser.go(f"/verify-email?token={token}")
    used = await browser.send("/verify-email")
    assert (used.status_code, "This link is no longer valid." in used.text) == (422, True)
    empty = await browser.send("/verify-email", token="")
    assert empty.status_code == 422


async def test_a_forgotten_password_is_set_anew(browser: Browser, db_session: AsyncSession) -> None:
    user = await make_reader(db_session)
    assert "/forgotten-password" in (await browser.go("/sign-in")).text
    await browser.go("/forgotten-password")
    pages = [
        await browser.client.post(
            "/forgotten-password",
            data={"email": email, "csrf_token": re.findall(r'csrf_token" value="([^"]+)', form)[0]},
        )
        for form in [browser.page]
        for email in ("ada@example.com", "nobody@example.com")
    ]
    assert pages[0].content == pages[1].content
    assert pages[0].status_code == 200
    assert len(await queued(db_session, FORGOTTEN.name)) == 2
    assert (await browser.send("/forgotten-password", email="no address")).status_code == 422

    await passwords.send_reset_link(db_session, email=user.email, now=datetime.now(UTC))
    await db_session.commit()
    token = await newest_token(db_session, LinkPurpose.RESET_PASSWORD)
    await browser.go(f"/reset-password?token={token}")
    short = await browser.send("/reset-password", password="short")
    assert (short.status_code, "at least 8 characters" in short.text) == (422, True)
    done = await browser.send("/reset-password", password=OTHER_PASSWORD)
    assert (done.status_code, "Your password is set" in done.text) == (200, True)
    assert await verify_password(OTHER_PASSWORD, (await the_user(db_session)).password_hash)
    await browser.go(f"/reset-password?token={token}")
    used = await browser.send("/reset-password", password=PASSWORD)
    assert (used.status_code, "This link is no longer valid." in used.text) == (422, True)


async def test_signing_in_out_and_a_new_password_each_kill_the_old_session_id(
    browser: Browser, db_session: AsyncSession
) -> None:
    name = SESSION.name(get_settings())
    await browser.sign_up()
    first = browser.client.cookies[name]
    await browser.go("/account/password")
    for field, values in {
        "current_password": {"current_password": "not it", "password": OTHER_PASSWORD},
        "password": {"current_password": PASSWORD, "password": "short"},
    }.items():
        refused = await browser.send("/account/password", **values)
        assert refused.status_code == 422
        assert f'id="{field}-help"' in refused.text
        assert "not it" not in refused.text
    assert browser.client.cookies[name] == first

    changed = await browser.send(
        "/account/password", current_password=PASSWORD, password=OTHER_PASSWORD
    )
    assert "signed out everywhere else" in (await browser.follow(changed)).text
    second = browser.client.cookies[name]
    await browser.send("/sign-out")
    ids = await session_ids(db_session)
    assert ids == set()

    await browser.go("/sign-in")
    await browser.send("/sign-in", email="ada@example.com", password=OTHER_PASSWORD)
    third = browser.client.cookies[name]
    assert len({first, second, third}) == 3
    for dead in (first, second):
        browser.client.cookies.clear()
        browser.client.cookies.set(name, dead)
        assert (await browser.go("/account")).status_code == 303


async def test_the_address_changes_when_both_are_confirmed(
    browser: Browser, db_session: AsyncSession
) -> None:
    await browser.sign_up()
    await browser.go("/account/email")
    for values in (
        {"new_email": "new@example.com", "password": "not it"},
        {"new_email": "no address", "password": PASSWORD},
    ):
        assert (await browser.send("/account/email", **values)).status_code == 422
    asked = await browser.send("/account/email", new_email="new@example.com", password=PASSWORD)
    page = await browser.follow(asked)
    assert "It will be new@example.com" in page.text
    kept = await browser.follow(await browser.send("/account/email/cancel"))
    assert "It will be" not in kept.text

    await browser.go("/account/email")
    await browser.send("/account/email", new_email="new@example.com", password=PASSWORD)
    for purpose, words in (
        (LinkPurpose.CONFIRM_OLD_EMAIL, "The change waits for the other."),
        (LinkPurpose.CONFIRM_NEW_EMAIL, "Your address is changed."),
    ):
        token = await newest_token(db_session, purpose)
        await browser.go(f"/confirm-email?token={token}")
        assert words in (await browser.follow(await browser.send("/confirm-email"))).text
    assert (await the_user(db_session, "new@example.com")).email_verified_at is not None
    assert (await browser.send("/confirm-email", token=TOKEN)).status_code == 422
    assert (await browser.send("/confirm-email", token="")).status_code == 422


async def test_the_name_is_changed_and_taken_away(
    browser: Browser, db_session: AsyncSession
) -> None:
    await browser.sign_up()
    assert 'value="Ada Lovelace"' in (await browser.go("/account")).text
    long = await browser.send("/account/profile", full_name="x" * 121)
    assert (long.status_code, "at most 120 characters" in long.text) == (422, True)
    page = await browser.follow(await browser.send("/account/profile", full_name="Countess"))
    assert 'value="Countess"' in page.text
    await browser.send("/account/profile", full_name="")
    assert (await the_user(db_session)).full_name is None


async def test_addresses_are_kept_and_one_stands_in_the_checkout(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await browser.sign_up()
    assert "No address yet." in (await browser.go("/account/addresses")).text
    await browser.go("/account/addresses/new")
    refused = await browser.send("/account/addresses/new", **{**ADDRESS, "country": ""})
    assert (refused.status_code, 'value="Ada Lovelace"' in refused.text) == (422, True)
    book_page = await browser.follow(await browser.send("/account/addresses/new", **ADDRESS))
    assert "Stands in the checkout" in book_page.text

    await browser.send("/cart/items", book_id=str(book.id))
    checkout = await browser.go("/checkout")
    assert "12 St James&#39;s Square" in checkout.text
    assert '<option value="GB" selected>' in checkout.text

    address_id = (await db_session.scalars(select(SavedAddress.id))).one()
    form = await browser.go(f"/account/addresses/{address_id}")
    assert 'value="true" checked' in form.text
    wrong = await browser.send(f"/account/addresses/{address_id}", **{**ADDRESS, "city": ""})
    assert wrong.status_code == 422
    moved = {**ADDRESS, "street": "10 Ockham Park"}
    page = await browser.follow(await browser.send(f"/account/addresses/{address_id}", **moved))
    assert "10 Ockham Park" in page.text
    assert "Stands in the checkout" not in page.text
    assert "checked" not in (await browser.go(f"/account/addresses/{address_id}")).text
    assert "Ockham" not in (await browser.go("/checkout")).text

    for _ in range(2):
        gone = await browser.send(f"/account/addresses/{address_id}/remove")
        assert "No address yet." in (await browser.follow(gone)).text
    assert (await browser.go(f"/account/addresses/{address_id}")).status_code == 404


async def test_a_full_address_book_says_so(browser: Browser, db_session: AsyncSession) -> None:
    await browser.sign_up()
    user = await the_user(db_session)
    db_session.add_all(SavedAddress(user_id=user.id, **ADDRESS) for _ in range(20))
    await db_session.commit()
    assert "Your address book is full." in (await browser.go("/account/addresses")).text
    await browser.go("/account/addresses/new")
    refused = await browser.send("/account/addresses/new", **ADDRESS)
    assert (refused.status_code, "Your address book is full." in refused.text) == (422, True)
    count = select(func.count()).select_from(SavedAddress)
    assert (await db_session.scalars(count)).one() == 20


async def test_sign_ins_are_shown_and_ended(browser: Browser, db_session: AsyncSession) -> None:
    browser.client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux) Firefox/140.0"
    await browser.sign_up()
    first = dict(browser.client.cookies)
    browser.client.cookies.clear()
    await browser.go("/sign-in")
    await browser.send("/sign-in", email="ada@example.com", password=PASSWORD)
    page = await browser.go("/account/sessions")
    assert page.text.count("Firefox on Linux <span") == 1
    assert page.text.count("From 127.0.0.0/24") == 2
    assert page.text.count("(this one)") == 1

    lines = re.findall(r'<li class="account-line">.*?</li>', page.text, re.DOTALL)
    (other,) = [
        action
        for line in lines
        if "(this one)" not in line
        for action in re.findall(r'action="([^"]+)"', line)
    ]
    for _ in range(2):
        ended = await browser.follow(await browser.send(other))
        assert ended.text.count("Firefox on Linux") == 2  # in the name and in its button's
    second = dict(browser.client.cookies)
    everywhere = await browser.send("/account/sessions/end")
    assert (everywhere.status_code, everywhere.headers["Location"]) == (303, "/sign-in")
    assert await session_ids(db_session) == set()
    for cookies in (first, second):
        browser.client.cookies.update(cookies)
        assert (await browser.go("/account/sessions")).status_code == 303


async def test_an_account_is_deleted_with_its_password(
    browser: Browser, db_session: AsyncSession
) -> None:
    await browser.sign_up()
    page = await browser.go("/account/delete")
    assert "This cannot be undone." in page.text
    for password in ("not it", ""):
        refused = await browser.send("/account/delete", password=password)
        assert refused.status_code == 422
    assert (await browser.send("/account/delete/link")).status_code == 409
    gone = await browser.send("/account/delete", password=PASSWORD)
    assert (gone.status_code, "Your account is deleted" in gone.text) == (200, True)
    assert (await db_session.scalars(select(func.count()).select_from(User))).one() == 0
    assert SESSION.name(get_settings()) not in browser.client.cookies
    assert (await browser.go("/account/delete")).status_code == 303


async def test_an_account_without_a_password_is_deleted_by_a_link(
    browser: Browser, db_session: AsyncSession
) -> None:
    await browser.sign_up()
    await db_session.execute(update(User).values(password_hash=None))
    await db_session.commit()
    assert "Send a link to ada@example.com" in (await browser.go("/account/delete")).text
    sent = await browser.send("/account/delete/link")
    assert "A link is on its way" in sent.text
    await browser.go(f"/account/delete?token={TOKEN}")
    wrong = await browser.send("/account/delete")
    assert (wrong.status_code, "This link is no longer valid." in wrong.text) == (422, True)
    token = await newest_token(db_session, LinkPurpose.DELETE_ACCOUNT)
    await browser.go(f"/account/delete?token={token}")
    assert "Your account is deleted" in (await browser.send("/account/delete")).text


FORMS = sorted(
    route.path
    for router in (account_links.router, your_account.router, addresses.router)
    for route in router.routes
    if isinstance(route, APIRoute) and "POST" in (route.methods or ())
)


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_is_taken_from_elsewhere(
    browser: Browser, db_session: AsyncSession, path: str
) -> None:
    await browser.sign_up()
    address = path.format(session_id=UUID(int=1), address_id=1)
    foreign = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"})
    for headers in foreign:  # the second comes from here, without the token
        refused = await browser.client.post(address, headers=headers, data={"password": PASSWORD})
        assert refused.status_code == 403
    assert len(await session_ids(db_session)) == 1


async def test_over_https_every_cookie_is_bound_to_the_host(
    client: AsyncClient, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://test")
    get_settings.cache_clear()
    try:
        client.base_url = URL("https://test")
        browser = Browser(client)
        client.headers["Origin"] = "https://test"
        book = await make_book(db_session)
        await make_reader(db_session)
        cookies = (await browser.go("/sign-in")).headers.get_list("Set-Cookie")
        fields = {"email": "ada@example.com", "password": PASSWORD}
        change = {"current_password": PASSWORD, "password": OTHER_PASSWORD}
        for path, values in (
            ("/cart/items", {"book_id": str(book.id)}),
            ("/sign-in", fields),
            ("/account/password", change),
            ("/sign-out", {}),
        ):
            sent = await browser.send(path, **values)
            assert sent.status_code == 303
            cookies += sent.headers.get_list("Set-Cookie")
            browser.page = (await browser.client.get("/forgotten-password")).text
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    names = [cookie.partition("=")[0] for cookie in cookies]
    session, cart = "__Host-session", "__Host-cart"
    assert names == ["__Host-csrf", cart, session, "__Host-device", cart, session, session]
    for cookie in cookies:
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
