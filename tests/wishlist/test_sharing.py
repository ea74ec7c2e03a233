"""Wish lists that are shared by a link, and the link withdrawn."""

import asyncio

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import get_settings
from app.wishlist import sharing
from tests.factories import bearer, make_book, make_user

WISHLIST = "/api/v1/wishlist"
SHARE = f"{WISHLIST}/share"


def where(share: dict[str, str]) -> str:
    """Return the list's address in the API, of what sharing was answered."""
    return f"{WISHLIST}/shared?token={share['url'].rpartition('=')[2]}"


async def test_whoever_has_the_link_sees_the_books_and_nothing_of_the_reader(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    ada = bearer(await make_user(db_session, email="ada@example.com"))
    emma = await make_book(db_session, title="Emma")
    await client.post(WISHLIST, json={"book_id": emma.id}, headers=ada)
    assert (await client.get(SHARE, headers=ada)).json()["code"] == "WISHLIST_NOT_SHARED"
    made = await client.post(SHARE, headers=ada)
    again = await client.post(SHARE, headers=ada)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json() == (await client.get(SHARE, headers=ada)).json()
    seen = await client.get(where(made.json()))
    assert [wish["book"]["title"] for wish in seen.json()] == ["Emma"]
    assert "ada" not in seen.text
    assert seen.headers["X-Robots-Tag"] == "noindex"
    page = await client.get(made.json()["url"].removeprefix(get_settings().public_url))
    assert "Emma" in page.text
    assert "ada@" not in page.text
    assert page.headers["Referrer-Policy"] == "strict-origin"


async def test_a_withdrawn_link_leads_nowhere_and_the_next_is_another(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    ada = bearer(await make_user(db_session))
    first = (await client.post(SHARE, headers=ada)).json()
    for _ in range(2):
        assert (await client.delete(SHARE, headers=ada)).status_code == 204
    gone = await client.get(where(first))
    assert (gone.status_code, gone.json()["code"]) == (404, "WISHLIST_NOT_SHARED")
    page = await client.get(first["url"].removeprefix(get_settings().public_url))
    assert page.status_code == 404
    second = (await client.post(SHARE, headers=ada)).json()
    assert second["url"] != first["url"]
    assert (await client.get(where(second))).status_code == 200
    assert (await client.get(where(first))).status_code == 404


async def test_links_cannot_be_made_up_and_are_in_no_row(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    ada = bearer(await make_user(db_session))
    url = (await client.post(SHARE, headers=ada)).json()["url"]
    token = url.rpartition("=")[2]
    (row,) = await db_session.scalars(text("SELECT s::text FROM wishlist_shares s"))
    assert token not in row
    for forged in ("", token[:-1], token[::-1], "x" * 200):
        answer = await client.get(f"{WISHLIST}/shared", params={"token": forged})
        assert (answer.status_code, answer.json()["code"]) == (404, "WISHLIST_NOT_SHARED")


async def test_who_shares_twice_at_once_has_one_link(
    live_sessions: async_sessionmaker[AsyncSession],
) -> None:
    async with live_sessions() as session:
        ada = await make_user(session)

    async def share() -> str:
        async with live_sessions() as session:
            made, _ = await sharing.share(session, user_id=ada.id, settings=get_settings())
            await session.commit()
            return made.url

    assert len(set(await asyncio.gather(*(share() for _ in range(8))))) == 1
