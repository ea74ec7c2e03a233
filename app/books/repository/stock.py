"""SQL for the stock."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Integer, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.books.models import Book, Stock
from app.books.repository.filters import among
from app.core.keyset import AnyRow


async def move_copies(
    session: AsyncSession,
    *,
    book_id: int,
    quantity: int,
    source: InstrumentedAttribute[int],
    target: InstrumentedAttribute[int],
) -> bool:
    """Move copies from one column of the stock to another, if the first has so many."""
    statement = (
        update(Stock)
        .where(Stock.book_id == book_id, source >= quantity)
        .values({source: source - quantity, target: target + quantity})
        .returning(Stock.book_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def copies_on_hand(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, int]:
    """Return how many copies can be bought, by book."""
    statement = select(Stock.book_id, Stock.on_hand).where(among(Stock.book_id, book_ids))
    return dict((await session.execute(statement)).all())


async def set_copies_on_hand(
    session: AsyncSession, *, quantities: Mapping[int, int]
) -> dict[int, int]:
    """Set how many copies can be bought, by book; return how many it were, of books that exist.

    The rows are locked before their counts are read, in ascending order of ids, so that of two
    who restock one finds the book empty.
    """
    counted = func.unnest(
        cast(list(quantities), ARRAY(Integer)), cast(list(quantities.values()), ARRAY(Integer))
    )
    told = counted.table_valued("book_id", "quantity").render_derived("told")
    before = (
        select(Stock.book_id, Stock.on_hand, told.c.quantity)
        .join(told, told.c.book_id == Stock.book_id)
        .join(Book, Book.id == Stock.book_id)
        .where(Book.deleted_at.is_(None))
        .order_by(Stock.book_id)
        .with_for_update(of=Stock)
        .cte("before")
    )
    quantity = before.c.quantity
    statement = (
        update(Stock)
        .where(Stock.book_id == before.c.book_id)
        .values(on_hand=quantity, received=quantity + Stock.reserved + Stock.sold - Stock.returned)
        .returning(Stock.book_id, before.c.on_hand)
    )
    return dict((await session.execute(statement)).all())


async def list_unbalanced_stock(session: AsyncSession, *, limit: int) -> Sequence[Stock]:
    """Return stock whose columns do not add up, or of which there is less than none."""
    columns = (Stock.received, Stock.returned, Stock.on_hand, Stock.reserved, Stock.sold)
    statement = (
        select(Stock)
        .where(
            or_(
                Stock.received + Stock.returned != Stock.on_hand + Stock.reserved + Stock.sold,
                *(column < 0 for column in columns),
            )
        )
        .order_by(Stock.book_id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def list_copies_away(session: AsyncSession) -> Sequence[AnyRow]:
    """Return the books of which copies are reserved or sold, and how many."""
    statement = select(Stock.book_id, Stock.reserved, Stock.sold).where(
        or_(Stock.reserved != 0, Stock.sold != 0)
    )
    return (await session.execute(statement)).all()
