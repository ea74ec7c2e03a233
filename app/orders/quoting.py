"""What a basket comes to for a buyer: discounts, then shipping, then tax, then gift cards.

It reads and writes nothing. The one-call checkout, the checkout in steps and the pages all ask
here, so that nobody is charged what somebody else was shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.books.measures import Measures
from app.books.sale_rules import refuse_unsaleable
from app.books.service import Offer, get_offers
from app.cart.schemas import MAX_TITLES, Copies
from app.core.config import Settings
from app.core.market import Market, shop_market
from app.core.money import ZERO
from app.orders.errors import (
    AddressNeededError,
    CartEmptyError,
    GiftCardSpentError,
    InsufficientStockError,
    ItemsUnavailableError,
    NotDeliverableError,
    PriceChangedError,
    TooManyTitlesError,
)
from app.orders.schemas import Address, Buyer
from app.orders.totals import SHIPPING, Totals, add_up, spread
from app.promotions import gift_cards
from app.promotions.discounts import Discounts
from app.promotions.errors import GiftCardNotFoundError
from app.promotions.service import Buyer as Redeemer
from app.promotions.service import (
    describe_line,
    refuse_useless_codes,
    work_out_discounts,
)
from app.shipping.errors import MethodNotOfferedError
from app.shipping.models import MethodKind
from app.shipping.offers import Parcel, ShippingOption
from app.shipping.service import is_set_up, list_options, pack
from app.tax.kinds import ProductKind, kind_of
from app.tax.service import rates_for
from app.tax.working_out import TaxableLine, work_out_tax


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a buyer has chosen. Of gift cards the ids, once their codes were proved.

    ``needs_destination`` tells that what is to be sent must be sent somewhere. The one-call
    checkout may leave that out.
    """

    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method_id: int | None = None
    coupon_codes: Sequence[str] = ()
    gift_card_ids: Sequence[int] = ()
    needs_destination: bool = False


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a basket comes to. ``country`` is where it goes; lines are called by their books' ids.

    ``options`` are the ways there and ``shipping`` the one that was taken, if any was.
    """

    offers: Mapping[int, Offer]
    copies: Mapping[int, Copies]
    country: str
    needs_shipping: bool
    is_deliverable: bool
    discounts: Discounts
    options: Sequence[ShippingOption]
    shipping: ShippingOption | None
    totals: Totals
    gift_card_books: frozenset[int]
    gift_card_parts: Mapping[int, Decimal]

    @property
    def quantities(self) -> dict[int, int]:
        """How many copies of each book."""
        return {book_id: copies.quantity for book_id, copies in self.copies.items()}


async def find_offers(session: AsyncSession, *, copies: Mapping[int, Copies]) -> dict[int, Offer]:
    """Return the offers of all books in a basket.

    Raises:
        CartEmptyError: there is none.
        TooManyTitlesError: there are more than an order can have.
        ItemsUnavailableError: some of them are no longer sold.
    """
    if not copies:
        raise CartEmptyError
    if len(copies) > MAX_TITLES:
        raise TooManyTitlesError(extra={"limit": MAX_TITLES})
    offers = await get_offers(session, book_ids=copies.keys())
    missing = sorted(copies.keys() - offers.keys())
    if missing:
        raise ItemsUnavailableError(extra={"items": [{"book_id": book_id} for book_id in missing]})
    return offers


async def work_out_quote(
    session: AsyncSession,
    *,
    copies: Mapping[int, Copies],
    offers: Mapping[int, Offer],
    choices: Choices,
    buyer: Buyer,
    now: datetime,
    settings: Settings,
) -> Quote:
    """Return what a basket comes to; what cannot be had as it was chosen is left out, not refused.

    ``refuse_what_was_chosen_in_vain`` and ``refuse_unsaleable_books`` refuse.
    """
    address = choices.shipping_address
    destination = address.country if address is not None else settings.country
    measures = {book_id: offers[book_id].measures for book_id in copies}
    parcel = _pack(copies, offers, measures, country=None if address is None else address.country)
    wanted = await _find_wanted(session, choices, parcel)
    is_collected = wanted is not None and wanted.kind is MethodKind.COLLECT
    country = settings.country if is_collected else destination
    discounts = await _discount(
        session,
        copies,
        offers,
        codes=choices.coupon_codes,
        buyer=buyer,
        country=country,
        is_collected=is_collected,
        now=now,
        settings=settings,
    )
    off = discounts.by_line()
    worth = {
        book_id: offers[book_id].price * item.quantity - off.get(book_id, ZERO)
        for book_id, item in copies.items()
    }
    if address is None and choices.shipping_method_id is None:
        options: Sequence[ShippingOption] = ()
    else:
        shipped = (worth[book_id] for book_id in copies if not measures[book_id].is_download)
        options = await list_options(session, parcel=replace(parcel, value=sum(shipped, ZERO)))
    shipping = _choose(options, choices, needs_shipping=not parcel.all_digital)
    price = ZERO if shipping is None or discounts.free_shipping else shipping.price
    taxable = [
        TaxableLine(
            key=book_id,
            kind=kind_of(measures[book_id].format),
            amount=worth[book_id],
            is_shipped=not measures[book_id].is_download,
        )
        for book_id in sorted(copies)
    ]
    if price:
        taxable.append(TaxableLine(key=SHIPPING, kind=ProductKind.SHIPPING, amount=price))
    taxed_in = _taxed_in(choices, is_collected=is_collected, settings=settings)
    tax = work_out_tax(
        taxable,
        rates=await rates_for(session, country=taxed_in, now=now),
        prices_include_tax=settings.prices_include_tax,
        rounding=settings.tax_rounding,
        currency=settings.currency,
    )
    totals = add_up(
        {book_id: (item.quantity, offers[book_id].price) for book_id, item in copies.items()},
        discounts=off,
        shipping=price,
        tax=tax,
        prices_include_tax=settings.prices_include_tax,
    )
    parts = await _pay_by_gift_cards(session, totals, choices, now=now, settings=settings)
    return Quote(
        offers=offers,
        copies=copies,
        country=country,
        needs_shipping=not parcel.all_digital,
        is_deliverable=(
            shipping is not None
            or parcel.all_digital
            or address is None
            or not await is_set_up(session)
        ),
        discounts=discounts,
        options=options,
        shipping=shipping,
        totals=replace(totals, gift_card_total=sum(parts.values(), ZERO)),
        gift_card_books=frozenset(
            book_id for book_id, facts in measures.items() if facts.format is BookFormat.GIFT_CARD
        ),
        gift_card_parts=parts,
    )


def refuse_unsaleable_books(quote: Quote, *, now: datetime, settings: Settings) -> None:
    """Refuse, by name, books that may not be sold to where they go.

    Raises:
        BookEmbargoedError, BookNotSoldInCountryError: see there.
    """
    market = Market(country=quote.country, today=shop_market(now=now, settings=settings).today)
    refuse_unsaleable(quote.offers.values(), market=market)


def refuse_short_stock(offers: Mapping[int, Offer], copies: Mapping[int, Copies]) -> None:
    """Refuse at a glance what is sold out, before anything is worked out, written or locked.

    Only a shortcut for the many who come too late: who passes may still find the last copy gone
    when the stock itself decides.

    Raises:
        InsufficientStockError: of some books there are too few.
    """
    short = [
        {"book_id": book_id, "requested": item.quantity, "available": offers[book_id].on_hand}
        for book_id, item in sorted(copies.items())
        if offers[book_id].on_hand < item.quantity
    ]
    if short:
        raise InsufficientStockError(extra={"items": short})


def refuse_what_was_chosen_in_vain(quote: Quote, choices: Choices, *, settings: Settings) -> None:
    """Refuse to sell on other terms than the buyer chose.

    Raises:
        CouponRefusedError: a code takes nothing off.
        MethodNotOfferedError: the way of shipping is not offered for this order.
        AddressNeededError: what is to be sent goes nowhere yet.
        NotDeliverableError: there is no way to the address.
        GiftCardSpentError: a gift card pays nothing although something is to be paid.
    """
    refuse_useless_codes(quote.discounts, currency=settings.currency)
    chosen = quote.shipping.method_id if quote.shipping is not None else None
    if choices.shipping_method_id not in {None, chosen}:
        raise MethodNotOfferedError(field="shipping_method_id")
    is_collected = quote.shipping is not None and quote.shipping.kind is MethodKind.COLLECT
    if (
        choices.needs_destination
        and quote.needs_shipping
        and choices.shipping_address is None
        and not is_collected
    ):
        raise AddressNeededError(field="shipping_address")
    if not quote.is_deliverable:
        raise NotDeliverableError(field="shipping_address")
    unused = set(choices.gift_card_ids) - quote.gift_card_parts.keys()
    if unused and quote.totals.amount_to_pay:
        raise GiftCardSpentError(field="gift_card_codes")


def refuse_changed_total(quote: Quote, *, expected: Decimal | None, settings: Settings) -> None:
    """Refuse to charge another total than the buyer saw, if it is known what they saw.

    Raises:
        PriceChangedError: it is another; ``changes`` are the books that cost something else than
            when they were put into the basket.
    """
    if expected is None or expected == quote.totals.total:
        return
    raise PriceChangedError(
        extra={
            "total": str(quote.totals.total),
            "expected_total": str(expected),
            "currency": settings.currency,
            "changes": [
                {
                    "book_id": book_id,
                    "title": quote.offers[book_id].title,
                    "price_before": str(item.price_seen),
                    "price": str(quote.offers[book_id].price),
                }
                for book_id, item in sorted(quote.copies.items())
                if item.price_seen not in {None, quote.offers[book_id].price}
            ],
        }
    )


async def prove_gift_cards(
    session: AsyncSession, *, codes: Sequence[str], now: datetime
) -> list[int]:
    """Return the ids of the gift cards with some codes.

    Raises:
        GiftCardNotFoundError: no card that may be used has one of them.
    """
    found = [await gift_cards.find_balance(session, code=code, now=now) for code in codes]
    return sorted({card.gift_card_id for card in found})


def _pack(
    copies: Mapping[int, Copies],
    offers: Mapping[int, Offer],
    measures: Mapping[int, Measures],
    *,
    country: str | None,
) -> Parcel:
    """Return the parcel as it is before discounts; nobody packs what is only downloaded."""
    if all(measures[book_id].is_download for book_id in copies):
        return Parcel(weight_grams=0, value=ZERO, country=country, all_digital=True)
    return pack(
        quantities={book_id: item.quantity for book_id, item in copies.items()},
        values={book_id: offers[book_id].price * item.quantity for book_id, item in copies.items()},
        measures=measures,
        country=country,
    )


async def _find_wanted(
    session: AsyncSession, choices: Choices, parcel: Parcel
) -> ShippingOption | None:
    """Return the way that was chosen, to know whether the order is collected."""
    if choices.shipping_method_id is None:
        return None
    return _by_id(await list_options(session, parcel=parcel), choices.shipping_method_id)


def _choose(
    options: Sequence[ShippingOption], choices: Choices, *, needs_shipping: bool
) -> ShippingOption | None:
    """Return the way that was chosen, or for who did not choose the cheapest to their door."""
    if choices.shipping_method_id is not None:
        return _by_id(options, choices.shipping_method_id)
    brought = [option for option in options if option.kind is not MethodKind.COLLECT]
    return min(brought, key=lambda option: option.price, default=None) if needs_shipping else None


def _by_id(options: Sequence[ShippingOption], method_id: int) -> ShippingOption | None:
    return next((option for option in options if option.method_id == method_id), None)


def _taxed_in(choices: Choices, *, is_collected: bool, settings: Settings) -> str:
    """Return the country that the order is sold to: what is downloaded goes to who is billed."""
    address = choices.shipping_address or choices.billing_address
    return settings.country if is_collected or address is None else address.country


async def _discount(
    session: AsyncSession,
    copies: Mapping[int, Copies],
    offers: Mapping[int, Offer],
    *,
    codes: Sequence[str],
    buyer: Buyer,
    country: str,
    is_collected: bool,
    now: datetime,
    settings: Settings,
) -> Discounts:
    lines = [
        describe_line(
            key=book_id,
            book_id=book_id,
            quantity=item.quantity,
            unit_price=offers[book_id].price,
            kind=offers[book_id].kind,
        )
        for book_id, item in sorted(copies.items())
    ]
    return await work_out_discounts(
        session,
        lines=lines,
        codes=codes,
        buyer=redeemer(buyer),
        country=country,
        currency=settings.currency,
        now=now,
        is_collected=is_collected,
    )


def redeemer(buyer: Buyer) -> Redeemer:
    """Return the buyer as coupons count them."""
    return Redeemer(user_id=buyer.user_id, email=buyer.email)


async def _pay_by_gift_cards(
    session: AsyncSession, totals: Totals, choices: Choices, *, now: datetime, settings: Settings
) -> dict[int, Decimal]:
    """Return how much each gift card pays; what may not be used any more pays nothing."""
    balances = {}
    for gift_card_id in sorted(choices.gift_card_ids):
        try:
            card = await gift_cards.find_balance_of_card(
                session, gift_card_id=gift_card_id, now=now
            )
        except GiftCardNotFoundError:
            continue
        if card.currency == settings.currency:
            balances[gift_card_id] = card.balance
    return spread(totals.total, balances)
