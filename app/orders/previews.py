"""What a basket comes to at whatever a buyer has typed by now, be it right or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.cart import service as cart
from app.core.config import Settings
from app.core.countries import COUNTRY_CODES
from app.core.exceptions import AppError
from app.orders.checkout_schemas import QuoteRead
from app.orders.quoting import Choices, find_offers, prove_gift_cards, work_out_quote
from app.orders.schemas import Address, Buyer
from app.promotions.service import explain


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What it comes to, and what is wrong with codes, by the field that is to blame.

    There is no ``quote`` of a basket with books that are no longer sold.
    """

    quote: QuoteRead | None
    errors: Mapping[str, str]


async def preview(
    session: AsyncSession,
    *,
    buyer: Buyer,
    country: str,
    shipping_method_id: int | None,
    coupon_codes: Sequence[str],
    gift_card_codes: Sequence[str],
    now: datetime,
    settings: Settings,
) -> Preview:
    """Return what the buyer's basket would come to; it refuses nothing and writes nothing."""
    errors = {}
    copies = await cart.list_copies(session, owner=buyer.cart)
    try:
        offers = await find_offers(session, copies=copies)
    except AppError:
        return Preview(quote=None, errors={})
    gift_card_ids: Sequence[int] = ()
    try:
        gift_card_ids = await prove_gift_cards(session, codes=gift_card_codes, now=now)
    except AppError as error:
        errors["gift_card_code"] = error.detail
    address = None
    if country in COUNTRY_CODES:  # it is enough to work it out
        address = Address(name="-", street="-", city="-", country=country)
    quote = await work_out_quote(
        session,
        copies=copies,
        offers=offers,
        choices=Choices(
            shipping_address=address,
            shipping_method_id=shipping_method_id,
            coupon_codes=coupon_codes,
            gift_card_ids=gift_card_ids,
        ),
        buyer=buyer,
        now=now,
        settings=settings,
    )
    for refused in quote.discounts.refused:
        errors["coupon_code"] = explain(refused, currency=settings.currency)
    return Preview(quote=QuoteRead.of(quote, currency=settings.currency), errors=errors)
