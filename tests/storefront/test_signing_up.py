"""Making an account by the pages, with and without telling of those that there are."""

import re

import pytest
from httpx import AsyncClient
from sqlalchemy import event, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.clock import utc_now
from app.core.config import SilentRegistration, get_settings
from app.users import passwords, sign_up
from app.users.account_models import AccountLink, LinkPurpose
from app.users.links import MAIL_LINK, MAIL_NOTICE, PAUSE
from app.users.models import User
from tests.storefront.test_pages import Browser
from tests.users.readers import (
    OTHER_PASSWORD,
    PASSWORD,
    known_hash,
    make_reader,
    newest_token,
    queued,
)

ADA = "ada@example.com"
NEW = "new@example.com"


@pytest.fixture
def browser(client: AsyncClient) -> Browser:
    return Browser(client)


async def answer_registrations(session: AsyncSession) -> None:
    """Do what the worker does about those who registered."""
    for job in await queued(session, sign_up.ANSWER.name):
        await sign_up.answer_by_mail(session, **job, now=utc_now())
    await session.commit()


async def test_a_new_reader_chooses_a_password_by_a_mailed_link(
    browser: Browser, db_session: AsyncSession
) -> None:
    assert 'name="password"' not in (await browser.go("/sign-up")).text
    page = await browser.send("/sign-up", email="New@Example.com", full_name="Ada Lovelace")
    assert page.status_code == 200
    assert sign_up.LOOK_INTO_MAIL in page.text
    assert (await db_session.scalars(select(User))).all() == [], "the worker opens it"
    await answer_registrations(db_session)
    user = (await db_session.scalars(select(User))).one()
    assert (user.email, user.full_name, user.password_hash) == (NEW, "Ada Lovelace", None)
    token = await newest_token(db_session, LinkPurpose.CHOOSE_PASSWORD)
    assert len(await queued(db_session, MAIL_LINK.name)) == 1

    await browser.go(f"/reset-password?token={token}")
    common = await browser.send("/reset-password", password="password123")
    assert "Many people use this password" in common.text
    await browser.send("/reset-password", password=PASSWORD)
    await browser.go("/sign-in")
    entered = await browser.send("/sign-in", email=NEW, password=PASSWORD)

    assert (entered.status_code, entered.headers["Location"]) == (303, "/")
    await db_session.refresh(user)
    assert user.email_verified_at is not None


async def test_the_owner_hears_that_somebody_tried(
    browser: Browser, db_session: AsyncSession
) -> None:
    ada = await make_reader(db_session)
    await browser.go("/sign-up")
    await browser.send("/sign-up", email=ADA, full_name="Eve")
    await answer_registrations(db_session)

    (notice,) = await queued(db_session, MAIL_NOTICE.name)
    assert (notice["notice"], notice["recipient"]) == ("registration_tried", ADA)
    user = (await db_session.scalars(select(User))).one()
    assert (user.id, user.full_name, user.password_hash) == (ada.id, None, known_hash())
    assert await db_session.scalar(select(func.count()).select_from(AccountLink)) == 0


async def test_who_has_lost_the_first_mail_gets_another(
    browser: Browser, db_session: AsyncSession
) -> None:
    await browser.go("/sign-up")
    form = browser.page
    await browser.send("/sign-up", email=NEW)
    await answer_registrations(db_session)
    await answer_registrations(db_session)  # jobs may run twice
    assert len(await queued(db_session, MAIL_LINK.name)) == 1
    await db_session.execute(update(AccountLink).values(created_at=utc_now() - PAUSE))
    browser.page = form
    await browser.send("/sign-up", email=NEW)
    await answer_registrations(db_session)
    assert len(await queued(db_session, MAIL_LINK.name)) == 2
    assert await queued(db_session, MAIL_NOTICE.name) == []


async def test_a_closed_account_hears_nothing(browser: Browser, db_session: AsyncSession) -> None:
    user = await make_reader(db_session)
    user = await db_session.merge(user)
    user.is_active = False
    await db_session.commit()
    await browser.go("/sign-up")
    await browser.send("/sign-up", email=ADA)
    await answer_registrations(db_session)

    assert await queued(db_session, MAIL_NOTICE.name) == []


async def test_nobody_signs_in_to_an_account_whose_mail_they_do_not_read(
    browser: Browser, db_session: AsyncSession
) -> None:
    await make_reader(db_session)
    for email in (NEW, ADA):
        await browser.go("/sign-up")
        await browser.send("/sign-up", email=email)
    answers = [
        await browser.client.post(
            "/api/v1/auth/login", json={"email": email, "password": "any words of mine"}
        )
        for email in (NEW, ADA)
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("by", ["page", "api"])
async def test_new_and_known_addresses_are_answered_alike_and_cost_the_same(
    browser: Browser,
    db_session: AsyncSession,
    test_engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    monkeypatch.setattr(get_settings(), "silent_registration", SilentRegistration.EVERYWHERE)
    await make_reader(db_session, "known1@example.com")
    await browser.go("/sign-up")
    form, answers = browser.page, []
    statements: list[list[str]] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements[-1].append(re.sub(r"(sa_savepoint)_\d+", r"\1", statement))

    event.listen(test_engine.sync_engine, "before_cursor_execute", note)
    try:
        for email in ("known1@example.com", "other1@example.com"):
            statements.append([])
            if by == "page":
                browser.page = form
                answer = await browser.send("/sign-up", email=email)
            else:
                account = {"email": email, "password": "any words of mine"}
                answer = await browser.client.post("/api/v1/auth/register", json=account)
            answers.append(answer)
    finally:
        event.remove(test_engine.sync_engine, "before_cursor_execute", note)

    assert {answer.status_code for answer in answers} == {200 if by == "page" else 202}
    assert answers[0].content == answers[1].content
    assert sign_up.LOOK_INTO_MAIL in answers[0].text
    assert "set-cookie" not in answers[0].headers
    assert answers[0].headers.keys() == answers[1].headers.keys()
    assert statements[0] == statements[1]
    assert len(statements[0]) >= 2
    assert not any("users" in statement for statement in statements[1])


async def test_who_attacks_an_account_does_not_keep_its_owner_from_a_new_password(
    browser: Browser, db_session: AsyncSession
) -> None:
    await make_reader(db_session)
    guess = {"email": ADA, "password": "any words of mine"}
    for _ in range(10):
        await browser.client.post("/api/v1/auth/login", json=guess)
    now = utc_now()
    await passwords.send_reset_link(db_session, email=ADA, now=now)
    token = await newest_token(db_session, LinkPurpose.RESET_PASSWORD)
    await browser.go("/sign-in")
    right = await browser.send("/sign-in", email=ADA, password=PASSWORD)
    assert right.status_code == 429

    await browser.go(f"/reset-password?token={token}")
    done = await browser.send("/reset-password", password=OTHER_PASSWORD)
    assert "Your password is set" in done.text
    await browser.go("/sign-in")
    entered = await browser.send("/sign-in", email=ADA, password=OTHER_PASSWORD)

    assert entered.status_code == 303


async def test_a_program_that_set_a_new_password_is_known_too(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await make_reader(db_session)
    for _ in range(10):
        await client.post("/api/v1/auth/login", json={"email": ADA, "password": "any words"})
    await passwords.send_reset_link(db_session, email=ADA, now=utc_now())
    token = await newest_token(db_session, LinkPurpose.RESET_PASSWORD)

    reset = {"token": token, "password": OTHER_PASSWORD}
    done = await client.post("/api/v1/auth/password/reset", json=reset)
    entered = await client.post(
        "/api/v1/auth/login", json={"email": ADA, "password": OTHER_PASSWORD}
    )

    assert (done.status_code, entered.status_code) == (204, 200)


@pytest.mark.parametrize("email", [ADA, NEW])
async def test_links_for_forgotten_passwords_are_limited_for_every_address(
    browser: Browser, db_session: AsyncSession, email: str
) -> None:
    await make_reader(db_session)
    asked = [
        await browser.client.post("/api/v1/auth/password/forgot", json={"email": email})
        for _ in range(6)
    ]
    assert [answer.status_code for answer in asked] == [202] * 5 + [429]
    assert asked[-1].json()["code"] == "AUTH_TOO_MANY_ATTEMPTS"
    assert len(await queued(db_session, passwords.FORGOTTEN.name)) == 5


async def test_sending_the_form_again_and_again_is_refused(browser: Browser) -> None:
    await browser.go("/sign-up")
    form = browser.page
    for _ in range(5):
        browser.page = form
        assert (await browser.send("/sign-up", email=NEW)).status_code == 200
    browser.page = form

    refused = await browser.send("/sign-up", email=NEW)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    assert "Too many attempts. Please try again in an hour." in refused.text


async def test_a_shop_may_tell_and_sign_in_at_once(
    browser: Browser, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "silent_registration", SilentRegistration.NOWHERE)
    await make_reader(db_session)
    assert 'name="password"' in (await browser.go("/sign-up?next=/orders")).text
    form = browser.page
    refused = await browser.send("/sign-up", email=ADA, password=PASSWORD)
    assert refused.status_code == 422
    assert "An account with this e-mail exists already." in refused.text
    browser.page = form
    short = await browser.send("/sign-up", email="not an address", password="short")
    assert re.search(r'name="email"[^>]*aria-invalid="true"', short.text)
    assert "Please enter at least 8 characters." in short.text
    browser.page = form
    for _ in range(4):
        refused = await browser.send("/sign-up", email=ADA, password=PASSWORD)
        browser.page = form
    assert refused.status_code == 422
    assert (await browser.send("/sign-up", email=ADA, password=PASSWORD)).status_code == 429
    browser.page = form

    entered = await browser.send("/sign-up", email=NEW, password=PASSWORD)

    assert (entered.status_code, entered.headers["Location"]) == (303, "/orders")
    assert (await browser.go("/orders")).status_code == 200


async def test_a_form_without_an_address_is_shown_again(browser: Browser) -> None:
    await browser.go("/sign-up")
    again = await browser.send("/sign-up", email="not an address")
    assert again.status_code == 422
    assert re.search(r'name="email"[^>]*aria-invalid="true"', again.text)
