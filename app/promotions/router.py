"""Coupons, offers and gift cards as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response, status

from app.audit.deps import AuditTrail
from app.core.client_address import ClientAddress
from app.core.clock import Now
from app.core.deps import AppSettings, DbSession, PromotionsStaff
from app.core.pagination import ListParams, link_pages
from app.core.rights import open_to_all
from app.core.schemas import Id
from app.promotions import coupons, gift_cards, offers
from app.promotions.schemas import (
    BalanceQuestion,
    BalanceRead,
    CouponCreate,
    CouponRead,
    CouponUpdate,
    GiftCardCreate,
    GiftCardEntryRead,
    GiftCardRead,
    GiftCardUpdate,
    IssuedGiftCard,
    OfferRead,
    OfferWrite,
)
from app.users.limits import Client

router = APIRouter(prefix="/gift-cards", tags=["gift cards"])
admin_router = APIRouter(prefix="/admin", tags=["promotions"])

CouponId = Annotated[Id, Path()]
OfferId = Annotated[Id, Path()]
GiftCardId = Annotated[Id, Path()]

Responses = dict[int | str, dict[str, Any]]

STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `promotions`"},
}
NO_COUPON: Responses = {404: {"description": "COUPON_NOT_FOUND"}}
NO_OFFER: Responses = {404: {"description": "OFFER_NOT_FOUND"}}
NO_CARD: Responses = {404: {"description": "GIFT_CARD_NOT_FOUND"}}


@router.post(
    "/balance",
    summary="What is left on a gift card",
    responses={
        404: {"description": "GIFT_CARD_NOT_FOUND: no card that can be used has this code"},
        429: {"description": "AUTH_TOO_MANY_ATTEMPTS: too many wrong codes; see Retry-After"},
    },
)
@open_to_all
async def read_balance(
    session: DbSession, address: ClientAddress, now: Now, question: BalanceQuestion
) -> BalanceRead:
    """Return what is left. A POST, so that codes are in no log; case and hyphens do not count."""
    found = await gift_cards.look_up(
        session, code=question.code, client=Client(address=address), now=now
    )
    return BalanceRead.model_validate(found, from_attributes=True)


@admin_router.get("/coupons", summary="All coupons, the newest first", responses=STAFF_ONLY)
async def list_coupons(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: PromotionsStaff,
    query: ListParams,
) -> list[CouponRead]:
    """Return coupons, those that are over included; the ``Link`` header leads on."""
    found = await coupons.list_coupons(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.post(
    "/coupons",
    status_code=status.HTTP_201_CREATED,
    summary="Make a coupon",
    responses=STAFF_ONLY | {409: {"description": "COUPON_CONFLICT: another has the code"}},
)
async def create_coupon(
    session: DbSession,
    _staff: PromotionsStaff,
    trail: AuditTrail,
    settings: AppSettings,
    coupon: CouponCreate,
) -> CouponRead:
    """Make a coupon of a percentage, an amount in the shop's currency, or free delivery.

    What it says of books selects those that it is for. New books whose price a law of the country
    that they go to binds stay at that price.
    """
    made = await coupons.create_coupon(session, coupon=coupon, currency=settings.currency)
    await trail.record("coupon.create", made.id, after=made)
    return made


@admin_router.get("/coupons/{coupon_id}", summary="A coupon", responses=STAFF_ONLY | NO_COUPON)
async def read_coupon(
    session: DbSession, _staff: PromotionsStaff, coupon_id: CouponId
) -> CouponRead:
    """Return what a coupon says and in how many orders it is used."""
    return await coupons.get_coupon(session, coupon_id=coupon_id)


@admin_router.put(
    "/coupons/{coupon_id}",
    summary="Let a coupon say something else",
    responses=STAFF_ONLY
    | NO_COUPON
    | {409: {"description": "COUPON_LIMIT_TOO_LOW: it was used more often already"}},
)
async def update_coupon(
    session: DbSession,
    _staff: PromotionsStaff,
    trail: AuditTrail,
    coupon_id: CouponId,
    change: CouponUpdate,
) -> CouponRead:
    """Replace all that a coupon says but its code. Orders keep what they had."""
    before = await coupons.get_coupon(session, coupon_id=coupon_id, for_update=True)
    changed = await coupons.update_coupon(session, coupon_id=coupon_id, change=change)
    await trail.record("coupon.update", coupon_id, before=before, after=changed)
    return changed


@admin_router.post(
    "/coupons/{coupon_id}/end", summary="End a coupon", responses=STAFF_ONLY | NO_COUPON
)
async def end_coupon(
    session: DbSession, _staff: PromotionsStaff, trail: AuditTrail, coupon_id: CouponId, now: Now
) -> CouponRead:
    """End a coupon for good, whatever its dates. It can be repeated."""
    before = await coupons.get_coupon(session, coupon_id=coupon_id, for_update=True)
    ended = await coupons.end_coupon(session, coupon_id=coupon_id, now=now)
    await trail.record("coupon.end", coupon_id, before=before, after=ended)
    return ended


@admin_router.get("/offers", summary="All offers, the newest first", responses=STAFF_ONLY)
async def list_offers(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: PromotionsStaff,
    query: ListParams,
) -> list[OfferRead]:
    """Return automatic offers, those that are over included; the ``Link`` header leads on."""
    found = await offers.list_offers(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.post(
    "/offers",
    status_code=status.HTTP_201_CREATED,
    summary="Make an offer",
    responses=STAFF_ONLY,
)
async def create_offer(
    session: DbSession, _staff: PromotionsStaff, trail: AuditTrail, offer: OfferWrite
) -> OfferRead:
    """Make an automatic offer.

    Three for two is a `bundle` with `bundle_size` 3, `bundle_discounted` 1 and `percent` 100; the
    second at half price one with 2, 1 and 50. The cheapest copies of each bundle are discounted,
    and the dearest copies are bundled together first.
    """
    made = await offers.create_offer(session, offer=offer)
    await trail.record("offer.create", made.id, after=made)
    return made


@admin_router.get("/offers/{offer_id}", summary="An offer", responses=STAFF_ONLY | NO_OFFER)
async def read_offer(session: DbSession, _staff: PromotionsStaff, offer_id: OfferId) -> OfferRead:
    """Return what an offer says."""
    return await offers.get_offer(session, offer_id=offer_id)


@admin_router.put(
    "/offers/{offer_id}",
    summary="Let an offer say something else",
    responses=STAFF_ONLY | NO_OFFER,
)
async def update_offer(
    session: DbSession,
    _staff: PromotionsStaff,
    trail: AuditTrail,
    offer_id: OfferId,
    change: OfferWrite,
) -> OfferRead:
    """Replace all that an offer says. Orders keep what they had."""
    before = await offers.get_offer(session, offer_id=offer_id, for_update=True)
    changed = await offers.update_offer(session, offer_id=offer_id, change=change)
    await trail.record("offer.update", offer_id, before=before, after=changed)
    return changed


@admin_router.post(
    "/offers/{offer_id}/end", summary="End an offer", responses=STAFF_ONLY | NO_OFFER
)
async def end_offer(
    session: DbSession, _staff: PromotionsStaff, trail: AuditTrail, offer_id: OfferId, now: Now
) -> OfferRead:
    """End an offer for good, whatever its dates. It can be repeated."""
    before = await offers.get_offer(session, offer_id=offer_id, for_update=True)
    ended = await offers.end_offer(session, offer_id=offer_id, now=now)
    await trail.record("offer.end", offer_id, before=before, after=ended)
    return ended


@admin_router.get("/gift-cards", summary="All gift cards, the newest first", responses=STAFF_ONLY)
async def list_gift_cards(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: PromotionsStaff,
    query: ListParams,
) -> list[GiftCardRead]:
    """Return gift cards, without their codes; the ``Link`` header leads on."""
    found = await gift_cards.list_gift_cards(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.post(
    "/gift-cards",
    status_code=status.HTTP_201_CREATED,
    summary="Issue a gift card",
    responses=STAFF_ONLY,
)
async def issue_gift_card(
    session: DbSession,
    staff: PromotionsStaff,
    trail: AuditTrail,
    settings: AppSettings,
    card: GiftCardCreate,
) -> IssuedGiftCard:
    """Issue a gift card. Its code is shown in this answer and never again.

    With `recipient_email` the code is mailed there too.
    """
    issued = await gift_cards.issue(
        session, currency=settings.currency, actor=staff.email, **card.model_dump()
    )
    known = issued.without_code()
    await trail.record("gift_card.issue", issued.id, after=known)
    return issued


@admin_router.get(
    "/gift-cards/{gift_card_id}", summary="A gift card", responses=STAFF_ONLY | NO_CARD
)
async def read_gift_card(
    session: DbSession, _staff: PromotionsStaff, gift_card_id: GiftCardId
) -> GiftCardRead:
    """Return a gift card, without its code."""
    return await gift_cards.get_gift_card(session, gift_card_id=gift_card_id)


@admin_router.get(
    "/gift-cards/{gift_card_id}/entries",
    summary="A gift card's ledger, the newest line first",
    responses=STAFF_ONLY | NO_CARD,
)
async def list_entries(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: PromotionsStaff,
    gift_card_id: GiftCardId,
    query: ListParams,
) -> list[GiftCardEntryRead]:
    """Return what moved the balance; the ``Link`` header leads on."""
    found = await gift_cards.list_entries(session, gift_card_id=gift_card_id, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.put(
    "/gift-cards/{gift_card_id}",
    summary="Change what is told of a gift card",
    responses=STAFF_ONLY | NO_CARD,
)
async def update_gift_card(
    session: DbSession,
    _staff: PromotionsStaff,
    trail: AuditTrail,
    gift_card_id: GiftCardId,
    change: GiftCardUpdate,
) -> GiftCardRead:
    """Replace when it expires and what staff note of it. Money is moved by orders alone."""
    before = await gift_cards.get_gift_card(session, gift_card_id=gift_card_id, for_update=True)
    changed = await gift_cards.update_gift_card(session, gift_card_id=gift_card_id, change=change)
    await trail.record("gift_card.update", gift_card_id, before=before, after=changed)
    return changed


@admin_router.post(
    "/gift-cards/{gift_card_id}/end",
    summary="Let a gift card be spent no more",
    responses=STAFF_ONLY | NO_CARD,
)
async def end_gift_card(
    session: DbSession,
    _staff: PromotionsStaff,
    trail: AuditTrail,
    gift_card_id: GiftCardId,
    now: Now,
) -> GiftCardRead:
    """End a gift card for good, one that was stolen for instance. It can be repeated.

    Its balance stays in the books.
    """
    before = await gift_cards.get_gift_card(session, gift_card_id=gift_card_id, for_update=True)
    ended = await gift_cards.end_gift_card(session, gift_card_id=gift_card_id, now=now)
    await trail.record("gift_card.end", gift_card_id, before=before, after=ended)
    return ended
