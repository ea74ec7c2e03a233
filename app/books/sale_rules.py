"""Which books may not be sold to a buyer today, however many copies there are."""

from collections.abc import Iterable

from babel.dates import format_date

from app.books.availability import is_embargoed
from app.books.errors import BookEmbargoedError, BookNotSoldInCountryError
from app.books.pricing import may_be_sold_in
from app.books.service import Offer
from app.core.countries import country_name
from app.core.market import Market


def refuse_unsaleable(offers: Iterable[Offer], *, market: Market, field: str | None = None) -> None:
    """Refuse, by name, what is under embargo or may not be sold to the market's country.

    ``field`` is the input that is to blame.

    Raises:
        BookEmbargoedError: the on-sale date of some books is still to come, and they cannot be
            ordered in advance.
        BookNotSoldInCountryError: the publisher gave no right to sell some of them there.
    """
    asked = sorted(offers, key=lambda offer: offer.book_id)
    early = [
        (offer, offer.on_sale_date)
        for offer in asked
        if offer.on_sale_date is not None
        and is_embargoed(offer.on_sale_date, market)
        and not offer.takes_preorders
    ]
    if early:
        offer, first = early[0]
        raise BookEmbargoedError(
            f"“{offer.title}” is on sale from {format_date(first, 'd MMMM y', locale='en')}.",
            field=field,
            extra={
                "items": [
                    {"book_id": book.book_id, "title": book.title, "on_sale_date": str(day)}
                    for book, day in early
                ]
            },
        )
    forbidden = [offer for offer in asked if not may_be_sold_in(market.country, offer.sales_rights)]
    if forbidden:
        raise BookNotSoldInCountryError(
            f"“{forbidden[0].title}” may not be sold to {country_name(market.country, 'en')}.",
            field=field,
            extra={
                "country": market.country,
                "items": [{"book_id": book.book_id, "title": book.title} for book in forbidden],
            },
        )
