"""Who wants to hear of a book on their list: that it is back, or costs less."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.service import Offer, get_offers
from app.wishlist import repository


@dataclass(frozen=True, kw_only=True)
class PriceDrop:
    """A book on a list that costs less than its reader has seen."""

    item_id: int
    user_id: int
    offer: Offer
    before: Decimal


async def find_hoping(session: AsyncSession, *, book_id: int) -> Sequence[int]:
    """Return the accounts that want to hear that a book is back in stock."""
    return await repository.list_hoping(session, book_id=book_id)


async def take_price_drops(
    session: AsyncSession, *, after_id: int, limit: int
) -> tuple[list[PriceDrop], int | None]:
    """Look at some watched wishes after one of them; return what got cheaper, and the last one.

    The lower price counts as seen from then on, in this transaction: nobody is told of it twice,
    nor when it rises and falls to the same again. The last is ``None`` when there were no more.
    """
    items = await repository.list_watched(session, after_id=after_id, limit=limit)
    offers = await get_offers(session, book_ids={item.book_id for item in items})
    drops = []
    for item in items:
        offer = offers.get(item.book_id)
        if offer is None or item.price_seen is None or offer.price >= item.price_seen:
            continue
        before = await repository.see_lower_price(session, item_id=item.id, price=offer.price)
        if before is not None:
            drops.append(
                PriceDrop(item_id=item.id, user_id=item.user_id, offer=offer, before=before)
            )
    return drops, items[-1].id if items else None
