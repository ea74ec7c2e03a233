"""Copies come while readers begin to wait: nobody is forgotten, and nobody is told twice."""

import asyncio
import os
import random
from collections import Counter

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.books import stock
from app.books.events import BookRestocked
from app.jobs.models import OutboxEvent
from app.notifications.handlers import tell_that_book_is_back
from app.notifications.models import Mail
from app.prebooks.errors import BookInStockError
from app.prebooks.models import Prebook, PrebookStatus
from app.prebooks.service import add_prebook
from tests.factories import make_book, make_user

ROUNDS = int(os.environ.get("RESTOCK_ROUNDS", "200"))
READERS = 4

Sessions = async_sessionmaker[AsyncSession]


async def test_everybody_who_waits_is_told_exactly_once(live_sessions: Sessions) -> None:
    """Each reader and the delivery have a connection of their own, and start at random."""
    chance = random.Random(21)  # noqa: S311 (guards nothing)
    async with live_sessions() as session:
        users = [await make_user(session) for _ in range(READERS)]
    emails = {user.id: user.email for user in users}
    refused = told = 0
    for _ in range(ROUNDS):
        async with live_sessions() as session:
            book = await make_book(session, copies=0)

        async def wait(user_id: int, seconds: float, book_id: int = book.id) -> bool:
            await asyncio.sleep(seconds)
            async with live_sessions() as session:
                try:
                    await add_prebook(session, user_id=user_id, book_id=book_id)
                except BookInStockError:
                    return False
                await asyncio.sleep(chance.uniform(0, 0.06))
                await session.commit()
            return True

        async def restock(seconds: float, book_id: int = book.id) -> None:
            await asyncio.sleep(seconds)
            async with live_sessions() as session:
                await stock.receive(session, quantities={book_id: 1}, actor="Nora")
                await asyncio.sleep(chance.uniform(0, 0.005))
                await session.commit()
            await tell(live_sessions, book_id)

        waiting, _ = await asyncio.gather(
            asyncio.gather(*(wait(user.id, chance.uniform(0, 0.02)) for user in users)),
            restock(chance.uniform(0, 0.02)),
        )
        async with live_sessions() as session:
            rows = await session.execute(
                select(Prebook.user_id, Prebook.status).where(Prebook.book_id == book.id)
            )
            left = {row.user_id: row.status for row in rows}
            (event_id,) = await events_of(session, book.id)
            mails = Counter(
                await session.scalars(select(Mail.recipient).where(Mail.event_id == event_id))
            )
        asked = {user.id for user, accepted in zip(users, waiting, strict=True) if accepted}
        assert left == dict.fromkeys(asked, PrebookStatus.NOTIFIED)
        assert mails == Counter({emails[user_id]: 1 for user_id in asked})
        told += len(asked)
        refused += READERS - len(asked)
    assert told > ROUNDS // 2
    assert refused > ROUNDS // 2


async def events_of(session: AsyncSession, book_id: int) -> list[object]:
    statement = select(OutboxEvent.id).where(OutboxEvent.payload["book_id"].as_integer() == book_id)
    return list(await session.scalars(statement))


async def tell(sessions: Sessions, book_id: int) -> None:
    """Handle the restock's event twice at once, as two workers may."""
    async with sessions() as session:
        (event_id,) = await events_of(session, book_id)
    event = BookRestocked(book_id=book_id)
    await asyncio.gather(
        *(tell_that_book_is_back.function(event, event_id=event_id) for _ in range(2))
    )
