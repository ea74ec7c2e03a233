"""Prices that suppliers let begin or end on a day: the shop's price follows.

Only where the price is what the suppliers' came to before. A price that staff or a file set
differs from that, and stays.
"""

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.pricing import choose_price
from app.books.repository import repricing as repricing_repository
from app.core.market import Market

CENT = Decimal("0.01")
MAX_PRICE = Decimal(10**8)


async def reprice_books(session: AsyncSession, *, market: Market, currency: str, limit: int) -> int:
    """Choose anew the prices of books for which one began or ended; return how many they were.

    At most ``limit`` books are dealt with, and never one that somebody else deals with. Where no
    price holds any more, the book keeps the one it has. Days that passed without a run are made
    up for, and a second run of a day does nothing.
    """
    book_ids = await repricing_repository.claim_books(
        session, day=market.today, currency=currency, limit=limit
    )
    prices = await repricing_repository.list_prices(session, book_ids=book_ids)
    amounts: dict[int, Decimal | None] = {}
    for book_id in book_ids:
        chosen = choose_price(
            prices.get(book_id, ()), currency=currency, country=market.country, day=market.today
        )
        amounts[book_id] = _storable(chosen.amount) if chosen is not None else None
    await repricing_repository.set_prices(session, amounts=amounts, day=market.today)
    return len(book_ids)


def _storable(amount: Decimal) -> Decimal | None:
    """Return the amount in whole cents, if a book can cost that."""
    rounded = round(amount, 2)
    return rounded if CENT <= rounded < MAX_PRICE else None
