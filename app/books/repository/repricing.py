"""SQL for prices that begin or end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, Price
from app.books.repository import among


async def claim_books(
    session: AsyncSession, *, day: date, currency: str, limit: int
) -> Sequence[int]:
    """Lock books whose price may be another since the day for which it was chosen.

    Those whose price somebody else has set are left out, and those that another holds.
    """
    turned = or_(
        and_(Price.valid_from > Book.priced_on, Price.valid_from <= day),
        and_(Price.valid_until >= Book.priced_on, Price.valid_until < day),
    )
    statement = (
        select(Book.id)
        .where(
            Book.priced_on < day,
            Book.currency == currency,
            Book.price.is_not_distinct_from(Book.feed_price),
            select(Price.id).where(Price.book_id == Book.id, turned).exists(),
        )
        .order_by(Book.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def list_prices(
    session: AsyncSession, *, book_ids: Sequence[int]
) -> Mapping[int, Sequence[Price]]:
    """Return all prices of books, by book, in the order in which they were told."""
    statement = select(Price).where(among(Price.book_id, book_ids)).order_by(Price.id)
    prices: defaultdict[int, list[Price]] = defaultdict(list)
    for price in await session.scalars(statement):
        prices[price.book_id].append(price)
    return prices


async def set_prices(
    session: AsyncSession, *, amounts: Mapping[int, Decimal | None], day: date
) -> None:
    """Give books the prices that were chosen for a day; without one a book keeps its own."""
    chosen = [
        {"id": book_id, "price": amount, "feed_price": amount, "priced_on": day}
        for book_id, amount in amounts.items()
        if amount is not None
    ]
    kept = [
        {"id": book_id, "priced_on": day} for book_id, amount in amounts.items() if amount is None
    ]
    for rows in (chosen, kept):
        if rows:
            await session.execute(update(Book), rows)
