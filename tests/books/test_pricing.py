"""Which price is the shop's, and where a book may be sold."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest

from app.books.pricing import choose_price, covers, may_be_sold_in

TODAY = date(2026, 11, 24)


@dataclass(frozen=True, kw_only=True)
class Offered:
    amount: Decimal = Decimal("9.99")
    type_code: str = "02"
    currency: str = "EUR"
    qualifier: str | None = None
    minimum_quantity: int | None = None
    countries: list[str] | None = None
    excluded_countries: list[str] | None = None
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True)
class Right:
    type_code: str
    countries: list[str] | None = field(default=None)
    excluded_countries: list[str] | None = field(default=None)


def chosen(*prices: Offered) -> Offered | None:
    return choose_price(prices, currency="EUR", country="DE", day=TODAY)


@pytest.mark.parametrize(
    "price",
    [
        Offered(),
        Offered(countries=["DE", "AT"]),
        Offered(countries=["WORLD"]),
        Offered(countries=["ECZ"]),
        Offered(excluded_countries=["FR"]),
        Offered(qualifier="05"),
        Offered(minimum_quantity=1),
        Offered(valid_from=TODAY, valid_until=TODAY),
        Offered(type_code="01"),
    ],
)
def test_prices_that_hold(price: Offered) -> None:
    assert chosen(price) is price


@pytest.mark.parametrize(
    "price",
    [
        Offered(currency="GBP"),
        Offered(countries=["FR"]),
        Offered(countries=["WORLD"], excluded_countries=["DE"]),
        Offered(excluded_countries=["ECZ"]),
        Offered(qualifier="06"),
        Offered(minimum_quantity=10),
        Offered(valid_from=date(2026, 11, 25)),
        Offered(valid_until=date(2026, 11, 23)),
        Offered(type_code="05"),
        Offered(amount=Decimal(0)),
    ],
)
def test_prices_that_do_not_hold(price: Offered) -> None:
    assert chosen(price) is None


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Offered(type_code="04"), Offered(type_code="02", amount=Decimal(1))),
        (Offered(type_code="02"), Offered(type_code="01", amount=Decimal(1))),
        (Offered(countries=["DE"]), Offered(countries=["WORLD"], amount=Decimal(1))),
        (Offered(valid_from=date(2026, 11, 1)), Offered(amount=Decimal(1))),
        (Offered(amount=Decimal(8)), Offered(amount=Decimal(9))),
    ],
)
def test_the_better_of_two(better: Offered, worse: Offered) -> None:
    assert chosen(worse, better) is better
    assert chosen(better, worse) is better


def test_a_territory_without_countries_is_everywhere() -> None:
    assert covers(Offered(), "US")
    assert not covers(Offered(excluded_countries=["US"]), "US")


@pytest.mark.parametrize(
    ("rights", "sold", "not_sold"),
    [
        ([], ["DE", "US"], []),
        ([Right("00", ["US"])], ["DE", "US"], []),
        ([Right("01", ["DE", "AT"])], ["DE"], ["US"]),
        ([Right("01", ["WORLD"], ["US"])], ["DE"], ["US"]),
        ([Right("01", ["WORLD"]), Right("03", ["US"])], ["DE"], ["US"]),
        ([Right("03", ["WORLD"]), Right("02", ["US"])], ["US"], ["DE"]),
        ([Right("03", ["US"])], ["DE"], ["US"]),
        ([Right("01", ["DE"]), Right("02", ["ROW"])], ["DE", "US"], []),
        ([Right("01", ["DE"]), Right("03", ["ROW"])], ["DE"], ["US"]),
        ([Right("01", ["DE"]), Right("03", ["DE"])], [], ["DE"]),
    ],
)
def test_where_a_book_may_be_sold(
    rights: list[Right], sold: list[str], not_sold: list[str]
) -> None:
    assert [country for country in sold if not may_be_sold_in(country, rights)] == []
    assert [country for country in not_sold if may_be_sold_in(country, rights)] == []
