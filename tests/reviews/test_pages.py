"""Reviews on the shop's pages, with JavaScript off."""

import re
from datetime import timedelta

from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import csrf
from app.core.clock import utc_now
from app.core.config import get_settings
from app.reviews.models import Review
from app.users.deps import SESSION
from app.users.models import User
from app.users.sessions import start_session
from tests.factories import make_book, make_user
from tests.reviews.buying import buy

SCRIPT = "<script>alert(1)</script>"


async def sign_in(client: AsyncClient, session: AsyncSession, user: User) -> None:
    token = await start_session(
        session, user_id=user.id, now=utc_now(), lifetime=timedelta(hours=1)
    )
    await session.commit()
    client.cookies.set(SESSION.name(get_settings()), token)
    client.headers["Accept"] = "text/html"


def token_of(page: str) -> dict[str, str]:
    found = re.search(rf'name="{csrf.FIELD}" value="([^"]+)"', page)
    assert found is not None
    return {csrf.FIELD: found[1]}


async def test_a_buyer_writes_changes_and_deletes_a_review(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title="Emma", author="Jane Austen")
    address = f"/books/{book.id}/emma-jane-austen"
    reader = await make_user(db_session)
    await sign_in(client, db_session, reader)
    stranger = (await client.get(address)).text
    assert "Nobody has reviewed this book yet." in stranger
    assert "Your review" not in stranger
    await buy(db_session, user_id=reader.id, book_id=book.id)
    page = (await client.get(address)).text
    assert f'action="/books/{book.id}/reviews"' in page
    token = token_of(page)

    path = f"/books/{book.id}/reviews"
    faulty = await client.post(path, data=token | {"rating": "", "text": "So so"})
    assert faulty.status_code == 422
    assert "So so</textarea>" in faulty.text
    written = await client.post(path, data=token | {"rating": "4", "text": SCRIPT})
    assert (written.status_code, written.headers["location"]) == (303, f"{address}#reviews")
    shown = (await client.get(address)).text
    assert SCRIPT not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "4.0 of 5 stars, 1 review" in shown
    assert "Change your review" in shown
    again = await client.post(path, data=token | {"rating": "5"})
    assert again.status_code == 409
    review = (await db_session.scalars(select(Review))).one()

    mine = (await client.get("/account/reviews")).text
    assert "Emma" in mine
    assert SCRIPT not in mine
    own = f"/account/reviews/{review.id}"
    assert "selected>4 stars" in (await client.get(own)).text
    changed = await client.post(own, data=token | {"rating": "2", "text": ""})
    assert changed.headers["location"] == "/account/reviews"
    assert "2.0 of 5 stars, 1 review" in (await client.get(address)).text
    assert (await client.post(own, data={"rating": "1"})).status_code == 403

    for _ in range(2):
        removed = await client.post(f"{own}/remove", data=token)
        assert removed.headers["location"] == "/account/reviews"
    assert "Nobody has reviewed this book yet." in (await client.get(address)).text
    assert "You have not reviewed a book yet." in (await client.get("/account/reviews")).text


async def test_nobody_changes_anothers_review_on_pages(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    reader, other = await make_user(db_session), await make_user(db_session)
    for user in (reader, other):
        await buy(db_session, user_id=user.id, book_id=book.id)
    await sign_in(client, db_session, reader)
    token = token_of((await client.get(f"/books/{book.id}", follow_redirects=True)).text)
    await client.post(f"/books/{book.id}/reviews", data=token | {"rating": "4"})
    review = (await db_session.scalars(select(Review))).one()
    await sign_in(client, db_session, other)
    token = token_of((await client.get("/account")).text)
    own = f"/account/reviews/{review.id}"
    assert (await client.get(own)).status_code == 404
    assert (await client.post(own, data=token | {"rating": "1"})).status_code == 404
    await client.post(f"{own}/remove", data=token)
    kept = (
        await db_session.scalars(select(Review).execution_options(populate_existing=True))
    ).one()
    assert (kept.rating, kept.deleted_at) == (4, None)
