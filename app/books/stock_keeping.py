"""What staff do with copies: look, receive, correct, watch. Each act is on record and audited."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.books import repository, stock
from app.books.availability import is_embargoed
from app.books.errors import BookNotForthcomingError, BookNotFoundError
from app.books.events import BookRestocked
from app.books.service import get_offers
from app.books.stock_schemas import (
    Correction,
    Delivery,
    LowLevel,
    LowStock,
    LowStocks,
    MovementRead,
    PreordersOpen,
    StockQuery,
    StockRead,
)
from app.core.market import Market
from app.core.pagination import ListQuery, Slice
from app.jobs.outbox import publish


async def get_stock(session: AsyncSession, *, book_id: int) -> StockRead:
    """Return where the copies of a book are.

    Raises:
        BookNotFoundError: no such book.
    """
    row = await repository.find_stock(session, book_id=book_id)
    if row is None:
        raise BookNotFoundError
    return StockRead.model_validate(row)


async def list_stock(session: AsyncSession, *, query: StockQuery) -> Slice[StockRead]:
    """Return the stock of all books by id, or of those that are to be ordered anew.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.STOCK_BY_BOOK.name)
    found = await repository.list_stock(session, only_low=query.low, window=window)
    return found.map(StockRead.model_validate)


async def find_lowest(session: AsyncSession, *, limit: int) -> LowStocks:
    """Return how many books are to be ordered anew, and those with the fewest copies left."""
    count, rows = await repository.list_lowest(session, limit=limit)
    return LowStocks(count=count, lowest=[LowStock.model_validate(row) for row in rows])


async def list_movements(
    session: AsyncSession, *, book_id: int, query: ListQuery
) -> Slice[MovementRead]:
    """Return what happened to the copies of a book, the newest first.

    Raises:
        BookNotFoundError: no such book.
        CursorError: not a cursor of this list.
    """
    await get_stock(session, book_id=book_id)
    window = query.window(repository.MOVEMENTS_NEWEST_FIRST.name)
    found = await repository.list_movements(session, book_id=book_id, window=window)
    return found.map(MovementRead.model_validate)


async def receive_delivery(
    session: AsyncSession, *, actor: Actor, delivery: Delivery
) -> list[StockRead]:
    """Put delivered copies on the shelf; those who wait for a book are told. All lines or none.

    Raises:
        BookNotFoundError: one of the books does not exist.
    """
    copies = {line.book_id: line.copies for line in delivery.lines}
    before = [await get_stock(session, book_id=book_id) for book_id in sorted(copies)]
    await stock.receive(
        session,
        quantities=copies,
        actor=actor.name,
        reason=delivery.reason,
        reference=delivery.reference,
    )
    after = [await get_stock(session, book_id=book.book_id) for book in before]
    for old, new in zip(before, after, strict=True):
        await _record(session, actor, "stock.receive", old, new)
    return after


async def correct_stock(
    session: AsyncSession, *, actor: Actor, book_id: int, correction: Correction
) -> StockRead:
    """Count copies that were found or lost.

    Raises:
        BookNotFoundError: no such book.
        MissingCopiesError: fewer copies are on hand than were lost.
    """
    before = await get_stock(session, book_id=book_id)
    await stock.correct(session, book_id=book_id, actor=actor.name, **correction.model_dump())
    after = await get_stock(session, book_id=book_id)
    await _record(session, actor, "stock.correct", before, after)
    return after


async def watch_stock(
    session: AsyncSession, *, actor: Actor, book_id: int, level: LowLevel
) -> StockRead:
    """Set with how many copies a book is to be ordered anew.

    Raises:
        BookNotFoundError: no such book.
    """
    before = await get_stock(session, book_id=book_id)
    await repository.set_low_level(session, book_id=book_id, low_level=level.low_level)
    after = await get_stock(session, book_id=book_id)
    await _record(session, actor, "stock.watch", before, after)
    return after


async def open_preorders(
    session: AsyncSession, *, actor: Actor, book_id: int, announced: PreordersOpen, market: Market
) -> StockRead:
    """Let a book be bought before its on-sale date, as many copies as are on hand or announced.

    Announced copies count as on hand from now on: what is not delivered is corrected later. Who
    waits for the book is told. Once more adds the copies.

    Raises:
        BookNotFoundError: no such book, or not sold.
        BookNotForthcomingError: it has no on-sale date, or that is over.
    """
    offer = (await get_offers(session, book_ids={book_id})).get(book_id)
    if offer is None:
        raise BookNotFoundError
    if not is_embargoed(offer.on_sale_date, market):
        raise BookNotForthcomingError
    before = await get_stock(session, book_id=book_id)
    is_news = await repository.set_preorders(session, book_id=book_id, are_taken=True)
    if announced.copies:
        await stock.receive(
            session,
            quantities={book_id: announced.copies},
            actor=actor.name,
            reason="announced, for orders in advance",
        )
    if is_news and before.on_hand:
        await publish(session, BookRestocked(book_id=book_id))
    after = await get_stock(session, book_id=book_id)
    await _record(session, actor, "stock.open_preorders", before, after)
    return after


async def close_preorders(session: AsyncSession, *, actor: Actor, book_id: int) -> StockRead:
    """Let a book be bought in advance no more; orders stay as they are.

    Raises:
        BookNotFoundError: no such book.
    """
    found = await get_stock(session, book_id=book_id)
    await repository.set_preorders(session, book_id=book_id, are_taken=False)
    await _record(session, actor, "stock.close_preorders", found, found)
    return found


async def _record(
    session: AsyncSession, actor: Actor, action: str, before: StockRead, after: StockRead
) -> None:
    await record(
        session,
        actor=actor,
        action=action,
        thing_id=after.book_id,
        before=before,
        after=after,
    )
