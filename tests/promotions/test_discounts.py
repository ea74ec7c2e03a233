"""Discounts, to the cent."""

import ast
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app.promotions
from app.books.codes import BookFormat
from app.promotions.discounts import (
    Circumstances,
    Discounts,
    Refusal,
    allocate,
    smallest_coin,
    work_out,
)
from app.promotions.price_laws import FREE_PRICES, LAWS
from app.promotions.terms import (
    CouponKind,
    CouponTerms,
    OfferKind,
    OfferTerms,
    PricedLine,
    Selection,
)

TODAY = date(2026, 12, 1)
CENT = Decimal("0.01")
BASKETS = int(os.environ.get("DISCOUNT_BASKETS", "200"))
HOME = Circumstances(currency="USD", today=TODAY)


def line(key: int, price: str, quantity: int = 1, **facts: object) -> PricedLine:
    return PricedLine(
        key=key,
        book_id=key,
        quantity=quantity,
        unit_price=Decimal(price),
        **facts,  # type: ignore[arg-type]
    )


def percent_coupon(percent: str, **terms: object) -> CouponTerms:
    values = {"id": 1, "code": "P", "title": "Off"} | terms
    return CouponTerms(kind=CouponKind.PERCENT, percent=Decimal(percent), **values)  # type: ignore[arg-type]


def amount_coupon(amount: str, **terms: object) -> CouponTerms:
    values = {"id": 2, "code": "A", "title": "Off"} | terms
    return CouponTerms(kind=CouponKind.AMOUNT, amount=Decimal(amount), **values)  # type: ignore[arg-type]


def free_shipping(**terms: object) -> CouponTerms:
    values = {"id": 3, "code": "F", "title": "Free delivery"} | terms
    return CouponTerms(kind=CouponKind.FREE_SHIPPING, **values)  # type: ignore[arg-type]


THREE_FOR_TWO = OfferTerms(
    id=1,
    kind=OfferKind.BUNDLE,
    title="Three for two",
    percent=Decimal(100),
    bundle_size=3,
    bundle_discounted=1,
)


def found(
    lines: list[PricedLine],
    *coupons: CouponTerms,
    offers: tuple[OfferTerms, ...] = (),
    circumstances: Circumstances = HOME,
) -> Discounts:
    return work_out(lines, offers=offers, coupons=coupons, circumstances=circumstances)


def destination(country: str, **values: object) -> Circumstances:
    return Circumstances(currency="EUR", today=TODAY, law=LAWS.get(country), **values)  # type: ignore[arg-type]


def refusals(discounts: Discounts) -> dict[str, Refusal]:
    return {refused.code: refused.reason for refused in discounts.refused}


def amounts(discounts: Discounts) -> dict[int, str]:
    return {key: str(amount) for key, amount in discounts.by_line().items()}


def test_a_share_is_rounded_once_and_spread_to_the_cent() -> None:
    """Each third of 10 % of 9.99 would be 33.3 cents; together they are 1.00."""
    discounts = found([line(1, "3.33"), line(2, "3.33"), line(3, "3.33")], percent_coupon("10"))
    assert discounts.total == Decimal("1.00")
    assert amounts(discounts) == {1: "0.34", 2: "0.33", 3: "0.33"}


def test_an_amount_is_spread_by_price_and_never_above_it() -> None:
    assert amounts(found([line(1, "20.00"), line(2, "10.00")], amount_coupon("10.00"))) == {
        1: "6.67",
        2: "3.33",
    }
    assert found([line(1, "3.00")], amount_coupon("10.00")).total == Decimal("3.00")


def test_three_for_two_takes_the_cheapest_of_each_three_from_the_dearest_on() -> None:
    lines = [line(1, "30.00"), line(2, "20.00", 2), line(3, "5.00", 4)]
    discounts = found(lines, offers=(THREE_FOR_TWO,))
    # 30, 20, 20 | 5, 5, 5 | 5
    assert discounts.total == Decimal("25.00")
    assert amounts(discounts) == {1: "8.57", 2: "11.43", 3: "5.00"}


def test_a_copy_is_in_one_offer_only_in_the_shops_order() -> None:
    tenth = OfferTerms(id=2, kind=OfferKind.PERCENT, title="A tenth", percent=Decimal(10))
    lines = [line(1, "10.00", 4)]
    discounts = found(lines, offers=(THREE_FOR_TWO, tenth))
    assert [(one.title, one.amount) for one in discounts.items] == [
        ("Three for two", Decimal("10.00")),
        ("A tenth", Decimal("1.00")),
    ]
    assert found(lines, offers=(tenth, THREE_FOR_TWO)).total == Decimal("4.00")


def test_the_second_at_half_price() -> None:
    second = OfferTerms(
        id=1,
        kind=OfferKind.BUNDLE,
        title="The second at half price",
        percent=Decimal(50),
        bundle_size=2,
        bundle_discounted=1,
    )
    assert found([line(1, "9.99"), line(2, "7.77")], offers=(second,)).total == Decimal("3.89")


@pytest.mark.parametrize(
    "selection",
    [
        Selection(book_ids=frozenset({1})),
        Selection(genre_ids=frozenset({7, 8})),
        Selection(publisher_ids=frozenset({5})),
        Selection(formats=frozenset({"hardback"})),
        Selection(genre_ids=frozenset({7}), formats=frozenset({"hardback", "map"})),
    ],
)
def test_only_selected_books_become_cheaper(selection: Selection) -> None:
    wanted = line(
        1,
        "10.00",
        genre_ids=frozenset({7}),
        publisher_ids=frozenset({4, 5}),
        format=BookFormat.HARDBACK,
    )
    lines = [wanted, line(2, "10.00", genre_ids=frozenset({9}))]
    assert amounts(found(lines, percent_coupon("50", selection=selection))) == {1: "5.00"}
    assert refusals(found(lines[1:], percent_coupon("50", selection=selection))) == {
        "P": Refusal.NOTHING_ELIGIBLE
    }


def test_the_minimum_counts_what_the_coupon_is_for_after_offers() -> None:
    lines = [line(1, "10.00", 3), line(2, "5.00", genre_ids=frozenset({7}))]
    coupon = amount_coupon("5.00", minimum=Decimal("25.00"), stacks=True)
    assert found(lines, coupon).total == Decimal("5.00")
    # three for two leaves 20 of 30 for the first line, 5 for the other
    assert found(lines, coupon, offers=(THREE_FOR_TWO,)).total == Decimal("15.00")
    for_shelf = amount_coupon(
        "1.00", minimum=Decimal("5.01"), selection=Selection(genre_ids=frozenset({7}))
    )
    assert refusals(found(lines, for_shelf)) == {"A": Refusal.BELOW_MINIMUM}
    assert found(lines, for_shelf).refused[0].minimum == Decimal("5.01")


def test_shares_come_before_amounts_whatever_was_typed_first() -> None:
    share, amount = percent_coupon("10", stacks=True), amount_coupon("5.00", stacks=True)
    for coupons in ((share, amount), (amount, share)):
        assert found([line(1, "50.00")], *coupons).total == Decimal("10.00")


def test_of_codes_that_do_not_go_together_the_first_counts() -> None:
    alone, friendly = percent_coupon("10"), amount_coupon("5.00", stacks=True)
    lines = [line(1, "50.00")]
    for coupons, total, refused in (
        ((alone, friendly), "5.00", "A"),
        ((friendly, alone), "5.00", "P"),
    ):
        discounts = found(lines, *coupons)
        assert discounts.total == Decimal(total)
        assert refusals(discounts) == {refused: Refusal.NOT_WITH_OTHERS}
    # one that takes nothing off keeps no other away
    useless = percent_coupon("10", minimum=Decimal("99.00"))
    assert found(lines, useless, friendly).total == Decimal("5.00")


def test_a_coupon_that_does_not_stack_leaves_books_on_offer_alone() -> None:
    half = OfferTerms(
        id=1,
        kind=OfferKind.PERCENT,
        title="Half",
        percent=Decimal(50),
        selection=Selection(book_ids=frozenset({1})),
    )
    lines = [line(1, "10.00"), line(2, "10.00")]
    assert amounts(found(lines, percent_coupon("10"), offers=(half,))) == {1: "5.00", 2: "1.00"}
    stacking = found(lines, percent_coupon("10", stacks=True), offers=(half,))
    assert amounts(stacking) == {1: "5.50", 2: "1.00"}


def test_gift_cards_are_money_and_never_discounted() -> None:
    card = line(1, "50.00", is_gift_card=True)
    assert refusals(found([card], percent_coupon("10"))) == {"P": Refusal.NOTHING_ELIGIBLE}
    discounts = found([card, line(2, "10.00", 3)], amount_coupon("99.00"), offers=(THREE_FOR_TWO,))
    assert discounts.by_line() == {2: Decimal("10.00")}


def test_free_delivery_has_no_amount() -> None:
    discounts = found([line(1, "10.00")], free_shipping())
    assert discounts.free_shipping
    assert discounts.total == 0
    assert discounts.items[0].allocations == ()


@pytest.mark.parametrize("country", sorted(LAWS))
def test_no_law_is_broken_by_any_discount(country: str) -> None:
    """No more than the law allows comes off a new book, whatever is asked for all at once."""
    law = LAWS[country]
    language = min(law.languages) if law.languages else None
    for kind in sorted(law.covers):
        book = line(1, "20.00", 3, format=kind, language=language, published_by=TODAY)
        for is_collected in (False, True):
            discounts = found(
                [book],
                percent_coupon("50", stacks=True),
                amount_coupon("30.00", stacks=True),
                free_shipping(stacks=True),
                offers=(
                    THREE_FOR_TWO,
                    OfferTerms(id=9, kind=OfferKind.PERCENT, title="Half", percent=Decimal(50)),
                ),
                circumstances=destination(country, is_collected=is_collected),
            )
            allowed = law.allowance(book, is_collected=is_collected)
            assert discounts.total == book.total * allowed / 100
            if allowed == 0:
                assert refusals(discounts)["P"] is Refusal.PRICE_LAW
    assert law.source
    assert set(law.covers) <= set(BookFormat)


def test_laws_have_their_bounds() -> None:
    """Language, age and kind decide; Germany's law is not about English books, nor about games."""
    coupon = percent_coupon("10")
    germany, norway = destination("DE"), destination("NO")
    english = line(1, "20.00", language="en", published_by=TODAY)
    assert found([english], coupon, circumstances=germany).total == Decimal("2.00")
    game = line(1, "20.00", format=BookFormat.GAME)
    assert found([game], coupon, circumstances=germany).total == Decimal("2.00")
    unknown = line(1, "20.00")
    assert found([unknown], coupon, circumstances=germany).total == 0
    young = line(1, "20.00", language="nb", published_by=date(2025, 12, 2))
    old = line(1, "20.00", language="nb", published_by=date(2025, 12, 1))
    assert found([young], coupon, circumstances=norway).total == 0
    assert found([old], coupon, circumstances=norway).total == Decimal("2.00")


def test_france_has_five_percent_in_the_shop_and_no_free_delivery() -> None:
    book = line(1, "20.00", language="fr", published_by=TODAY)
    fetched = destination("FR", is_collected=True)
    assert found([book], percent_coupon("30"), circumstances=fetched).total == Decimal("1.00")
    sent = destination("FR")
    assert refusals(found([book], free_shipping(), circumstances=sent)) == {"F": Refusal.PRICE_LAW}
    assert found([book], free_shipping(), circumstances=fetched).free_shipping
    ebook = line(1, "20.00", format=BookFormat.EBOOK)
    assert found([ebook], percent_coupon("30"), circumstances=fetched).total == 0


def test_bound_books_do_not_make_up_a_minimum() -> None:
    bound = line(1, "40.00", language="de")
    free = line(2, "10.00", language="en")
    coupon = amount_coupon("5.00", minimum=Decimal("20.00"))
    there = destination("DE")
    assert refusals(found([bound, free], coupon, circumstances=there)) == {
        "A": Refusal.BELOW_MINIMUM
    }


def test_where_prices_are_free_no_law_is_named() -> None:
    assert not FREE_PRICES.keys() & LAWS.keys()
    assert {"AT", "DE", "ES", "FR", "GR", "IT", "JP", "NL", "NO", "PT", "SI"} <= LAWS.keys()
    assert "CH" in FREE_PRICES


def test_yen_have_no_cents() -> None:
    discounts = found(
        [line(1, "1000"), line(2, "500"), line(3, "499")],
        percent_coupon("10"),
        circumstances=Circumstances(currency="JPY", today=TODAY),
    )
    assert discounts.total == Decimal(200)
    assert all(amount == int(amount) for amount in discounts.by_line().values())


MONEY = st.integers(min_value=0, max_value=2_000_000).map(lambda cents: Decimal(cents) * CENT)


@given(st.lists(MONEY, min_size=1, max_size=40), st.data())
@settings(max_examples=BASKETS, deadline=None)
def test_shares_add_up_to_what_is_shared(weights: list[Decimal], data: st.DataObject) -> None:
    by_key = dict(enumerate(weights))
    whole = sum(weights, Decimal(0))
    amount = data.draw(st.integers(0, int(whole / CENT))) * CENT
    shares = allocate(amount, by_key, unit=CENT)
    assert sum(shares.values()) == amount
    for key, weight in by_key.items():
        assert 0 <= shares[key] <= weight
        if whole:
            assert abs(shares[key] - amount * weight / whole) < CENT


PRICE = st.integers(min_value=1, max_value=20_000)
IDS = st.frozensets(st.integers(1, 4), max_size=2)
SELECTIONS = st.builds(
    Selection,
    book_ids=st.frozensets(st.integers(0, 6), max_size=1),
    genre_ids=IDS,
    publisher_ids=IDS,
    formats=st.frozensets(st.sampled_from(["hardback", "e-book", "game"]), max_size=1),
)
PERCENTS = st.integers(1, 10_000).map(lambda hundredths: Decimal(hundredths) / 100)
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY"])


@st.composite
def baskets(draw: st.DrawFn, unit: Decimal) -> list[PricedLine]:
    return [
        PricedLine(
            key=key,
            book_id=draw(st.integers(0, 6)),
            quantity=draw(st.integers(1, 5)),
            unit_price=draw(PRICE) * unit,
            genre_ids=draw(IDS),
            publisher_ids=draw(IDS),
            format=draw(st.sampled_from([BookFormat.HARDBACK, BookFormat.EBOOK, BookFormat.GAME])),
            language=draw(st.sampled_from([None, "de", "en", "nb"])),
            published_by=draw(st.sampled_from([None, TODAY, date(2020, 1, 1)])),
            is_gift_card=draw(st.integers(0, 9)) == 0,
        )
        for key in range(draw(st.integers(1, 8)))
    ]


@st.composite
def offer_lists(draw: st.DrawFn) -> list[OfferTerms]:
    offers = []
    for number in range(draw(st.integers(0, 3))):
        size = draw(st.integers(2, 4))
        offers.append(
            OfferTerms(
                id=number,
                kind=draw(st.sampled_from(OfferKind)),
                title="An offer",
                percent=draw(PERCENTS),
                bundle_size=size,
                bundle_discounted=draw(st.integers(1, size - 1)),
                selection=draw(SELECTIONS),
            )
        )
    return offers


@st.composite
def coupon_lists(draw: st.DrawFn, unit: Decimal) -> list[CouponTerms]:
    coupons = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(CouponKind))
        coupons.append(
            CouponTerms(
                id=number,
                code=f"C{number}",
                kind=kind,
                title="A coupon",
                percent=draw(PERCENTS) if kind is CouponKind.PERCENT else None,
                amount=draw(PRICE) * unit if kind is CouponKind.AMOUNT else None,
                minimum=draw(st.none() | PRICE.map(lambda price: price * unit)),
                selection=draw(SELECTIONS),
                stacks=draw(st.booleans()),
            )
        )
    return coupons


@given(st.data())
@settings(max_examples=BASKETS, deadline=None)
def test_whatever_is_bought_and_offered_every_cent_is_accounted_for(data: st.DataObject) -> None:
    currency = data.draw(CURRENCIES)
    unit = smallest_coin(currency)
    lines = data.draw(baskets(unit))
    coupons = data.draw(coupon_lists(unit))
    law = data.draw(st.sampled_from([None, *LAWS.values()]))
    is_collected = data.draw(st.booleans())
    discounts = work_out(
        lines,
        offers=data.draw(offer_lists()),
        coupons=coupons,
        circumstances=Circumstances(
            currency=currency, today=TODAY, law=law, is_collected=is_collected
        ),
    )
    by_key = {one.key: one for one in lines}
    for discount in discounts.items:
        assert discount.amount == sum(one.amount for one in discount.allocations)
        assert discount.amount > 0 or discount.free_shipping
        assert all(one.amount > 0 for one in discount.allocations)
    off = discounts.by_line()
    assert sum(off.values(), Decimal(0)) == discounts.total
    for key, amount in off.items():
        bought = by_key[key]
        assert amount % unit == 0
        assert amount <= bought.total
        assert not bought.is_gift_card
        if law is not None and law.binds(bought, today=TODAY):
            assert amount <= bought.total * law.allowance(bought, is_collected=is_collected) / 100
    used = {one.code for one in discounts.items if one.code is not None}
    assert used | refusals(discounts).keys() == {coupon.code for coupon in coupons}
    assert not used & refusals(discounts).keys()
    if len(used) > 1:
        assert all(coupon.stacks for coupon in coupons if coupon.code in used)


def test_money_is_never_a_float() -> None:
    for path in Path(app.promotions.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not (isinstance(node, ast.Name) and node.id == "float"), path
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), path
