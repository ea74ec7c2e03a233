"""What coupons and offers take off a basket, and counting that a coupon was used.

An order takes its coupons and gift cards before its copies of books, and gives them back in the
same order, so that two orders never wait for each other.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.classification import BookClass
from app.books.codes import BookFormat
from app.core.config import get_settings
from app.core.market import shop_market
from app.core.money import ZERO, format_money
from app.promotions import repository
from app.promotions.codes import normalize_coupon_code
from app.promotions.discounts import (
    Circumstances,
    Discounts,
    Refusal,
    RefusedCode,
    work_out,
)
from app.promotions.errors import CouponRefusedError
from app.promotions.models import Coupon, Offer
from app.promotions.price_laws import LAWS
from app.promotions.terms import CouponTerms, OfferTerms, PricedLine, Selection

MAX_CODES = 10
"""How many codes an order may have."""

PEOPLE_KEPT_FOR = timedelta(days=30)
"""How long after a coupon's end it is still known by digests who used it."""

SENTENCES: Mapping[Refusal, str] = {
    Refusal.UNKNOWN: "There is no code {code}.",
    Refusal.NOT_YET: "The code {code} cannot be used yet.",
    Refusal.OVER: "The code {code} is over.",
    Refusal.USED_UP: "The code {code} was used as often as it can be.",
    Refusal.USED_BY_BUYER: "You have used the code {code} already.",
    Refusal.OTHER_CURRENCY: "The code {code} is for another currency.",
    Refusal.NOTHING_ELIGIBLE: "The code {code} is for other books than those in your basket.",
    Refusal.BELOW_MINIMUM: "The code {code} needs books for at least {minimum}.",
    Refusal.PRICE_LAW: "By law these books have one price where you want them sent, so the code "
    "{code} takes nothing off.",
    Refusal.NOT_WITH_OTHERS: "The code {code} cannot be used together with another one.",
    Refusal.NOTHING_LEFT: "There is nothing that the code {code} could still take off.",
}


@dataclass(frozen=True, kw_only=True)
class Buyer:
    """Who buys, as far as is known: an account, an address, or both."""

    user_id: int | None = None
    email: str | None = None

    @property
    def people(self) -> list[bytes]:
        """Digests under which the buyer is counted; who used what is not kept in words.

        A reader who used a coupon as a guest is known again by the address.
        """
        names = []
        if self.user_id is not None:
            names.append(f"account\n{self.user_id}")
        if self.email is not None:
            names.append(f"email\n{self.email.strip().casefold()}")
        return sorted(hashlib.sha256(name.encode()).digest() for name in names)


def describe_line(
    *, key: int, book_id: int, quantity: int, unit_price: Decimal, kind: BookClass
) -> PricedLine:
    """Return a line with all of its book that coupons, offers and laws ask."""
    return PricedLine(
        key=key,
        book_id=book_id,
        quantity=quantity,
        unit_price=unit_price,
        genre_ids=kind.genre_ids,
        publisher_ids=kind.publisher_ids,
        format=kind.format,
        language=kind.language,
        published_by=kind.published_by,
        is_gift_card=kind.format is BookFormat.GIFT_CARD,
    )


async def work_out_discounts(
    session: AsyncSession,
    *,
    lines: Sequence[PricedLine],
    codes: Iterable[str],
    buyer: Buyer,
    country: str,
    currency: str,
    now: datetime,
    is_collected: bool = False,
) -> Discounts:
    """Return what offers and coupons take off, and the codes that take nothing off.

    It reads and counts nothing: ``redeem`` does. Who is not known yet has used nothing yet.

    Args:
        session: the caller's.
        lines: what is bought, from ``describe_line``; their keys differ.
        codes: as they were typed, in that order.
        buyer: who buys.
        country: where the books go, whose law may bind prices; of those that are fetched, where
            that is.
        currency: that of all prices.
        now: the moment.
        is_collected: whether the books are fetched in the shop.
    """
    typed = list(dict.fromkeys(filter(None, map(normalize_coupon_code, codes))))
    too_many = [
        RefusedCode(code=code, reason=Refusal.NOT_WITH_OTHERS) for code in typed[MAX_CODES:]
    ]
    del typed[MAX_CODES:]
    coupons = await repository.find_by_codes(session, codes=typed) if typed else {}
    uses = (
        await repository.count_uses(
            session,
            coupon_ids=[coupon.id for coupon in coupons.values()],
            people=buyer.people,
        )
        if coupons
        else {}
    )
    usable, refused = [], []
    for code in typed:
        coupon = coupons.get(code)
        if coupon is None:
            refused.append(RefusedCode(code=code, reason=Refusal.UNKNOWN))
            continue
        reason = _obstacle(coupon, uses=uses.get(coupon.id, 0), currency=currency, now=now)
        if reason is None:
            usable.append(coupon_terms(coupon))
        else:
            refused.append(RefusedCode(code=code, reason=reason))
    offers = await repository.list_running_offers(session, now=now)
    found = work_out(
        lines,
        offers=map(offer_terms, offers),
        coupons=usable,
        circumstances=Circumstances(
            currency=currency,
            today=shop_market(now=now, settings=get_settings()).today,
            law=LAWS.get(country),
            is_collected=is_collected,
        ),
    )
    return Discounts(items=found.items, refused=(*refused, *found.refused, *too_many))


def refuse_useless_codes(discounts: Discounts, *, currency: str) -> None:
    """Refuse codes that take nothing off, for where a buyer counts on them.

    Raises:
        CouponRefusedError: about the first of them; ``refused`` names all.
    """
    if discounts.refused:
        raise refusal(discounts.refused, currency=currency)


def refusal(refused: Sequence[RefusedCode], *, currency: str) -> CouponRefusedError:
    """Return the error that says why codes cannot be used."""
    first = refused[0]
    return CouponRefusedError(
        explain(first, currency=currency),
        extra={
            "coupon": first.code,
            "reason": first.reason,
            "refused": [{"coupon": one.code, "reason": one.reason} for one in refused],
        },
    )


def explain(refused: RefusedCode, *, currency: str) -> str:
    """Return the sentence for shoppers that says why a code takes nothing off."""
    minimum = format_money(refused.minimum or ZERO, currency, get_settings().locale)
    return SENTENCES[refused.reason].format(code=refused.code, minimum=minimum)


async def redeem(
    session: AsyncSession, *, order_id: int, discounts: Discounts, buyer: Buyer, now: datetime
) -> None:
    """Count the coupons of an order as used, in the order's transaction.

    Of many who want the last redemption one gets it, and nobody more than a person may have.

    Raises:
        CouponRefusedError: a coupon is over or used up, or this buyer has used it. Others may have
            been counted by then: the transaction is to be undone.
    """
    people = buyer.people
    for discount in _coupons(discounts):
        taken = await repository.take_redemption(session, coupon_id=discount.coupon_id, now=now)
        if taken is None:
            raise await _why_not(session, discount.code, now=now)
        for person in people:
            if not await repository.take_use(
                session,
                coupon_id=discount.coupon_id,
                person=person,
                limit=taken.max_per_person,
            ):
                raise _refused(discount.code, Refusal.USED_BY_BUYER)
        await repository.insert_redemption(
            session,
            {
                "coupon_id": discount.coupon_id,
                "order_id": order_id,
                "amount": discount.amount,
                "people": people,
            },
        )


async def release(session: AsyncSession, *, order_id: int, now: datetime) -> None:
    """Let an order that came to nothing use its coupons no more. It can be repeated."""
    for row in await repository.release_redemptions(session, order_id=order_id, now=now):
        await repository.give_back_redemption(session, coupon_id=row.coupon_id, people=row.people)


async def forget_people(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget who used coupons that have been over for long, up to a limit; return how many."""
    return await repository.forget_people(session, before=now - PEOPLE_KEPT_FOR, limit=limit)


def coupon_terms(coupon: Coupon) -> CouponTerms:
    """Return what a coupon says."""
    return CouponTerms(
        id=coupon.id,
        code=coupon.code,
        kind=coupon.kind,
        title=coupon.title,
        percent=coupon.percent,
        amount=coupon.amount,
        minimum=coupon.minimum,
        selection=_selection(coupon),
        stacks=coupon.stacks,
    )


def offer_terms(offer: Offer) -> OfferTerms:
    """Return what an offer says."""
    return OfferTerms(
        id=offer.id,
        kind=offer.kind,
        title=offer.title,
        percent=offer.percent,
        bundle_size=offer.bundle_size or 0,
        bundle_discounted=offer.bundle_discounted or 0,
        selection=_selection(offer),
    )


@dataclass(frozen=True, kw_only=True)
class _CouponDiscount:
    coupon_id: int
    code: str
    amount: Decimal


def _coupons(discounts: Discounts) -> list[_CouponDiscount]:
    """Return the coupons among discounts, in ascending order of their ids."""
    found = [
        _CouponDiscount(coupon_id=one.coupon_id, code=one.code, amount=one.amount)
        for one in discounts.items
        if one.coupon_id is not None and one.code is not None
    ]
    return sorted(found, key=lambda one: one.coupon_id)


async def _why_not(session: AsyncSession, code: str, *, now: datetime) -> CouponRefusedError:
    coupon = (await repository.find_by_codes(session, codes=[code]))[code]
    reason = _obstacle(coupon, uses=0, currency=coupon.currency, now=now)
    return _refused(code, reason or Refusal.USED_UP)


def _refused(code: str, reason: Refusal) -> CouponRefusedError:
    currency = get_settings().currency
    return refusal([RefusedCode(code=code, reason=reason)], currency=currency)


def _obstacle(coupon: Coupon, *, uses: int, currency: str, now: datetime) -> Refusal | None:
    """Return why a coupon cannot be used by somebody now, whatever is in the basket."""
    if coupon.ended_at is not None or (coupon.ends_at is not None and coupon.ends_at <= now):
        return Refusal.OVER
    if coupon.starts_at is not None and coupon.starts_at > now:
        return Refusal.NOT_YET
    if coupon.currency != currency:
        return Refusal.OTHER_CURRENCY
    if coupon.max_redemptions is not None and coupon.redeemed >= coupon.max_redemptions:
        return Refusal.USED_UP
    if coupon.max_per_person is not None and uses >= coupon.max_per_person:
        return Refusal.USED_BY_BUYER
    return None


def _selection(row: Coupon | Offer) -> Selection:
    return Selection(
        book_ids=frozenset(row.book_ids),
        genre_ids=frozenset(row.genre_ids),
        publisher_ids=frozenset(row.publisher_ids),
        formats=frozenset(row.formats),
    )
