"""Prices that begin and end on a day of the shop's zone."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.jobs import reprice_books_of_the_day
from app.books.models import Book, Price
from app.books.repricing import reprice_books
from app.core.config import Settings, get_settings
from app.core.market import Market, shop_market
from app.db.session import session_scope
from tests.factories import make_book

BEFORE, DAY, AFTER = date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 2)


async def make_priced(
    session: AsyncSession,
    *prices: tuple[str, date | None, date | None],
    price: str | None = "10.00",
    feed_price: str | None = "10.00",
    priced_on: date | None = BEFORE,
    **facts: Any,
) -> int:
    """Make a book to which a feed gave a price, and the prices that the feed told."""
    book = await make_book(session)
    values = {"price": price, "feed_price": feed_price, "priced_on": priced_on} | facts
    await session.execute(update(Book).where(Book.id == book.id).values(**values))
    session.add_all(
        Price(
            book_id=book.id,
            type_code="02",
            amount=Decimal(amount),
            currency="USD",
            valid_from=first,
            valid_until=last,
        )
        for amount, first, last in prices
    )
    await session.commit()
    return book.id


async def reprice(session: AsyncSession, day: date) -> int:
    market = Market(country="US", today=day)
    return await reprice_books(session, market=market, currency="USD", limit=10)


async def read(session: AsyncSession) -> list[tuple[Any, ...]]:
    rows = await session.execute(select(Book.price, Book.priced_on).order_by(Book.id))
    return [(price if price is None else str(price), day) for price, day in rows]


@pytest.mark.parametrize(
    ("prices", "price"),
    [
        ([("10.00", None, BEFORE), ("12.50", DAY, None)], "12.50"),
        ([("10.00", None, None), ("7.99", DAY, AFTER)], "7.99"),
        ([("10.00", BEFORE, BEFORE), ("11.00", None, None)], "11.00"),
        ([("10.00", None, BEFORE)], "10.00"),
        ([("10.00", None, BEFORE), ("12.50", AFTER, None)], "10.00"),
        ([("10.00", None, BEFORE), ("0.004", DAY, None)], "10.00"),
        ([("10.00", None, BEFORE), ("100000000", DAY, None)], "10.00"),
        ([("10.00", None, BEFORE), ("0.00", DAY, None)], "10.00"),
    ],
)
async def test_a_price_begins_and_ends_on_its_day(
    db_session: AsyncSession, prices: list[tuple[str, date | None, date | None]], price: str
) -> None:
    await make_priced(db_session, *prices)
    assert await reprice(db_session, BEFORE) == 0
    assert await read(db_session) == [("10.00", BEFORE)]
    assert await reprice(db_session, DAY) == 1
    assert await read(db_session) == [(price, DAY)]
    assert await reprice(db_session, DAY) == 0


async def test_a_book_without_a_price_gets_one_on_its_day(db_session: AsyncSession) -> None:
    await make_priced(db_session, ("12.50", DAY, None), price=None, feed_price=None)
    assert await reprice(db_session, AFTER) == 1  # a day that passed without a run is made up for
    assert await read(db_session) == [("12.50", AFTER)]


@pytest.mark.parametrize(
    "facts",
    [
        {"price": "9.00"},
        {"price": "9.00", "feed_price": None},
        {"priced_on": None},
        {"priced_on": DAY},
        {"currency": "EUR"},
    ],
)
async def test_a_price_that_was_set_in_the_shop_stays(
    db_session: AsyncSession, facts: dict[str, Any]
) -> None:
    await make_priced(db_session, ("10.00", None, BEFORE), ("12.50", DAY, None), **facts)
    before = await read(db_session)
    assert await reprice(db_session, DAY) == 0
    assert await read(db_session) == before


async def test_a_price_of_another_country_does_not_begin_here(db_session: AsyncSession) -> None:
    book_id = await make_priced(db_session, ("10.00", None, None))
    db_session.add(
        Price(
            book_id=book_id,
            type_code="02",
            amount=Decimal("5.00"),
            currency="USD",
            countries=["CA"],
            valid_from=DAY,
        )
    )
    await db_session.commit()
    assert await reprice(db_session, DAY) == 1
    assert await read(db_session) == [("10.00", DAY)]


@pytest.mark.parametrize(
    ("zone", "last_moment", "first_moment"),
    [
        ("UTC", "2026-06-30T23:59:59", "2026-07-01T00:00:00"),
        ("Pacific/Auckland", "2026-06-30T11:59:59", "2026-06-30T12:00:00"),
        ("America/Los_Angeles", "2026-07-01T06:59:59", "2026-07-01T07:00:00"),
        ("Asia/Kathmandu", "2026-06-30T18:14:59", "2026-06-30T18:15:00"),
    ],
)
async def test_midnight_is_the_shops(
    db_session: AsyncSession, zone: str, last_moment: str, first_moment: str
) -> None:
    await make_priced(db_session, ("10.00", None, BEFORE), ("12.50", DAY, None))
    settings = Settings(time_zone=zone)
    outcomes = []
    for moment in (last_moment, first_moment):
        now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        market = shop_market(now=now, settings=settings)
        outcomes.append(await reprice_books(db_session, market=market, currency="USD", limit=10))
    assert outcomes == [0, 1]
    assert await read(db_session) == [("12.50", DAY)]


async def test_two_workers_share_the_books(committed: AsyncSession) -> None:
    for _ in range(6):
        await make_priced(committed, ("10.00", None, BEFORE), ("12.50", DAY, None))
    own = await make_priced(committed, ("12.50", DAY, None), price="9.00")

    async def work() -> int:
        done = 0
        for _ in range(4):
            async with session_scope() as session:
                market = Market(country="US", today=DAY)
                done += await reprice_books(session, market=market, currency="USD", limit=2)
        return done

    assert sum(await asyncio.gather(work(), work())) == 6
    assert await read(committed) == [("12.50", DAY)] * 6 + [("9.00", BEFORE)]
    assert (await committed.get_one(Book, own)).price == Decimal("9.00")


async def test_the_job_looks_at_today(committed: AsyncSession) -> None:
    today = shop_market(now=datetime.now(UTC), settings=get_settings()).today
    await make_priced(committed, ("12.50", date(2026, 1, 2), None), priced_on=date(2026, 1, 1))
    await reprice_books_of_the_day.function()
    await reprice_books_of_the_day.function()
    rows = await read(committed)
    assert rows[0][0] == "12.50"
    assert rows[0][1] >= today
