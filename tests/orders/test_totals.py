"""Amounts of any basket, discounts, taxes and cards add up: nothing is lost between the cents."""

import os
import random
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.books.codes import BookFormat
from app.core.config import TaxRounding
from app.core.money import ZERO
from app.orders.totals import SHIPPING, Totals, add_up, spread
from app.promotions.discounts import Circumstances, Discounts, work_out
from app.promotions.price_laws import LAWS
from app.promotions.terms import (
    CouponKind,
    CouponTerms,
    OfferKind,
    OfferTerms,
    PricedLine,
)
from app.tax.kinds import ProductKind, kind_of
from app.tax.working_out import TaxableLine, TaxResult, work_out_tax

CARTS = int(os.environ.get("ROUNDING_CARTS", "10000"))
RATES = {
    ProductKind.BOOK: Decimal("5.5"),
    ProductKind.EBOOK: Decimal(7),
    ProductKind.AUDIOBOOK: Decimal("8.875"),
    ProductKind.OTHER: Decimal(21),
}
CENT = Decimal("0.01")


def random_lines(rng: random.Random) -> list[PricedLine]:
    return [
        PricedLine(
            key=key,
            book_id=key,
            quantity=rng.randint(1, 7),
            unit_price=Decimal(rng.randint(1, 9_999)) * CENT,
            genre_ids=frozenset({rng.randint(1, 3)}),
            format=rng.choice([BookFormat.PAPERBACK, BookFormat.EBOOK, BookFormat.GAME]),
            published_by=date(2026, 1, 1),
            language="de",
        )
        for key in range(1, rng.randint(2, 7))
    ]


def random_discounts(rng: random.Random, lines: list[PricedLine]) -> Discounts:
    percent = Decimal(rng.randint(1, 10_000)) * CENT
    offers = [
        OfferTerms(
            id=1,
            kind=OfferKind.BUNDLE,
            title="Bundle",
            percent=percent,
            bundle_size=rng.randint(2, 4),
            bundle_discounted=1,
        ),
        OfferTerms(id=2, kind=OfferKind.PERCENT, title="Some", percent=percent),
    ]
    coupons = [
        CouponTerms(
            id=3, code="A", kind=CouponKind.PERCENT, title="A", percent=percent, stacks=True
        ),
        CouponTerms(
            id=4,
            code="B",
            kind=CouponKind.AMOUNT,
            title="B",
            amount=Decimal(rng.randint(1, 5_000)) * CENT,
            stacks=True,
        ),
    ]
    return work_out(
        lines,
        offers=rng.sample(offers, rng.randint(0, 2)),
        coupons=rng.sample(coupons, rng.randint(0, 2)),
        circumstances=Circumstances(
            currency="USD", today=date(2026, 3, 1), law=rng.choice([None, LAWS["DE"]])
        ),
    )


def add_up_at_random(
    rng: random.Random,
) -> tuple[list[PricedLine], Discounts, Decimal, TaxResult, Totals]:
    lines = random_lines(rng)
    discounts = random_discounts(rng, lines)
    off = discounts.by_line()
    shipping = rng.choice([ZERO, Decimal(rng.randint(1, 999)) * CENT])
    taxable = [
        TaxableLine(
            key=line.key, kind=kind_of(line.format), amount=line.total - off.get(line.key, ZERO)
        )
        for line in lines
    ]
    if shipping:
        taxable.append(TaxableLine(key=SHIPPING, kind=ProductKind.SHIPPING, amount=shipping))
    included = rng.choice([True, False])
    tax = work_out_tax(
        taxable,
        rates=RATES,
        prices_include_tax=included,
        rounding=rng.choice(list(TaxRounding)),
        currency="USD",
    )
    totals = add_up(
        {line.key: (line.quantity, line.unit_price) for line in lines},
        discounts=off,
        shipping=shipping,
        tax=tax,
        prices_include_tax=included,
    )
    return lines, discounts, shipping, tax, totals


def test_lines_discounts_tax_and_shipping_are_the_total() -> None:
    rng = random.Random(15)  # noqa: S311 (carts, not secrets)
    discounted = 0
    for _ in range(CARTS):
        lines, discounts, shipping, tax, totals = add_up_at_random(rng)
        gross = sum((line.total for line in lines), ZERO)
        on_top = ZERO if totals.prices_include_tax else tax.total
        assert totals.total == gross - discounts.total + shipping + on_top
        assert totals.total == sum((rate.gross for rate in tax.by_rate), ZERO)
        assert totals.subtotal == gross
        assert totals.discount_total == discounts.total
        assert totals.tax_total == tax.total == sum((one.tax for one in totals.taxes), ZERO)
        assert totals.shipping_tax <= totals.tax_total
        for line in totals.lines:
            assert ZERO <= line.discount <= line.amount
            assert line.tax >= ZERO
        for amount in (totals.total, totals.tax_total, totals.discount_total):
            assert amount == amount.quantize(CENT)
        discounted += bool(discounts.total)
    assert CARTS / 2 < discounted < CARTS


def test_a_total_knows_only_its_own_tax() -> None:
    _, _, _, tax, _ = add_up_at_random(random.Random(1))  # noqa: S311 (likewise)
    with pytest.raises(ValueError, match="every line has its tax"):
        add_up(
            {1: (1, Decimal("5.00"))},
            discounts={},
            shipping=ZERO,
            tax=replace(tax, lines=()),
            prices_include_tax=True,
        )


@pytest.mark.parametrize(
    ("amount", "balances", "parts"),
    [
        ("10.00", {}, {}),
        ("0.00", {1: "5.00"}, {}),
        ("10.00", {2: "4.00", 1: "5.00"}, {1: "5.00", 2: "4.00"}),
        ("7.00", {1: "0.00", 2: "5.00", 3: "5.00", 4: "9.00"}, {2: "5.00", 3: "2.00"}),
    ],
)
def test_gift_cards_pay_no_more_than_is_owed(
    amount: str, balances: dict[int, str], parts: dict[int, str]
) -> None:
    left = {card_id: Decimal(balance) for card_id, balance in balances.items()}
    assert spread(Decimal(amount), left) == {
        card_id: Decimal(part) for card_id, part in parts.items()
    }
