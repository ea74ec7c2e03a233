import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.books import stock
from app.books.errors import BookNotFoundError, InsufficientStockError, NotReservedError
from app.books.models import Stock
from app.books.service import delete_book
from app.jobs.models import OutboxEvent
from tests.factories import empty_every_table, make_book

UNKNOWN = 2**31 - 1
ORDER = 1
STAFF = "ann@example.com"
BUYERS = 12
ROUNDS = 10


async def counts(session: AsyncSession, book_id: int) -> tuple[int, int, int, int]:
    """On hand, reserved, sold and received."""
    statement = select(Stock.on_hand, Stock.reserved, Stock.sold, Stock.received)
    return (await session.execute(statement.where(Stock.book_id == book_id))).one()


async def restocked_books(session: AsyncSession) -> list[int]:
    events = await session.scalars(select(OutboxEvent).where(OutboxEvent.name == "BookRestocked"))
    return [event.payload["book_id"] for event in events]


async def test_copies_go_from_the_shelf_to_the_buyer(db_session: AsyncSession) -> None:
    one, other = await make_book(db_session, copies=5), await make_book(db_session, copies=2)
    await stock.reserve(db_session, quantities={other.id: 2, one.id: 3}, order_id=ORDER)
    assert await counts(db_session, one.id) == (2, 3, 0, 5)
    assert await counts(db_session, other.id) == (0, 2, 0, 2)
    await stock.sell(db_session, quantities={one.id: 2}, order_id=ORDER)
    await stock.release(db_session, quantities={one.id: 1, other.id: 2}, order_id=ORDER)
    assert await counts(db_session, one.id) == (3, 0, 2, 5)
    assert await counts(db_session, other.id) == (2, 0, 0, 2)


async def test_a_refusal_names_every_short_book(db_session: AsyncSession) -> None:
    plenty = await make_book(db_session, copies=5)
    short = await make_book(db_session, copies=1)
    none = await make_book(db_session, copies=0)
    ids = [plenty.id, short.id, none.id]
    quantities = {none.id: 1, UNKNOWN: 7, short.id: 2, plenty.id: 5}
    with pytest.raises(InsufficientStockError) as refusal:
        await stock.reserve(db_session, quantities=quantities, order_id=ORDER)
    await db_session.rollback()
    assert refusal.value.extra["items"] == [
        {"book_id": short.id, "requested": 2, "available": 1},
        {"book_id": none.id, "requested": 1, "available": 0},
        {"book_id": UNKNOWN, "requested": 7, "available": 0},
    ]
    assert [await counts(db_session, book_id) for book_id in ids] == [
        (5, 0, 0, 5),
        (1, 0, 0, 1),
        (0, 0, 0, 0),
    ]


async def test_what_is_not_reserved_is_neither_sold_nor_released(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=5)
    await stock.reserve(db_session, quantities={book.id: 1}, order_id=ORDER)
    with pytest.raises(NotReservedError):
        await stock.sell(db_session, quantities={book.id: 2}, order_id=ORDER)
    with pytest.raises(NotReservedError):
        await stock.release(db_session, quantities={book.id: 2}, order_id=ORDER)
    assert await counts(db_session, book.id) == (4, 1, 0, 5)


async def test_staff_count_leaves_reserved_and_sold_copies(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=5)
    await stock.reserve(db_session, quantities={book.id: 3}, order_id=ORDER)
    await stock.sell(db_session, quantities={book.id: 1}, order_id=ORDER)
    await stock.set_on_hand(db_session, book_id=book.id, quantity=10, actor=STAFF)
    assert await counts(db_session, book.id) == (10, 2, 1, 13)
    await stock.set_on_hand(db_session, book_id=book.id, quantity=0, actor=STAFF)
    assert await counts(db_session, book.id) == (0, 2, 1, 3)
    await db_session.execute(update(Stock).values(returned=1, on_hand=1))
    await stock.set_on_hand(db_session, book_id=book.id, quantity=3, actor=STAFF)
    assert await counts(db_session, book.id) == (3, 2, 1, 5)
    assert await restocked_books(db_session) == []


@pytest.mark.parametrize(("before", "after", "told"), [(0, 3, 1), (0, 0, 0), (1, 3, 0), (3, 0, 0)])
async def test_only_the_first_copies_are_news(
    db_session: AsyncSession, before: int, after: int, told: int
) -> None:
    book = await make_book(db_session, copies=before)
    await stock.set_on_hand(db_session, book_id=book.id, quantity=after, actor=STAFF)
    assert await restocked_books(db_session) == [book.id] * told
    assert await counts(db_session, book.id) == (after, 0, 0, after)


async def test_a_book_that_is_not_sold_has_no_stock(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=0)
    await delete_book(db_session, book_id=book.id, now=datetime.now(UTC))
    for book_id in (book.id, UNKNOWN):
        with pytest.raises(BookNotFoundError):
            await stock.set_on_hand(db_session, book_id=book_id, quantity=1, actor=STAFF)
    assert await counts(db_session, book.id) == (0, 0, 0, 0)
    assert await restocked_books(db_session) == []


@pytest_asyncio.fixture
async def sessions(test_engine: AsyncEngine) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    """Sessions with connections of their own; what they write is removed afterwards."""
    factory = async_sessionmaker(test_engine, expire_on_commit=False)
    yield factory
    await empty_every_table(test_engine)


@pytest.mark.parametrize("copies", [1, 5, 11])
async def test_the_last_copies_are_reserved_once(
    sessions: async_sessionmaker[AsyncSession], copies: int
) -> None:
    async with sessions() as session:
        books = [await make_book(session, copies=copies) for _ in range(2)]
    ids = [book.id for book in books]

    async def buy(buyer: int) -> str:
        wanted = ids if buyer % 2 else ids[::-1]
        try:
            async with sessions.begin() as session:
                await stock.reserve(session, quantities=dict.fromkeys(wanted, 1), order_id=ORDER)
        except InsufficientStockError:
            return "refused"
        return "reserved"

    async def put_back() -> None:
        async with sessions.begin() as session:
            await stock.release(session, quantities=dict.fromkeys(ids, copies), order_id=ORDER)

    for _ in range(ROUNDS):
        outcome = Counter(await asyncio.gather(*map(buy, range(BUYERS))))
        assert outcome == {"reserved": copies, "refused": BUYERS - copies}
        async with sessions() as session:
            expected = (0, copies, 0, copies)
            assert [await counts(session, book_id) for book_id in ids] == [expected, expected]
        await put_back()


async def test_of_many_who_restock_at_once_one_brings_news(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    async with sessions() as session:
        book = await make_book(session, copies=0)

    async def restock(quantity: int) -> None:
        async with sessions.begin() as session:
            await stock.set_on_hand(session, book_id=book.id, quantity=quantity, actor=STAFF)

    await asyncio.gather(*(restock(quantity) for quantity in range(1, BUYERS)))
    async with sessions() as session:
        assert await restocked_books(session) == [book.id]
        on_hand, reserved, sold, received = await counts(session, book.id)
        assert (reserved, sold, received) == (0, 0, on_hand)
