"""Every movement of copies is written down, and the sums of a book are its stock."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.books.errors import BookNotFoundError, MissingCopiesError, NotReservedError, NotSoldError
from app.books.models import MovementKind, StockMovement
from app.core.exceptions import AppError
from app.jobs.models import OutboxEvent
from tests.factories import make_book

UNKNOWN = 2**31 - 1
STAFF = "ann@example.com"


async def movements(session: AsyncSession, book_id: int) -> list[tuple[Any, ...]]:
    """Kind, copies, order, who and why, the oldest first."""
    statement = (
        select(
            StockMovement.kind,
            StockMovement.copies,
            StockMovement.order_id,
            StockMovement.actor,
            StockMovement.reason,
            StockMovement.reference,
        )
        .where(StockMovement.book_id == book_id)
        .order_by(StockMovement.id)
    )
    return [tuple(row) for row in (await session.execute(statement)).all()]


async def restocked(session: AsyncSession) -> list[int]:
    events = await session.scalars(select(OutboxEvent).where(OutboxEvent.name == "BookRestocked"))
    return [event.payload["book_id"] for event in events]


async def test_a_copy_leaves_a_trace_from_the_delivery_to_its_return(
    db_session: AsyncSession,
) -> None:
    book = await make_book(db_session, copies=0)
    one = {book.id: 1}
    await stock.receive(
        db_session, quantities={book.id: 3}, actor=STAFF, reason="Reprint", reference="Note 7"
    )
    await stock.reserve(db_session, quantities={book.id: 2}, order_id=5)
    await stock.release(db_session, quantities=one, order_id=5)
    await stock.sell(db_session, quantities=one, order_id=5)
    await stock.take_back(db_session, quantities=one, order_id=5, actor=STAFF, reason="Torn")
    await stock.correct(db_session, book_id=book.id, by=-1, actor=STAFF, reason="Torn")
    await stock.set_on_hand(db_session, book_id=book.id, quantity=2, actor=STAFF)
    await stock.set_on_hand(db_session, book_id=book.id, quantity=6, actor=STAFF)
    assert await movements(db_session, book.id) == [
        (MovementKind.RECEIVED, 3, None, STAFF, "Reprint", "Note 7"),
        (MovementKind.RESERVED, 2, 5, None, None, None),
        (MovementKind.RELEASED, 1, 5, None, None, None),
        (MovementKind.SOLD, 1, 5, None, None, None),
        (MovementKind.RETURNED, 1, 5, STAFF, "Torn", None),
        (MovementKind.CORRECTED, -1, None, STAFF, "Torn", None),
        (MovementKind.CORRECTED, 4, None, STAFF, "counted", None),
    ]
    assert await stock.find_unexplained(db_session) == []


async def test_no_more_is_lost_than_there_was(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=2)
    with pytest.raises(MissingCopiesError) as refusal:
        await stock.correct(db_session, book_id=book.id, by=-3, actor=STAFF, reason="Stolen")
    assert refusal.value.extra == {"available": 2}
    for call in (
        stock.correct(db_session, book_id=UNKNOWN, by=1, actor=STAFF, reason="Found"),
        stock.receive(db_session, quantities={UNKNOWN: 1}, actor=STAFF),
    ):
        with pytest.raises(BookNotFoundError):
            await call
    with pytest.raises(NotSoldError):
        await stock.take_back(db_session, quantities={book.id: 1}, order_id=1)
    assert len(await movements(db_session, book.id)) == 1


async def test_whoever_brings_the_first_copies_brings_news(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=1)
    one = {book.id: 1}
    await stock.reserve(db_session, quantities=one, order_id=1)
    assert await restocked(db_session) == []
    await stock.release(db_session, quantities=one, order_id=1)
    await stock.reserve(db_session, quantities=one, order_id=2)
    await stock.sell(db_session, quantities=one, order_id=2)
    await stock.take_back(db_session, quantities=one, order_id=2)
    await stock.correct(db_session, book_id=book.id, by=-1, actor=STAFF, reason="Torn")
    await stock.receive(db_session, quantities=one, actor=STAFF)
    await stock.receive(db_session, quantities=one, actor=STAFF)
    assert await restocked(db_session) == [book.id] * 3


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "release", "sell", "take back", "receive", "correct", "count"]),
        st.integers(0, 1),
        st.integers(1, 4),
    ),
    max_size=30,
)


async def act(session: AsyncSession, step: str, book_id: int, other_id: int, copies: int) -> None:
    quantities = {book_id: copies, other_id: 1}
    match step:
        case "reserve":
            await stock.reserve(session, quantities=quantities, order_id=1)
        case "release":
            await stock.release(session, quantities=quantities, order_id=1)
        case "sell":
            await stock.sell(session, quantities=quantities, order_id=1)
        case "take back":
            await stock.take_back(session, quantities=quantities, order_id=1)
        case "receive":
            await stock.receive(session, quantities=quantities, actor=STAFF)
        case "correct":
            by = copies - 3 or -3
            await stock.correct(session, book_id=book_id, by=by, actor=STAFF, reason="r")
        case _:
            await stock.set_on_hand(session, book_id=book_id, quantity=copies, actor=STAFF)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
async def test_whatever_happens_the_sums_are_the_stock(
    db_session: AsyncSession, steps: list[tuple[str, int, int]]
) -> None:
    books = [(await make_book(db_session, copies=copies)).id for copies in (2, 0)]
    for step, which, copies in steps:
        try:
            async with db_session.begin_nested():
                await act(db_session, step, books[which], books[1 - which], copies)
        except (AppError, NotReservedError, NotSoldError):
            continue
    assert await stock.find_unexplained(db_session) == []
    assert await stock.find_unbalanced(db_session) == []


async def test_stock_that_nothing_explains_is_found(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=2)
    silent = await make_book(db_session, copies=0)
    await db_session.execute(text("UPDATE stock SET on_hand = 1, reserved = 1 WHERE on_hand = 2"))
    await db_session.execute(text("UPDATE stock SET on_hand = 4, received = 4 WHERE on_hand = 0"))
    found = await stock.find_unexplained(db_session)
    assert [(finding.subject, finding.detail) for finding in found] == [
        (f"book {book.id}", "on_hand 1 but 2 in the ledger, reserved 1 but 0 in the ledger"),
        (f"book {silent.id}", "received 4 but 0 in the ledger, on_hand 4 but 0 in the ledger"),
    ]
