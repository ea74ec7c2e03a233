"""Copies: from the shelf into reservations, from there to buyers or back.

Every change is one conditional statement, so that the last copy is sold once however many want
it. Books are taken in ascending order of their ids, so that two baskets cannot wait for each
other.
"""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.books import repository
from app.books.errors import (
    BookNotFoundError,
    InsufficientStockError,
    NotReservedError,
    Shortage,
)
from app.books.events import BookRestocked
from app.books.models import Stock
from app.core.findings import SHOWN, Finding
from app.jobs.outbox import publish


async def reserve(session: AsyncSession, *, quantities: Mapping[int, int]) -> None:
    """Set copies aside, by book.

    Raises:
        InsufficientStockError: some books are short. Others may have been reserved by then: the
            transaction is to be undone.
    """
    short = await _move(session, quantities, source=Stock.on_hand, target=Stock.reserved)
    if short:
        on_hand = await repository.copies_on_hand(session, book_ids=short)
        raise InsufficientStockError(
            [Shortage(book_id, quantities[book_id], on_hand.get(book_id, 0)) for book_id in short]
        )


async def release(session: AsyncSession, *, quantities: Mapping[int, int]) -> None:
    """Put reserved copies, by book, back on the shelf.

    Raises:
        NotReservedError: so many were not reserved.
    """
    if await _move(session, quantities, source=Stock.reserved, target=Stock.on_hand):
        raise NotReservedError(quantities)


async def sell(session: AsyncSession, *, quantities: Mapping[int, int]) -> None:
    """Count reserved copies, by book, as sold.

    Raises:
        NotReservedError: so many were not reserved.
    """
    if await _move(session, quantities, source=Stock.reserved, target=Stock.sold):
        raise NotReservedError(quantities)


async def set_on_hand(session: AsyncSession, *, book_id: int, quantity: int) -> None:
    """Make the shelf agree with what staff counted on it; reserved and sold copies stay.

    The difference counts as received. Publishes ``BookRestocked`` when there was none before.

    Raises:
        BookNotFoundError: no such book.
    """
    await set_all_on_hand(session, quantities={book_id: quantity})


async def set_all_on_hand(session: AsyncSession, *, quantities: Mapping[int, int]) -> None:
    """As ``set_on_hand`` for several books, by id, in one statement.

    Raises:
        BookNotFoundError: one of the books does not exist. Others may have been counted by then:
            the transaction is to be undone.
    """
    if not quantities:
        return
    before = await repository.set_copies_on_hand(session, quantities=quantities)
    if before.keys() != quantities.keys():
        raise BookNotFoundError
    for book_id in sorted(before):
        if before[book_id] == 0 and quantities[book_id] > 0:
            await publish(session, BookRestocked(book_id=book_id))


async def find_unbalanced(session: AsyncSession) -> list[Finding]:
    """Return the stock that does not add up: received + returned = on hand + reserved + sold."""
    return [
        Finding(
            invariant="stock is balanced and never negative",
            subject=f"book {stock.book_id}",
            detail=f"received {stock.received} + returned {stock.returned}, on hand "
            f"{stock.on_hand} + reserved {stock.reserved} + sold {stock.sold}",
        )
        for stock in await repository.list_unbalanced_stock(session, limit=SHOWN)
    ]


async def count_away(session: AsyncSession) -> dict[int, tuple[int, int]]:
    """Return how many copies are reserved and sold, by book, where there are any."""
    rows = await repository.list_copies_away(session)
    return {row.book_id: (row.reserved, row.sold) for row in rows}


async def _move(
    session: AsyncSession,
    quantities: Mapping[int, int],
    *,
    source: InstrumentedAttribute[int],
    target: InstrumentedAttribute[int],
) -> list[int]:
    """Move copies of each book; return the books that have too few in the source."""
    return [
        book_id
        for book_id, quantity in sorted(quantities.items())
        if not await repository.move_copies(
            session, book_id=book_id, quantity=quantity, source=source, target=target
        )
    ]
