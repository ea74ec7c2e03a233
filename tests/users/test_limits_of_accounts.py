"""Limits in front of what readers do with their accounts, over API and pages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.core.security import hash_token
from app.users import devices
from app.users.account_models import AccountLink, EmailChange, LinkPurpose
from app.users.callers import DEVICE
from app.users.models import User
from app.users.passwords import FORGOTTEN
from tests.factories import bearer
from tests.storefront.test_pages import Browser
from tests.users.readers import OTHER_PASSWORD, PASSWORD, fresh, make_reader, queued

FORGOT = "/api/v1/auth/password/forgot"
LIMITED = (429, "AUTH_TOO_MANY_ATTEMPTS")
HOUR = range(3595, 3601)
QUARTER = range(895, 901)
"""How many seconds there are to wait, a few having gone by."""


def refusal(response: Response, seconds: range) -> tuple[int, str]:
    assert int(response.headers["Retry-After"]) in seconds
    return response.status_code, response.json()["code"]


async def count(session: AsyncSession, model: type) -> int:
    return (await session.scalars(select(func.count()).select_from(model))).one()


async def test_links_for_forgotten_passwords_are_limited_the_same_without_an_account(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await make_reader(db_session)
    known, unknown = "ada@example.com", "nobody@example.com"
    for email in (known, unknown):
        for _ in range(5):
            assert (await client.post(FORGOT, json={"email": email})).status_code == 202

    answers = [await client.post(FORGOT, json={"email": email}) for email in (known, unknown)]

    assert [refusal(answer, HOUR) for answer in answers] == [LIMITED, LIMITED]
    assert answers[0].content == answers[1].content
    assert len(await queued(db_session, FORGOTTEN.name)) == 10
    other = await client.post(FORGOT, json={"email": "bob@example.com"})
    assert other.status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "field", "rest"),
    [
        ("PUT", "/api/v1/account/password", "current_password", {"password": OTHER_PASSWORD}),
        ("POST", "/api/v1/account/deletion", "password", {}),
    ],
)
async def test_who_took_a_session_over_cannot_guess_the_password(
    client: AsyncClient,
    db_session: AsyncSession,
    method: str,
    path: str,
    field: str,
    rest: dict[str, Any],
) -> None:
    user = await make_reader(db_session)
    headers = bearer(user)
    password_hash = (await fresh(db_session, user)).password_hash
    for _ in range(10):
        wrong = await client.request(
            method, path, json=rest | {field: "a wrong one"}, headers=headers
        )
        assert (wrong.status_code, wrong.json()["code"]) == (403, "ACCOUNT_PASSWORD_WRONG")

    right = await client.request(method, path, json=rest | {field: PASSWORD}, headers=headers)

    assert refusal(right, QUARTER) == LIMITED
    assert (await fresh(db_session, user)).password_hash == password_hash
    signed_in = await client.post(
        "/api/v1/auth/login", json={"email": user.email, "password": PASSWORD}
    )
    assert signed_in.status_code == 200, "the owner gets in all the same"


async def test_right_passwords_do_not_count(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_reader(db_session))
    for present, new in [(PASSWORD, OTHER_PASSWORD), (OTHER_PASSWORD, PASSWORD)] * 6:
        changed = await client.put(
            "/api/v1/account/password",
            json={"current_password": present, "password": new},
            headers=headers,
        )
        assert changed.status_code == 200


async def test_an_account_can_have_few_mails_sent(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    headers = bearer(user)
    for _ in range(5):
        asked = await client.post("/api/v1/account/verification", headers=headers)
        assert asked.status_code == 202
    links = await count(db_session, AccountLink)

    again = await client.post("/api/v1/account/verification", headers=headers)
    change = await client.post(
        "/api/v1/account/email",
        json={"new_email": "victim@example.com", "password": PASSWORD},
        headers=headers,
    )
    await db_session.execute(update(User).values(password_hash=None))
    await db_session.commit()
    deletion = await client.post("/api/v1/account/deletion/link", headers=headers)

    for answer in (again, change, deletion):
        assert refusal(answer, HOUR) == LIMITED
    assert await count(db_session, AccountLink) == links
    assert await count(db_session, EmailChange) == 0


async def test_the_pages_say_when_to_try_again(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    browser = Browser(client)
    await browser.sign_up()
    await browser.go("/forgotten-password")
    for _ in range(5):
        page = await browser.client.post("/forgotten-password", data=form(browser, email="a@b.org"))
        assert page.status_code == 200
    pages = {"/forgotten-password": form(browser, email="a@b.org")}
    await browser.go("/account/delete")
    for _ in range(10):
        sent = await browser.client.post("/account/delete", data=form(browser, password="wrong"))
        assert sent.status_code == 422
    pages["/account/delete"] = form(browser, password="wrong")
    passwords = {"current_password": "wrong", "password": OTHER_PASSWORD}
    pages["/account/password"] = form(browser, **passwords)
    for _ in range(5):
        await browser.client.post("/account/verification", data=form(browser))
    pages["/account/verification"] = form(browser)
    pages["/account/email"] = form(browser, new_email="victim@example.com", password="wrong")

    for path, data in pages.items():
        refused = await client.post(path, data=data, headers={"Accept": "text/html"})
        assert refused.status_code == 429, path
        assert int(refused.headers["Retry-After"]) > 800, path
        assert "Too many attempts. Please try again in" in refused.text, path
    assert await count(db_session, EmailChange) == 0

    await db_session.execute(update(User).values(password_hash=None))
    await db_session.commit()
    link = await client.post("/account/delete/link", data=form(browser))
    assert (link.status_code, "Retry-After" in link.headers) == (429, True)


async def test_who_sets_a_new_password_by_a_link_has_attempts_of_their_own(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    browser = Browser(client)
    name = DEVICE.name(get_settings())

    for number, path in enumerate(("/api/v1/auth/password/reset", "/reset-password")):
        client.cookies.clear()
        token = f"{number}" * 43
        db_session.add(
            AccountLink(
                id=uuid4(),
                token_hash=hash_token(token),
                user_id=user.id,
                purpose=LinkPurpose.RESET_PASSWORD,
                email=user.email,
                expires_at=datetime.now(UTC) + timedelta(minutes=5),
            )
        )
        await db_session.commit()
        values = {"token": token, "password": OTHER_PASSWORD}
        if number:
            await browser.go(path)
            answer = await client.post(path, data=form(browser, **values))
        else:
            answer = await client.post(path, json=values)
        assert answer.is_success, path
        assert devices.recognise(client.cookies[name], email=user.email, settings=get_settings())


def form(browser: Browser, **fields: str) -> dict[str, str]:
    """Return fields with the token of the page that the browser shows."""
    return fields | {"csrf_token": browser.page.partition('csrf_token" value="')[2].split('"')[0]}
