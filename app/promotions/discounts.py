"""Working out discounts, exact to the smallest coin. Everything here is pure.

Automatic offers come first, in the shop's order, and a copy is in one offer at most. Coupons come
after them: shares before amounts, whatever order they were typed in. Where a law binds a book's
price (``price_laws``), no more is taken off than it allows, all discounts together.

Every discount says how much of it falls on which line. These amounts add up to it exactly; they are
what taxes and refunds of single lines go by.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum

from babel.numbers import get_currency_precision

from app.core.money import ZERO
from app.promotions.price_laws import PRINTED, PriceLaw
from app.promotions.terms import CouponKind, CouponTerms, OfferKind, OfferTerms, PricedLine

HUNDRED = Decimal(100)


class DiscountKind(StrEnum):
    """Where a discount comes from."""

    OFFER = "offer"
    COUPON = "coupon"


class Refusal(StrEnum):
    """Why a code takes nothing off."""

    UNKNOWN = "unknown"
    NOT_YET = "not_yet"
    OVER = "over"
    USED_UP = "used_up"
    USED_BY_BUYER = "used_by_buyer"
    OTHER_CURRENCY = "other_currency"
    NOTHING_ELIGIBLE = "nothing_eligible"
    BELOW_MINIMUM = "below_minimum"
    PRICE_LAW = "price_law"
    NOT_WITH_OTHERS = "not_with_others"
    NOTHING_LEFT = "nothing_left"


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """How much of a discount falls on a line."""

    line_key: int
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Discount:
    """What an offer or a coupon takes off. Free shipping alone has no amount of its own."""

    kind: DiscountKind
    title: str
    amount: Decimal
    allocations: tuple[Allocation, ...]
    offer_id: int | None = None
    coupon_id: int | None = None
    code: str | None = None
    free_shipping: bool = False


@dataclass(frozen=True, kw_only=True)
class RefusedCode:
    """A code that takes nothing off, and why. ``minimum`` is what the basket lacks it for."""

    code: str
    reason: Refusal
    minimum: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Discounts:
    """All that is taken off, and the codes that take nothing off."""

    items: tuple[Discount, ...] = ()
    refused: tuple[RefusedCode, ...] = ()

    @property
    def total(self) -> Decimal:
        """What is taken off all lines together."""
        return sum((discount.amount for discount in self.items), ZERO)

    @property
    def free_shipping(self) -> bool:
        """Whether the delivery costs nothing."""
        return any(discount.free_shipping for discount in self.items)

    def by_line(self) -> dict[int, Decimal]:
        """Return what is taken off each line, by its key; lines at their full price are absent."""
        amounts: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
        for discount in self.items:
            for allocation in discount.allocations:
                amounts[allocation.line_key] += allocation.amount
        return dict(amounts)


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Where the books go and when: the law of there, if any, and whether they are fetched."""

    currency: str
    today: date
    law: PriceLaw | None = None
    is_collected: bool = False


def work_out(
    lines: Sequence[PricedLine],
    *,
    offers: Iterable[OfferTerms],
    coupons: Sequence[CouponTerms],
    circumstances: Circumstances,
) -> Discounts:
    """Return what offers and coupons take off some lines.

    Args:
        lines: what is bought; their keys differ.
        offers: those that run, in the shop's order.
        coupons: those that may be used, in the order in which they were typed: of two that cannot
            be used together, the first counts.
        circumstances: where the books go, and when.
    """
    basket = _Basket(lines, circumstances)
    items = [found for offer in offers if (found := _apply_offer(basket, offer)) is not None]
    basket.remember_offers()
    refused: list[RefusedCode] = []
    kept: list[CouponTerms] = []
    for coupon in coupons:
        reason = _objection(basket, coupon)
        if reason is None and kept and not (coupon.stacks and all(one.stacks for one in kept)):
            reason = Refusal.NOT_WITH_OTHERS
        if reason is None:
            kept.append(coupon)
        else:
            refused.append(_refused(coupon, reason))
    for coupon in sorted(kept, key=lambda one: (list(CouponKind).index(one.kind), one.id)):
        taken = _apply_coupon(basket, coupon)
        if taken is None:
            refused.append(_refused(coupon, Refusal.NOTHING_LEFT))
        else:
            items.append(taken)
    return Discounts(items=tuple(items), refused=tuple(refused))


def allocate(
    amount: Decimal, weights: Mapping[int, Decimal], *, unit: Decimal
) -> dict[int, Decimal]:
    """Share an amount out in proportion to weights, by the largest remainder.

    The shares add up to the amount exactly. While it is not more than the weights together, and
    all are whole units, no share is more than its weight.

    Args:
        amount: whole units, not negative.
        weights: not negative, by key; of equal remainders the earlier key gets the unit.
        unit: the smallest coin.
    """
    parts = {key: int(weight / unit) for key, weight in weights.items()}
    whole = sum(parts.values())
    if not whole:
        return dict.fromkeys(weights, ZERO)
    units = int(amount / unit)
    shares = {key: units * part // whole for key, part in parts.items()}
    remainders = {key: units * part % whole for key, part in parts.items()}
    missing = units - sum(shares.values())
    for key in sorted(parts, key=lambda one: (-remainders[one], one))[:missing]:
        shares[key] += 1
    return {key: share * unit for key, share in shares.items()}


def smallest_coin(currency: str) -> Decimal:
    """Return the smallest amount of a currency: 0.01 of most, 1 of the yen."""
    return Decimal(1).scaleb(-get_currency_precision(currency))


class _Basket:
    """Lines while they become cheaper.

    ``left`` is what a line still costs, ``room`` what may still be taken off it, ``copies`` how
    many of it are in no offer. All amounts are whole units.
    """

    def __init__(self, lines: Sequence[PricedLine], circumstances: Circumstances) -> None:
        law, today = circumstances.law, circumstances.today
        self.unit = smallest_coin(circumstances.currency)
        self.lines = {line.key: line for line in lines}
        self.bound = {
            line.key for line in lines if law is not None and law.binds(line, today=today)
        }
        self.copies = {line.key: line.quantity for line in lines}
        self.left = {line.key: self.round_down(line.total) for line in lines}
        self.room = dict(self.left)
        for line in lines:
            if line.is_gift_card:
                self.room[line.key] = ZERO
            elif line.key in self.bound and law is not None:
                percent = law.allowance(line, is_collected=circumstances.is_collected)
                self.room[line.key] = self.round_down(line.total * percent / HUNDRED)
        self.delivery_must_cost = (
            law is not None
            and law.forbids_free_delivery
            and not circumstances.is_collected
            and any(self.lines[key].format in PRINTED for key in self.bound)
        )
        self.touched: set[int] = set()
        self.in_offers: set[int] = set()

    def round_down(self, amount: Decimal) -> Decimal:
        return (amount / self.unit).to_integral_value(ROUND_FLOOR) * self.unit

    def round(self, amount: Decimal) -> Decimal:
        return (amount / self.unit).to_integral_value(ROUND_HALF_UP) * self.unit

    def remember_offers(self) -> None:
        """Note which lines the offers have made cheaper, before the coupons do."""
        self.in_offers = set(self.touched)

    def take(self, wanted: Mapping[int, Decimal]) -> tuple[Allocation, ...]:
        """Take amounts off lines, as far as there is room; return what was taken."""
        taken = []
        for key, amount in sorted(wanted.items()):
            possible = min(amount, self.room[key], self.left[key])
            if possible > 0:
                self.left[key] -= possible
                self.room[key] -= possible
                self.touched.add(key)
                taken.append(Allocation(line_key=key, amount=possible))
        return tuple(taken)

    def reachable(self, coupon: CouponTerms) -> list[int]:
        """Return the lines that a coupon is for, be there room or not."""
        return [
            key
            for key, line in self.lines.items()
            if not line.is_gift_card
            and coupon.selection.takes(line)
            and (coupon.stacks or key not in self.in_offers)
        ]


def _apply_offer(basket: _Basket, offer: OfferTerms) -> Discount | None:
    wanted = (
        _percent_of_copies(basket, offer)
        if offer.kind is OfferKind.PERCENT
        else _percent_of_bundles(basket, offer)
    )
    allocations = basket.take(wanted)
    if not allocations:
        return None
    return Discount(
        kind=DiscountKind.OFFER,
        title=offer.title,
        amount=_sum(allocations),
        allocations=allocations,
        offer_id=offer.id,
    )


def _percent_of_copies(basket: _Basket, offer: OfferTerms) -> dict[int, Decimal]:
    prices = {
        key: basket.round_down(line.unit_price * basket.copies[key])
        for key, line in basket.lines.items()
        if basket.room[key] > 0 and basket.copies[key] and offer.selection.takes(line)
    }
    basket.copies |= dict.fromkeys(prices, 0)
    return _share(basket, offer.percent, prices)


def _percent_of_bundles(basket: _Basket, offer: OfferTerms) -> dict[int, Decimal]:
    """Discount the cheapest of every so many copies, the dearest taken together first.

    So a reader gains nothing from splitting a basket. What comes off is spread over all copies of
    the bundle, so that one who sends some back is not left with the free one. A book whose price
    is bound is in no bundle: it would not be sold at less, however that is called.
    """
    copies = sorted(
        (
            (line.unit_price, key)
            for key, line in basket.lines.items()
            if basket.room[key] > 0 and key not in basket.bound and offer.selection.takes(line)
            for _ in range(basket.copies[key])
        ),
        key=lambda copy: (-copy[0], copy[1]),
    )
    size = offer.bundle_size
    wanted: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
    for start in range(0, len(copies) - size + 1, size):
        bundle = copies[start : start + size]
        weights: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
        for price, key in bundle:
            weights[key] += basket.round_down(price)
            basket.copies[key] -= 1
        cheapest = sum((price for price, _ in bundle[-offer.bundle_discounted :]), ZERO)
        amount = min(basket.round(cheapest * offer.percent / HUNDRED), sum(weights.values(), ZERO))
        for key, share in allocate(amount, weights, unit=basket.unit).items():
            wanted[key] += share
    return dict(wanted)


def _objection(basket: _Basket, coupon: CouponTerms) -> Refusal | None:
    """Return why a coupon takes nothing off the basket as the offers have left it."""
    keys = basket.reachable(coupon)
    if not keys:
        return Refusal.NOTHING_ELIGIBLE
    if coupon.kind is CouponKind.FREE_SHIPPING:
        if basket.delivery_must_cost:
            return Refusal.PRICE_LAW
    else:
        open_keys = [key for key in keys if basket.room[key] > 0]
        if not open_keys:
            bound = any(key in basket.bound for key in keys)
            return Refusal.PRICE_LAW if bound else Refusal.NOTHING_LEFT
        keys = open_keys
    cost = sum((basket.left[key] for key in keys), ZERO)
    if coupon.minimum is not None and cost < coupon.minimum:
        return Refusal.BELOW_MINIMUM
    return None


def _apply_coupon(basket: _Basket, coupon: CouponTerms) -> Discount | None:
    keys = [key for key in basket.reachable(coupon) if basket.room[key] > 0]
    wanted: dict[int, Decimal] = {}
    if coupon.kind is CouponKind.PERCENT and coupon.percent is not None:
        wanted = _share(basket, coupon.percent, {key: basket.left[key] for key in keys})
    elif coupon.kind is CouponKind.AMOUNT and coupon.amount is not None:
        rooms = {key: basket.room[key] for key in keys}
        amount = min(basket.round_down(coupon.amount), sum(rooms.values(), ZERO))
        wanted = allocate(amount, rooms, unit=basket.unit)
    allocations = basket.take(wanted)
    is_free_shipping = coupon.kind is CouponKind.FREE_SHIPPING
    if not allocations and not is_free_shipping:
        return None
    return Discount(
        kind=DiscountKind.COUPON,
        title=coupon.title,
        amount=_sum(allocations),
        allocations=allocations,
        coupon_id=coupon.id,
        code=coupon.code,
        free_shipping=is_free_shipping,
    )


def _share(basket: _Basket, percent: Decimal, prices: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """Share out so many percent of prices: of their sum, so that it is rounded only once."""
    amount = basket.round(sum(prices.values(), ZERO) * percent / HUNDRED)
    return allocate(amount, prices, unit=basket.unit)


def _sum(allocations: Iterable[Allocation]) -> Decimal:
    return sum((allocation.amount for allocation in allocations), ZERO)


def _refused(coupon: CouponTerms, reason: Refusal) -> RefusedCode:
    minimum = coupon.minimum if reason is Refusal.BELOW_MINIMUM else None
    return RefusedCode(code=coupon.code, reason=reason, minimum=minimum)
