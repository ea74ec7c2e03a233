"""Tax to the cent: lines, rates and shipping add up exactly, whatever is in the basket."""

import os
import random
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.config import TaxRounding
from app.core.money import share_out
from app.tax.areas import taxing_country
from app.tax.kinds import RATED, ProductKind
from app.tax.working_out import NEVER_SHIPPED, Rates, TaxableLine, TaxResult, work_out_tax

CARTS = int(os.environ.get("TAX_CARTS", "10000"))
GERMANY: Rates = {
    ProductKind.BOOK: Decimal(7),
    ProductKind.EBOOK: Decimal(7),
    ProductKind.AUDIOBOOK: Decimal(7),
    ProductKind.OTHER: Decimal(19),
}
RATES = [Decimal(rate) for rate in ("0", "2.6", "5", "5.5", "7", "9", "13.5", "20", "25.5", "27")]


def lines_of(*things: tuple[ProductKind, str]) -> list[TaxableLine]:
    return [
        TaxableLine(key=key, kind=kind, amount=Decimal(amount))
        for key, (kind, amount) in enumerate(things)
    ]


def work_out(
    lines: Sequence[TaxableLine],
    rates: Rates = GERMANY,
    *,
    included: bool = True,
    rounding: TaxRounding = TaxRounding.LINE,
    currency: str = "EUR",
) -> TaxResult:
    return work_out_tax(
        lines, rates=rates, prices_include_tax=included, rounding=rounding, currency=currency
    )


def facts(result: TaxResult) -> list[tuple[int | str, str, str, str, str]]:
    return [
        (line.key, str(line.rate), str(line.net), str(line.tax), str(line.gross))
        for line in result.lines
    ]


def test_prices_with_tax_in_them_and_without() -> None:
    basket = lines_of((ProductKind.BOOK, "22.00"), (ProductKind.OTHER, "11.90"))
    assert facts(work_out(basket)) == [
        (0, "7", "20.56", "1.44", "22.00"),
        (1, "19", "10.00", "1.90", "11.90"),
    ]
    assert facts(work_out(basket, included=False)) == [
        (0, "7", "22.00", "1.54", "23.54"),
        (1, "19", "11.90", "2.26", "14.16"),
    ]


def test_what_is_rounded_is_each_line_or_all_of_one_rate() -> None:
    basket = lines_of(*[(ProductKind.BOOK, "0.99")] * 3, (ProductKind.OTHER, "5.00"))
    by_line = work_out(basket)
    assert [line.tax for line in by_line.lines] == [
        Decimal(tax) for tax in ["0.06", "0.06", "0.06", "0.80"]
    ]
    by_order = work_out(basket, rounding=TaxRounding.ORDER)
    assert [line.tax for line in by_order.lines] == [
        Decimal(tax) for tax in ["0.07", "0.06", "0.06", "0.80"]
    ]
    assert [(str(part.rate), str(part.tax)) for part in by_order.by_rate] == [
        ("7", "0.19"),
        ("19", "0.80"),
    ]


@pytest.mark.parametrize(
    ("things", "shipping"),
    [
        ([(ProductKind.BOOK, "10.00")], [("7", "4.90")]),
        ([(ProductKind.BOOK, "10.00"), (ProductKind.EBOOK, "90.00")], [("7", "4.90")]),
        (
            [(ProductKind.OTHER, "10.00"), (ProductKind.BOOK, "20.00")],
            [("7", "3.27"), ("19", "1.63")],
        ),
        (
            [(ProductKind.BOOK, "0.00"), (ProductKind.OTHER, "0.00")],
            [("7", "2.45"), ("19", "2.45")],
        ),
        ([(ProductKind.BOOK, "0.00"), (ProductKind.OTHER, "1.00")], [("19", "4.90")]),
        ([(ProductKind.GIFT_CARD, "50.00")], [("19", "4.90")]),
    ],
)
def test_shipping_bears_the_rates_of_what_is_shipped(
    things: list[tuple[ProductKind, str]], shipping: list[tuple[str, str]]
) -> None:
    result = work_out([*lines_of(*things), *_shipping("4.90")])
    parts = [line for line in result.lines if line.key == "shipping"]
    assert [(str(part.rate), str(part.gross)) for part in parts] == shipping
    assert result.tax_of("shipping") == sum(part.tax for part in parts)


def test_shipping_does_not_look_at_what_is_downloaded() -> None:
    audiobooks = [
        TaxableLine(key=key, kind=ProductKind.AUDIOBOOK, amount=Decimal(9), is_shipped=is_disc)
        for key, is_disc in enumerate((True, False))
    ]
    rates = {**GERMANY, ProductKind.AUDIOBOOK: Decimal(10)}
    for lines, rate in ((audiobooks, 10), (audiobooks[1:], 19)):
        parts = work_out([*lines, *_shipping("5.00")], rates).lines
        assert [part.rate for part in parts if part.key == "shipping"] == [rate]


def _shipping(amount: str) -> list[TaxableLine]:
    return [TaxableLine(key="shipping", kind=ProductKind.SHIPPING, amount=Decimal(amount))]


def test_gift_cards_and_exports_bear_none() -> None:
    card = work_out(
        lines_of((ProductKind.GIFT_CARD, "50.00")), dict.fromkeys(ProductKind, Decimal(19))
    )
    assert facts(card) == [(0, "0", "50.00", "0.00", "50.00")]
    assert work_out([*lines_of((ProductKind.BOOK, "9.99")), *_shipping("5.00")], {}).total == 0


def test_currencies_without_cents() -> None:
    assert facts(
        work_out(
            lines_of((ProductKind.BOOK, "1500")), {ProductKind.BOOK: Decimal(10)}, currency="JPY"
        )
    ) == [(0, "10", "1364", "136", "1500")]


def test_a_negative_line_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        work_out(lines_of((ProductKind.BOOK, "-0.01")))


@pytest.mark.parametrize(
    ("sale", "country"),
    [
        (("DE", "DE", True), "DE"),
        (("DE", "FR", True), "FR"),
        (("DE", "FR", False), "DE"),
        (("DE", "MC", True), "FR"),
        (("DE", "GB", True), None),
        (("DE", "CH", False), None),
        (("CH", "LI", True), "CH"),
        (("GB", "IM", True), "GB"),
        (("GB", "DE", True), None),
        (("US", "US", True), "US"),
        (("US", "DE", True), None),
    ],
)
def test_whose_tax_it_is(sale: tuple[str, str, bool], country: str | None) -> None:
    shop, destination, one_stop_shop = sale
    found = taxing_country(shop=shop, destination=destination, one_stop_shop=one_stop_shop)
    assert found == country


def check(
    lines: Sequence[TaxableLine], rates: Rates, *, included: bool, rounding: TaxRounding
) -> None:
    """Ask of a basket all that must hold, against exact fractions."""
    result = work_out(lines, rates, included=included, rounding=rounding)
    charged = sum((line.amount for line in lines), Decimal(0))
    assert sum(line.gross for line in result.lines) == charged + (0 if included else result.total)
    assert sum(line.net for line in result.lines) == charged - (result.total if included else 0)
    assert sum(line.tax for line in result.lines) == result.total
    assert sum(part.tax for part in result.by_rate) == result.total
    for line in lines:
        own = [part for part in result.lines if part.key == line.key]
        assert sum(part.gross if included else part.net for part in own) == line.amount
        assert len(own) == 1 or line.kind is ProductKind.SHIPPING
        assert all(part.tax.as_tuple().exponent == -2 for part in own)
        assert all(
            0 <= part.tax <= part.gross and part.net + part.tax == part.gross for part in own
        )
    for part in result.by_rate:
        base = Fraction(part.gross if included else part.net)
        rate = Fraction(part.rate)
        exact = base * rate / (100 + rate if included else 100)
        count = sum(line.rate == part.rate for line in result.lines)
        halves = 1 if rounding is TaxRounding.ORDER else count
        assert abs(Fraction(part.tax) - exact) <= Fraction(halves, 200)
    shipped = {
        rates[line.kind] for line in lines if line.is_shipped and line.kind not in NEVER_SHIPPED
    }
    for line in lines:
        if line.kind is ProductKind.SHIPPING and shipped:
            assert {part.rate for part in result.lines if part.key == line.key} <= shipped


def test_every_basket_adds_up() -> None:
    chance = random.Random(20261201)  # noqa: S311 (baskets, not secrets)
    for _ in range(CARTS):
        rates = {kind: chance.choice(RATES) for kind in RATED}
        kinds = [*RATED, ProductKind.GIFT_CARD]
        lines = [
            TaxableLine(
                key=key,
                kind=chance.choice(kinds),
                amount=Decimal(chance.randrange(0, 10 ** chance.randrange(1, 7))).scaleb(-2),
                is_shipped=chance.random() < 0.8,
            )
            for key in range(chance.randrange(1, 9))
        ]
        if chance.random() < 0.8:
            lines += _shipping(str(Decimal(chance.randrange(0, 2000)).scaleb(-2)))
        check(
            lines,
            rates,
            included=chance.random() < 0.5,
            rounding=chance.choice(list(TaxRounding)),
        )


cents = st.integers(0, 10**9).map(lambda number: Decimal(number).scaleb(-2))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(list(ProductKind)), cents), min_size=1, max_size=12),
    st.fixed_dictionaries({kind: st.sampled_from(RATES) for kind in RATED}),
    st.booleans(),
    st.sampled_from(TaxRounding),
)
def test_baskets_that_somebody_thought_up_add_up(
    things: list[tuple[ProductKind, Decimal]],
    rates: dict[ProductKind, Decimal],
    included: bool,  # noqa: FBT001 (hypothesis draws it)
    rounding: TaxRounding,
) -> None:
    lines = [
        TaxableLine(key=key, kind=kind, amount=amount) for key, (kind, amount) in enumerate(things)
    ]
    check(lines, rates, included=included, rounding=rounding)


@settings(max_examples=300, deadline=None)
@given(cents, st.lists(cents, min_size=1, max_size=20))
def test_shares_add_up_and_are_a_unit_near(amount: Decimal, weights: list[Decimal]) -> None:
    parts = share_out(amount, weights, "EUR")
    assert sum(parts) == amount
    total = sum(weights) or Decimal(len(weights))
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(amount) * Fraction(weight if sum(weights) else 1) / Fraction(total)
        assert abs(Fraction(part) - exact) < Fraction(1, 100)
        assert weight or not sum(weights) or not part


def test_shares_of_nothing_and_among_nobody() -> None:
    assert share_out(Decimal("0.00"), [], "EUR") == []
    with pytest.raises(ValueError, match="nothing to share"):
        share_out(Decimal("0.01"), [], "EUR")
    assert share_out(Decimal("0.005"), [Decimal(1), Decimal(1)], "EUR") == [
        Decimal("0.003"),
        Decimal("0.002"),
    ]
