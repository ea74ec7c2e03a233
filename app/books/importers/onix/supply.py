"""Who supplies a product, whether it can be had, and for how much."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from app.books.importers.onix.codes import (
    AVAILABILITIES,
    PRICES_WITH_TAX,
    PRICES_WITHOUT_TAX,
)
from app.books.importers.onix.elements import Groups, Leaves, children, first, leaves
from app.books.importers.onix.product import (
    OnixHeader,
    PartialDate,
    Price,
    SupplyDetail,
    Tax,
    Territory,
)
from app.books.importers.onix.publishing import (
    EMBARGO,
    PUBLICATION,
    loose_territory,
    read_dates,
    read_territory,
)
from app.books.importers.onix.values import (
    amount,
    last_day,
    number,
    partial_date,
    whole,
)
from app.books.importers.report import Repair

EXPECTED = "08"
"""Role of a supply date (list 166) from which on the product can be had."""

FROM, UNTIL = "14", "15"
"""Roles of price dates (list 173)."""

COPIES = "04"
"""What a price condition counts (list 168)."""

TAX_PARTS = ("TaxRateCode", "TaxRatePercent", "TaxableAmount", "TaxAmount")
NUMBERED_TAXES = tuple(
    (suffix, tuple(f"{name}{suffix}" for name in TAX_PARTS)) for suffix in ("1", "2")
)
"""Release 2.1 numbers the elements of its taxes."""


def read_supplies(
    groups: Groups, header: OnixHeader, repairs: list[Repair]
) -> tuple[SupplyDetail, ...]:
    """Return what all suppliers offer in all markets."""
    supplies = []
    for element in groups.get("ProductSupply", ()):
        inner = children(element)
        market = _Market(inner, repairs)
        supplies += [
            _supply(children(supply), market, header, repairs)
            for supply in inner.get("SupplyDetail", ())
        ]
    if loose := groups.get("SupplyDetail"):
        market = _Market.of_representations(groups, repairs)
        supplies += [_supply(children(supply), market, header, repairs) for supply in loose]
    return tuple(supplies)


class _Market:
    """A market and what the publisher says of it."""

    def __init__(self, product_supply: Groups, repairs: list[Repair]) -> None:
        territories = (
            read_territory(children(element), repairs)
            for element in product_supply.get("Market", ())
        )
        self.territory = next(territories, None)
        self.status = ""
        self.dates: dict[str, PartialDate] = {}
        for element in product_supply.get("MarketPublishingDetail", ()):
            self._describe(children(element), repairs)

    @classmethod
    def of_representations(cls, groups: Groups, repairs: list[Repair]) -> "_Market":
        """Return what 2.1 says of a product's market, if it says it of one only."""
        market = cls({}, repairs)
        representations = groups.get("MarketRepresentation", ())
        if len(representations) == 1:
            market._describe(children(representations[0]), repairs)
        return market

    def _describe(self, detail: Groups, repairs: list[Repair]) -> None:
        self.status = first(detail, "MarketPublishingStatus", repairs=repairs)
        self.dates = read_dates(detail.get("MarketDate", ()), "MarketDateRole", repairs)


def _supply(
    groups: Groups, market: _Market, header: OnixHeader, repairs: list[Repair]
) -> SupplyDetail:
    supplier = next((leaves(element, repairs) for element in groups.get("Supplier", ())), Leaves())
    raw_availability = first(groups, "ProductAvailability", "AvailabilityCode", repairs=repairs)
    dates = read_dates(groups.get("SupplyDate", ()), "SupplyDateRole", repairs)
    prices = [children(element) for element in groups.get("Price", ())]
    read = (_price(price, header, repairs) for price in prices)
    return SupplyDetail(
        supplier=supplier["SupplierName"] or first(groups, "SupplierName", repairs=repairs),
        supplier_role=supplier["SupplierRole"] or first(groups, "SupplierRole", repairs=repairs),
        availability=AVAILABILITIES.get(raw_availability, raw_availability),
        raw_availability=raw_availability,
        order_time_days=_count(groups, "OrderTime", repairs),
        pack_quantity=_count(groups, "PackQuantity", repairs),
        on_sale_date=dates.get(EMBARGO)
        or _date(groups, "OnSaleDate", repairs)
        or market.dates.get(EMBARGO),
        expected_date=dates.get(EXPECTED) or _date(groups, "ExpectedShipDate", repairs),
        stock=_stock(groups, repairs),
        unpriced=_unpriced(groups, prices, repairs),
        prices=tuple(price for price in read if price is not None),
        market=market.territory
        or loose_territory(
            groups,
            countries="SupplyToCountry",
            regions="SupplyToTerritory",
            excluded="SupplyToCountryExcluded",
            repairs=repairs,
        ),
        market_status=market.status,
        market_publication_date=market.dates.get(PUBLICATION),
    )


def _count(groups: Groups, name: str, repairs: list[Repair]) -> int | None:
    if name not in groups:
        return None
    return whole(first(groups, name, repairs=repairs), what=name, repairs=repairs)


def _date(groups: Groups, name: str, repairs: list[Repair]) -> PartialDate | None:
    if name not in groups:
        return None
    text = first(groups, name, repairs=repairs)
    form = first(groups, "DateFormat", repairs=repairs)
    return partial_date(text, form, what=name, repairs=repairs)


def _unpriced(groups: Groups, prices: Sequence[Groups], repairs: list[Repair]) -> str:
    """Return why there is no price, be it said of the supply or where a price would be."""
    reasons = (first(price, "UnpricedItemType", repairs=repairs) for price in prices)
    return first(groups, "UnpricedItemType", repairs=repairs) or next(filter(None, reasons), "")


def _stock(groups: Groups, repairs: list[Repair]) -> int | None:
    """Return the sum of what all locations have; some say it in words, which is no number."""
    counts = []
    for element in groups.get("Stock", ()):
        on_hand = leaves(element, repairs)["OnHand"]
        if on_hand[:1].isdecimal():
            counts.append(whole(on_hand, what="Stock", repairs=repairs))
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _price(groups: Groups, header: OnixHeader, repairs: list[Repair]) -> Price | None:
    type_ = first(groups, "PriceType", "PriceTypeCode", repairs=repairs)
    type_ = type_ or header.default_price_type
    currency = first(groups, "CurrencyCode", repairs=repairs).upper() or header.default_currency
    written = first(groups, "PriceAmount", repairs=repairs)
    value = amount(written, currency=currency or None, what="Price", repairs=repairs)
    if value is None:
        return None
    valid_from, valid_until = _validity(groups, repairs)
    minimum = first(groups, "MinimumOrderQuantity", repairs=repairs)
    discounts = (leaves(element, repairs) for element in groups.get("DiscountCoded", ()))
    return Price(
        type=type_,
        amount=value,
        currency=currency or None,
        tax_included=True
        if type_ in PRICES_WITH_TAX
        else False
        if type_ in PRICES_WITHOUT_TAX
        else None,
        taxes=_taxes(groups, repairs),
        qualifier=first(groups, "PriceQualifier", repairs=repairs),
        status=first(groups, "PriceStatus", repairs=repairs),
        territory=_price_territory(groups, repairs),
        valid_from=valid_from,
        valid_until=valid_until,
        minimum_quantity=whole(minimum, what="Minimum quantity", repairs=repairs)
        if minimum
        else _copies(groups, repairs),
        discount_code=next((texts["DiscountCode"] for texts in discounts), ""),
    )


def _price_territory(groups: Groups, repairs: list[Repair]) -> Territory | None:
    return read_territory(groups, repairs) or loose_territory(
        groups,
        countries="CountryCode",
        regions="Territory",
        excluded="CountryExcluded",
        repairs=repairs,
    )


def _validity(groups: Groups, repairs: list[Repair]) -> tuple[date | None, date | None]:
    dates = read_dates(groups.get("PriceDate", ()), "PriceDateRole", repairs)
    begin = dates.get(FROM) or _date(groups, "PriceEffectiveFrom", repairs)
    end = dates.get(UNTIL) or _date(groups, "PriceEffectiveUntil", repairs)
    return begin.value if begin else None, last_day(end) if end else None


def _copies(groups: Groups, repairs: list[Repair]) -> int | None:
    """Return how many copies a price is conditional on."""
    for condition in groups.get("PriceCondition", ()):
        for element in children(condition).get("PriceConditionQuantity", ()):
            texts = leaves(element, repairs)
            if texts["PriceConditionQuantityType"] == COPIES:
                return whole(texts["Quantity"], what="Minimum quantity", repairs=repairs)
    return None


def _taxes(groups: Groups, repairs: list[Repair]) -> tuple[Tax, ...]:
    taxes = [_tax(leaves(element, repairs), "", repairs) for element in groups.get("Tax", ())]
    for suffix, names in NUMBERED_TAXES:
        if not groups.keys().isdisjoint(names):
            texts = Leaves(
                (name.removesuffix(suffix), first(groups, name, repairs=repairs)) for name in names
            )
            taxes.append(_tax(texts, suffix, repairs))
    return tuple(taxes)


def _tax(texts: Leaves, suffix: str, repairs: list[Repair]) -> Tax:
    what = f"Tax {suffix}".strip()

    def read(name: str) -> Decimal | None:
        return number(texts[name], what=what, repairs=repairs)

    return Tax(
        type=texts["TaxType"],
        rate_code=texts["TaxRateCode"],
        percent=read("TaxRatePercent"),
        taxable=read("TaxableAmount"),
        amount=read("TaxAmount"),
    )
