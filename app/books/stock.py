"""Copies: from the shelf into reservations, from there to buyers or back, each move on record.

Every change is one conditional statement, so that the last copy is sold once however many want
it, and writes its movement into the ledger. Books are taken in ascending order of their ids, so
that two baskets cannot wait for each other.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import repository
from app.books.errors import (
    BookNotFoundError,
    InsufficientStockError,
    MissingCopiesError,
    NotReservedError,
    NotSoldError,
    Shortage,
)
from app.books.events import BookRestocked
from app.books.models import MovementKind
from app.books.repository import Note
from app.core.findings import SHOWN, Finding
from app.jobs.outbox import publish


async def reserve(session: AsyncSession, *, quantities: Mapping[int, int], order_id: int) -> None:
    """Set copies aside, by book, for an order.

    Raises:
        InsufficientStockError: some books are short. Others may have been reserved by then: the
            transaction is to be undone.
    """
    note = Note(order_id=order_id)
    moved = await repository.move_copies(
        session, MovementKind.RESERVED, copies=quantities, note=note
    )
    short = sorted(quantities.keys() - moved.keys())
    if short:
        on_hand = await repository.copies_on_hand(session, book_ids=short)
        raise InsufficientStockError(
            [Shortage(book_id, quantities[book_id], on_hand.get(book_id, 0)) for book_id in short]
        )


async def hold_shelf(session: AsyncSession, *, book_id: int) -> int:
    """Return how many copies can be bought, and let that stay so until the transaction ends.

    Whoever adds or takes copies meanwhile waits; many may hold one shelf at a time.
    """
    return await repository.lock_copies(session, book_id=book_id)


async def release(session: AsyncSession, *, quantities: Mapping[int, int], order_id: int) -> None:
    """Put an order's reserved copies, by book, back on the shelf.

    Publishes ``BookRestocked`` for books of which there was none.

    Raises:
        NotReservedError: so many were not reserved.
    """
    note = Note(order_id=order_id)
    moved = await repository.move_copies(
        session, MovementKind.RELEASED, copies=quantities, note=note
    )
    if moved.keys() != quantities.keys():
        raise NotReservedError(quantities)
    await _tell_who_wait(session, _first_copies(moved, quantities))


async def sell(session: AsyncSession, *, quantities: Mapping[int, int], order_id: int) -> None:
    """Count an order's reserved copies, by book, as sold.

    Raises:
        NotReservedError: so many were not reserved.
    """
    note = Note(order_id=order_id)
    moved = await repository.move_copies(session, MovementKind.SOLD, copies=quantities, note=note)
    if moved.keys() != quantities.keys():
        raise NotReservedError(quantities)


async def take_back(
    session: AsyncSession,
    *,
    quantities: Mapping[int, int],
    order_id: int,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Put sold copies, by book, back on the shelf; they stay counted as sold, and as returned.

    Whether so many were sold by the order is for the order to know. Publishes ``BookRestocked``
    for books of which there was none.

    Raises:
        NotSoldError: so many were never sold, or are back already.
    """
    note = Note(order_id=order_id, actor=actor, reason=reason)
    moved = await repository.move_copies(
        session, MovementKind.RETURNED, copies=quantities, note=note
    )
    if moved.keys() != quantities.keys():
        raise NotSoldError(quantities)
    await _tell_who_wait(session, _first_copies(moved, quantities))


async def receive(
    session: AsyncSession,
    *,
    quantities: Mapping[int, int],
    actor: str | None,
    reason: str | None = None,
    reference: str | None = None,
) -> None:
    """Put delivered copies, by book, on the shelf; ``reference`` is the delivery note's number.

    Publishes ``BookRestocked`` for books of which there was none.

    Raises:
        BookNotFoundError: a book has no stock. Others may have been put there by then: the
            transaction is to be undone.
    """
    note = Note(actor=actor, reason=reason, reference=reference)
    moved = await repository.move_copies(
        session, MovementKind.RECEIVED, copies=quantities, note=note
    )
    if moved.keys() != quantities.keys():
        raise BookNotFoundError
    await _tell_who_wait(session, _first_copies(moved, quantities))


async def correct(
    session: AsyncSession,
    *,
    book_id: int,
    by: int,
    actor: str | None,
    reason: str,
    reference: str | None = None,
) -> None:
    """Count copies that were found, or with a minus that are lost or damaged.

    Publishes ``BookRestocked`` when there was none before.

    Raises:
        BookNotFoundError: no such book.
        MissingCopiesError: fewer copies are on hand, or ever came, than were lost.
    """
    note = Note(actor=actor, reason=reason, reference=reference)
    moved = await repository.move_copies(
        session, MovementKind.CORRECTED, copies={book_id: by}, note=note
    )
    if not moved:
        on_hand = await repository.copies_on_hand(session, book_ids=[book_id])
        if not on_hand:
            raise BookNotFoundError
        raise MissingCopiesError(extra={"available": on_hand[book_id]})
    await _tell_who_wait(session, _first_copies(moved, {book_id: by}))


async def set_on_hand(
    session: AsyncSession, *, book_id: int, quantity: int, actor: str | None
) -> None:
    """Make the shelf agree with what staff counted on it; reserved and sold copies stay.

    The difference counts as a correction. Publishes ``BookRestocked`` when there was none before.

    Raises:
        BookNotFoundError: no such book.
    """
    await _set_on_hand(
        session, quantities={book_id: quantity}, note=Note(actor=actor, reason="counted")
    )


async def set_all_on_hand(
    session: AsyncSession, *, quantities: Mapping[int, int], reason: str
) -> None:
    """As ``set_on_hand`` for several books, by id, in one statement, for a reason.

    Raises:
        BookNotFoundError: one of the books does not exist. Others may have been counted by then:
            the transaction is to be undone.
    """
    await _set_on_hand(session, quantities=quantities, note=Note(reason=reason))


async def add_new(session: AsyncSession, *, copies: Mapping[int, int], reason: str) -> None:
    """Begin the stock of new books, by book, with the copies that came of each."""
    await repository.insert_stock(session, copies=copies, note=Note(reason=reason))


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


async def find_unexplained(session: AsyncSession) -> list[Finding]:
    """Return the stock that is not the sum of its movements."""
    return [
        Finding(
            invariant="stock is the sum of its movements",
            subject=f"book {row.book_id}",
            detail=", ".join(
                f"{name} {getattr(row, name)} but {getattr(row, f'ledger_{name}')} in the ledger"
                for name in repository.COUNTED
                if getattr(row, name) != getattr(row, f"ledger_{name}")
            ),
        )
        for row in await repository.list_unexplained_stock(session, limit=SHOWN)
    ]


async def count_away(session: AsyncSession) -> dict[int, tuple[int, int]]:
    """Return how many copies are reserved and sold, by book, where there are any."""
    rows = await repository.list_copies_away(session)
    return {row.book_id: (row.reserved, row.sold) for row in rows}


async def _set_on_hand(session: AsyncSession, *, quantities: Mapping[int, int], note: Note) -> None:
    if not quantities:
        return
    before = await repository.set_copies_on_hand(session, copies=quantities, note=note)
    if before.keys() != quantities.keys():
        raise BookNotFoundError
    first = [book_id for book_id in before if before[book_id] == 0 and quantities[book_id] > 0]
    await _tell_who_wait(session, first)


def _first_copies(on_hand: Mapping[int, int], came: Mapping[int, int]) -> list[int]:
    """Return the books of which there was no copy before these came."""
    return [book_id for book_id, copies in came.items() if on_hand[book_id] == copies > 0]


async def _tell_who_wait(session: AsyncSession, book_ids: Iterable[int]) -> None:
    for book_id in sorted(book_ids):
        await publish(session, BookRestocked(book_id=book_id))
