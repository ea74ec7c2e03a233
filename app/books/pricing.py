"""Which of the prices that suppliers name is the shop's, and where a book may be sold."""

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

from app.books.codes import EUROZONE

WORLD, REST_OF_WORLD, EURO_REGION = "WORLD", "ROW", "ECZ"

CONSUMER_PRICES = {
    code: rank
    for rank, code in enumerate(
        [
            "42",
            "04",
            "02",
            "24",
            "22",
            "14",
            "12",
            "34",
            "41",
            "03",
            "01",
            "23",
            "21",
            "13",
            "11",
            "33",
            "31",
        ]
    )
}
"""Types of ONIX list 58 that a shopper pays, the best first: with tax before without, fixed by law
before recommended, today's before special and pre-publication ones. What the trade pays is none."""

MAY_SELL = frozenset(["01", "02", "07", "08"])
MAY_NOT_SELL = frozenset(["03", "04", "05", "06"])
"""Types of ONIX list 46; 00 says nothing."""


CONSUMER_QUALIFIERS = {None, "", "00", "05"}
"""Qualifiers of ONIX list 59 that a shopper meets: none, unqualified, consumer price."""


class Territorial(Protocol):
    """Something that holds in some countries: ISO 3166 codes, ``WORLD``, ``ECZ`` or ``ROW``."""

    @property
    def countries(self) -> Collection[str] | None:
        """Where; ``None`` is everywhere."""

    @property
    def excluded_countries(self) -> Collection[str] | None:
        """Where not."""


class Priced(Territorial, Protocol):
    """A price as ``models.Price`` has it."""

    @property
    def type_code(self) -> str:
        """What kind of price it is (ONIX list 58)."""

    @property
    def qualifier(self) -> str | None:
        """Whom it is for (ONIX list 59)."""

    @property
    def amount(self) -> Decimal:
        """How much."""

    @property
    def currency(self) -> str:
        """Of what (ISO 4217)."""

    @property
    def minimum_quantity(self) -> int | None:
        """From how many copies on."""

    @property
    def valid_from(self) -> date | None:
        """The first day."""

    @property
    def valid_until(self) -> date | None:
        """The last day."""


class SalesRule(Territorial, Protocol):
    """A sales right as ``models.SalesRight`` has it."""

    @property
    def type_code(self) -> str:
        """Whether it may be sold (ONIX list 46)."""


P = TypeVar("P", bound=Priced)


def is_set_in_shop(
    *,
    price: Decimal | None,
    currency: str,
    feed_price: Decimal | None,
    priced_on: date | None,
    feed_currency: str,
) -> bool:
    """Tell whether somebody of the shop has set the price since feeds named ``feed_price``.

    ``priced_on`` is the day on which a feed was heard last; before the first nobody is.
    """
    is_known = priced_on is not None and price is not None
    return is_known and (price, currency) != (feed_price, feed_currency)


def choose_price(prices: Iterable[P], *, currency: str, country: str, day: date) -> P | None:
    """Return the price that a shop in the country asks on that day, if there is one.

    Free of charge is no price.
    """
    asked = [
        price
        for price in prices
        if price.currency == currency
        and price.type_code in CONSUMER_PRICES
        and price.qualifier in CONSUMER_QUALIFIERS
        and price.amount > 0
        and (price.minimum_quantity or 1) <= 1
        and covers(price, country)
        and (price.valid_from is None or price.valid_from <= day)
        and (price.valid_until is None or day <= price.valid_until)
    ]
    return min(
        asked,
        key=lambda price: (
            CONSUMER_PRICES[price.type_code],
            country not in (price.countries or ()),  # made for this country before for the world
            price.valid_from is None,  # a price of these days before one without end
            price.amount,
        ),
        default=None,
    )


def covers(territory: Territorial, country: str) -> bool:
    """Tell whether a country is meant."""
    excluded = territory.excluded_countries or ()
    if country in excluded or (EURO_REGION in excluded and country in EUROZONE):
        return False
    included = territory.countries
    if included is None:
        return True
    return (
        country in included
        or WORLD in included
        or (EURO_REGION in included and country in EUROZONE)
    )


def may_be_sold_in(country: str, rights: Collection[SalesRule]) -> bool:
    """Tell whether a book may be sold in a country, as far as its publisher says.

    Where nothing is said everything is allowed; where rights are given to some countries, the
    others have them only by a word on the rest of the world.
    """
    rules = [right for right in rights if right.type_code in MAY_SELL | MAY_NOT_SELL]
    rest = [right for right in rules if REST_OF_WORLD in (right.countries or ())]
    about = [right for right in rules if right not in rest and covers(right, country)]
    named = [right for right in about if country in (right.countries or ())]
    decisive = named or about or rest
    if decisive:
        return all(right.type_code in MAY_SELL for right in decisive)
    return not any(right.type_code in MAY_SELL for right in rules)
