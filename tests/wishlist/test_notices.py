"""What readers hear of the books on their wish lists, if they want to."""

import asyncio
from decimal import Decimal

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.books.events import BookRestocked
from app.books.models import Book
from app.jobs.outbox import publish
from app.notifications.handlers import tell_that_book_is_back
from app.notifications.jobs import tell_of_price_drops
from app.notifications.models import Mail
from app.prebooks.models import Prebook
from app.wishlist.models import WishlistItem
from tests.factories import bearer, make_book, make_user, withdraw_book

WISHLIST = "/api/v1/wishlist"


async def test_asking_and_taking_it_back(client: AsyncClient, db_session: AsyncSession) -> None:
    ada = bearer(await make_user(db_session))
    book = await make_book(db_session, price="10.00")
    path = f"{WISHLIST}/{book.id}"
    missing = await client.patch(path, json={}, headers=ada)
    assert (missing.status_code, missing.json()["code"]) == (404, "WISHLIST_ITEM_NOT_FOUND")
    await client.post(WISHLIST, json={"book_id": book.id}, headers=ada)
    both = {"notify_back_in_stock": True, "notify_price_drop": True}
    changed = (await client.patch(path, json=both, headers=ada)).json()
    assert (changed["notify_back_in_stock"], changed["notify_price_drop"]) == (True, True)
    one = await client.patch(path, json={"notify_price_drop": False}, headers=ada)
    assert (one.json()["notify_back_in_stock"], one.json()["notify_price_drop"]) == (True, False)
    same = await client.patch(path, json={}, headers=ada)
    assert same.json() == one.json()
    stranger = bearer(await make_user(db_session))
    assert (await client.patch(path, json=both, headers=stranger)).status_code == 404


async def wish(session: AsyncSession, book: Book, **notices: object) -> str:
    """Let somebody wish for a book; return their address."""
    user = await make_user(session)
    session.add(WishlistItem(user_id=user.id, book_id=book.id, **notices))
    await session.commit()
    return user.email


async def mails(session: AsyncSession) -> list[tuple[str, str]]:
    found = await session.execute(select(Mail.recipient, Mail.subject).order_by(Mail.id))
    return [(recipient, subject) for recipient, subject in found]


async def test_who_waits_and_wishes_is_told_once_of_copies(committed: AsyncSession) -> None:
    book = await make_book(committed, title="Emma", copies=1)
    asked = await wish(committed, book, notify_back_in_stock=True)
    await wish(committed, book)
    both = await make_user(committed)
    committed.add(WishlistItem(user_id=both.id, book_id=book.id, notify_back_in_stock=True))
    committed.add(Prebook(user_id=both.id, book_id=book.id))
    event = BookRestocked(book_id=book.id)
    event_id = await publish(committed, event)
    await committed.commit()
    for _ in range(2):
        await tell_that_book_is_back.function(event, event_id=event_id)
    assert sorted(recipient for recipient, _ in await mails(committed)) == sorted(
        [asked, both.email]
    )


async def reprice(session: AsyncSession, book: Book, price: str) -> list[tuple[str, str]]:
    """Change the price, let the schedule run twice, and return every mail so far."""
    await session.execute(update(Book).where(Book.id == book.id).values(price=Decimal(price)))
    await session.commit()
    for _ in range(2):
        await tell_of_price_drops.function()
    return await mails(session)


async def test_lower_prices_are_told_once_each(committed: AsyncSession) -> None:
    book = await make_book(committed, title="Emma", price="10.00")
    asked = await wish(committed, book, price_seen=Decimal("10.00"))
    await wish(committed, book)
    assert await reprice(committed, book, "10.00") == []
    assert await reprice(committed, book, "12.00") == []
    first = await reprice(committed, book, "8.00")
    assert first == [(asked, "Emma costs less now · Bookstore")]
    assert await reprice(committed, book, "9.00") == first
    assert await reprice(committed, book, "8.00") == first, "it fell to what was told before"
    assert len(await reprice(committed, book, "7.99")) == 2
    text = await committed.scalar(select(Mail.body_text).order_by(Mail.id.desc()).limit(1))
    assert text is not None
    assert "$7.99 instead of $8.00" in text


async def test_nobody_hears_of_what_is_not_sold(committed: AsyncSession) -> None:
    book = await make_book(committed, price="10.00")
    await wish(committed, book, price_seen=Decimal("10.00"))
    await withdraw_book(committed, book)
    assert await reprice(committed, book, "1.00") == []


async def test_several_workers_tell_once(
    live_sessions: async_sessionmaker[AsyncSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.notifications.jobs.BATCH", 3)
    async with live_sessions() as session:
        book = await make_book(session, price="10.00")
        asked = [await wish(session, book, price_seen=Decimal("11.00")) for _ in range(10)]
    await asyncio.gather(*(tell_of_price_drops.function() for _ in range(4)))
    async with live_sessions() as session:
        assert sorted(recipient for recipient, _ in await mails(session)) == sorted(asked)
