"""Automatic offers, for the staff who make them."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import ListQuery, Slice
from app.promotions import repository
from app.promotions.coupons import columns
from app.promotions.errors import OfferNotFoundError
from app.promotions.schemas import OfferRead, OfferWrite


async def list_offers(session: AsyncSession, *, query: ListQuery) -> Slice[OfferRead]:
    """Return offers, the newest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.OFFERS_NEWEST_FIRST.name)
    found = await repository.list_offers(session, window=window)
    return found.map(OfferRead.model_validate)


async def get_offer(session: AsyncSession, *, offer_id: int, for_update: bool = False) -> OfferRead:
    """Return an offer; with ``for_update`` nobody else changes it meanwhile.

    Raises:
        OfferNotFoundError: there is none.
    """
    found = await repository.find_offer(session, offer_id=offer_id, for_update=for_update)
    if found is None:
        raise OfferNotFoundError
    return OfferRead.model_validate(found)


async def create_offer(session: AsyncSession, *, offer: OfferWrite) -> OfferRead:
    """Make an offer."""
    return OfferRead.model_validate(await repository.insert_offer(session, columns(offer)))


async def update_offer(session: AsyncSession, *, offer_id: int, change: OfferWrite) -> OfferRead:
    """Let an offer say something else from now on.

    Raises:
        OfferNotFoundError: there is none.
    """
    await get_offer(session, offer_id=offer_id, for_update=True)
    await repository.update_offer(session, offer_id=offer_id, values=columns(change))
    return await get_offer(session, offer_id=offer_id)


async def end_offer(session: AsyncSession, *, offer_id: int, now: datetime) -> OfferRead:
    """End an offer for good, whatever its dates. It can be repeated.

    Raises:
        OfferNotFoundError: there is none.
    """
    offer = await get_offer(session, offer_id=offer_id, for_update=True)
    if offer.ended_at is None:
        await repository.update_offer(session, offer_id=offer_id, values={"ended_at": now})
    return await get_offer(session, offer_id=offer_id)
