"""Telling a reader of a sign-in from where nobody signed in before."""

from datetime import UTC, datetime, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.users.links import MAIL_NOTICE
from app.users.models import TokenFamily, User
from tests.users.readers import PASSWORD, make_reader, queued

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537"


async def sign_in(client: AsyncClient, agent: str) -> None:
    answer = await client.post(
        "/api/v1/auth/login",
        json={"email": "ada@example.com", "password": PASSWORD},
        headers={"User-Agent": agent},
    )
    assert answer.status_code == 200, answer.text


async def told(session: AsyncSession) -> list[str]:
    """Return the devices that the reader was told of."""
    jobs = await queued(session, MAIL_NOTICE.name)
    return [job["about"] for job in jobs if job["notice"] == "new_device"]


@pytest.fixture
async def settled(client: AsyncClient, db_session: AsyncSession) -> AsyncClient:
    """A client of a shop where Ada has an account for a week."""
    await make_reader(db_session)
    week_ago = datetime.now(UTC) - timedelta(days=7)
    await db_session.execute(update(User).values(created_at=week_ago))
    await db_session.commit()
    return client


async def test_a_sign_in_from_elsewhere_is_told_once(
    settled: AsyncClient, db_session: AsyncSession
) -> None:
    await sign_in(settled, FIREFOX)
    (first,) = await told(db_session)
    assert first.startswith("Firefox on Linux, ")
    settled.cookies.clear()
    await sign_in(settled, FIREFOX)
    assert await told(db_session) == [first], "it is signed in from there already"
    settled.cookies.clear()
    await sign_in(settled, CHROME)
    assert [about.partition(",")[0] for about in await told(db_session)] == [
        "Firefox on Linux",
        "Chrome on Windows",
    ]


async def test_a_browser_that_is_known_is_no_news(
    settled: AsyncClient, db_session: AsyncSession
) -> None:
    await sign_in(settled, FIREFOX)
    await db_session.execute(delete(TokenFamily))
    await db_session.commit()
    await sign_in(settled, FIREFOX)
    assert len(await told(db_session)) == 1, "it kept the cookie"


async def test_where_a_thief_was_thrown_out_is_not_home(
    settled: AsyncClient, db_session: AsyncSession
) -> None:
    await sign_in(settled, FIREFOX)
    await db_session.execute(update(TokenFamily).values(revoked_at=datetime.now(UTC)))
    await db_session.commit()
    settled.cookies.clear()
    await sign_in(settled, FIREFOX)
    assert len(await told(db_session)) == 2


async def test_in_an_accounts_first_days_nothing_is_a_surprise(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await make_reader(db_session)
    await sign_in(client, FIREFOX)
    assert await told(db_session) == []
