"""Whether a book can be had, in one word for programs and one sentence for shoppers.

What the shop has on its shelf counts first, then what the supplier says of the book (ONIX list
65), then what the publisher says (list 64). An embargo and the sales rights come before all.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from babel.dates import format_date
from pydantic import BaseModel, ConfigDict, Field

from app.books.codes import DatePrecision
from app.books.pricing import may_be_sold_in
from app.core.market import Market

FEW_COPIES = 3
"""So many copies, and fewer, are told by their number."""


class AvailabilityStatus(StrEnum):
    """What becomes of a shopper who wants the book."""

    IN_STOCK = "in_stock"
    LOW_STOCK = "low_stock"
    SHIPS_IN_DAYS = "ships_in_days"
    TO_ORDER = "to_order"
    PRE_ORDER = "pre_order"
    TO_BE_ANNOUNCED = "to_be_announced"
    OUT_OF_STOCK = "out_of_stock"
    REPRINTING = "reprinting"
    OUT_OF_PRINT = "out_of_print"
    NOT_AVAILABLE = "not_available"
    NOT_SOLD_SEPARATELY = "not_sold_separately"
    NOT_SOLD_AS_SET = "not_sold_as_set"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    NOT_SOLD_HERE = "not_sold_here"


SENTENCES: Mapping[AvailabilityStatus, str] = {
    AvailabilityStatus.IN_STOCK: "In stock",
    AvailabilityStatus.LOW_STOCK: "Only {copies} left",
    AvailabilityStatus.SHIPS_IN_DAYS: "Usually ships in {days} days",
    AvailabilityStatus.TO_ORDER: "Available from our supplier",
    AvailabilityStatus.PRE_ORDER: "Pre-order: on sale from {date}",
    AvailabilityStatus.TO_BE_ANNOUNCED: "Not published yet: the date is to be announced",
    AvailabilityStatus.OUT_OF_STOCK: "Out of stock",
    AvailabilityStatus.REPRINTING: "Reprinting",
    AvailabilityStatus.OUT_OF_PRINT: "Out of print",
    AvailabilityStatus.NOT_AVAILABLE: "Not available",
    AvailabilityStatus.NOT_SOLD_SEPARATELY: "Only sold as part of a set",
    AvailabilityStatus.NOT_SOLD_AS_SET: "Only sold as single volumes",
    AvailabilityStatus.WITHDRAWN: "Withdrawn from sale",
    AvailabilityStatus.CANCELLED: "Will not be published",
    AvailabilityStatus.NOT_SOLD_HERE: "Not sold in our country",
}

FROM_SUPPLIER = AvailabilityStatus.TO_ORDER
"""The supplier has it: ``SHIPS_IN_DAYS`` where the days are told."""

NOT_YET = AvailabilityStatus.TO_BE_ANNOUNCED
"""It is not out yet: ``PRE_ORDER`` where the day is told and still to come."""

BY_SUPPLIER: Mapping[str, AvailabilityStatus | None] = {
    "01": AvailabilityStatus.CANCELLED,
    "09": AvailabilityStatus.TO_BE_ANNOUNCED,
    "10": NOT_YET,
    "11": NOT_YET,
    "12": NOT_YET,
    "20": FROM_SUPPLIER,
    "21": FROM_SUPPLIER,
    "22": FROM_SUPPLIER,
    "23": FROM_SUPPLIER,
    "30": AvailabilityStatus.OUT_OF_STOCK,
    "31": AvailabilityStatus.OUT_OF_STOCK,
    "32": AvailabilityStatus.REPRINTING,
    "33": AvailabilityStatus.REPRINTING,
    "34": AvailabilityStatus.WITHDRAWN,
    "40": AvailabilityStatus.NOT_AVAILABLE,
    "41": AvailabilityStatus.NOT_AVAILABLE,
    "42": AvailabilityStatus.NOT_AVAILABLE,
    "43": AvailabilityStatus.NOT_AVAILABLE,
    "44": AvailabilityStatus.NOT_AVAILABLE,
    "45": AvailabilityStatus.NOT_SOLD_SEPARATELY,
    "46": AvailabilityStatus.WITHDRAWN,
    "47": AvailabilityStatus.OUT_OF_PRINT,
    "48": AvailabilityStatus.OUT_OF_PRINT,
    "49": AvailabilityStatus.WITHDRAWN,
    "50": AvailabilityStatus.NOT_SOLD_AS_SET,
    "51": AvailabilityStatus.OUT_OF_PRINT,
    "52": AvailabilityStatus.NOT_SOLD_HERE,
    "97": None,
    "98": None,
    "99": None,
}
"""ONIX list 65. ``None``: the supplier does not know, so the publisher is asked."""

BY_PUBLISHER: Mapping[str, AvailabilityStatus | None] = {
    "00": None,
    "01": AvailabilityStatus.CANCELLED,
    "02": NOT_YET,
    "03": AvailabilityStatus.TO_BE_ANNOUNCED,
    "04": None,
    "05": AvailabilityStatus.NOT_AVAILABLE,
    "06": AvailabilityStatus.OUT_OF_STOCK,
    "07": AvailabilityStatus.OUT_OF_PRINT,
    "08": AvailabilityStatus.NOT_AVAILABLE,
    "09": None,
    "10": AvailabilityStatus.OUT_OF_PRINT,
    "11": AvailabilityStatus.WITHDRAWN,
    "12": AvailabilityStatus.WITHDRAWN,
    "13": AvailabilityStatus.NOT_SOLD_SEPARATELY,
    "15": AvailabilityStatus.WITHDRAWN,
    "16": AvailabilityStatus.WITHDRAWN,
    "17": AvailabilityStatus.OUT_OF_PRINT,
    "18": AvailabilityStatus.NOT_SOLD_AS_SET,
}
"""ONIX list 64. ``None``: the publisher says nothing that a shopper could use."""

LAST_WORDS = frozenset({"01", "11", "12", "15", "16"})
"""What the publisher says of a book (list 64) that no supplier's stock can change: cancelled,
withdrawn, recalled."""

STOCK_MAY_RETURN = {
    AvailabilityStatus.OUT_OF_STOCK,
    AvailabilityStatus.REPRINTING,
}
"""A supplier who is out of stock for now may not know that the publisher will not print again."""

NO_MORE = {AvailabilityStatus.OUT_OF_PRINT, AvailabilityStatus.NOT_AVAILABLE}

DATE_PATTERNS = {
    DatePrecision.DAY: "d MMMM y",
    DatePrecision.MONTH: "MMMM y",
    DatePrecision.YEAR: "y",
}


FirstDay = date | None


class SalesRule(BaseModel):
    """Where a book may or may not be sold, as ``models.SalesRight`` has it."""

    model_config = ConfigDict(frozen=True)

    type_code: str
    countries: list[str] | None
    excluded_countries: list[str] | None


class TradeFacts(BaseModel):
    """All that the answer depends on, as the catalogue has it."""

    model_config = ConfigDict(frozen=True)

    on_hand: int = 0
    availability_code: str | None = None
    publishing_status: str | None = None
    order_time_days: int | None = None
    on_sale_date: date | None = None
    takes_preorders: bool = False
    publish_date: date | None = None
    publish_date_precision: DatePrecision = DatePrecision.DAY
    sales_rights: list[SalesRule] | None = None


class Availability(BaseModel):
    """Whether a book can be had."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "status": "pre_order",
                    "date": "2027-03-03",
                    "days": None,
                    "text": "Pre-order: on sale from 3 March 2027",
                    "is_open": True,
                }
            ]
        },
    )

    status: AvailabilityStatus
    date: Annotated[
        FirstDay,
        Field(description="From when on it is sold; the first day where only the month is known."),
    ] = None
    days: Annotated[int | None, Field(description="Working days that the supplier takes.")] = None
    text: Annotated[str, Field(description="The same for people, in English.")]
    is_open: Annotated[
        bool, Field(description="Whether it can be ordered before it is on sale.")
    ] = False

    @property
    def can_be_bought(self) -> bool:
        """Whether a copy can go into a basket now."""
        return self.is_open or self.status in {
            AvailabilityStatus.IN_STOCK,
            AvailabilityStatus.LOW_STOCK,
        }


def describe_availability(facts: TradeFacts, market: Market) -> Availability:
    """Tell whether a book can be had in a market."""
    if not may_be_sold_in(market.country, facts.sales_rights or ()):
        return _answer(AvailabilityStatus.NOT_SOLD_HERE)
    if is_embargoed(facts.on_sale_date, market):
        announced = _from_date(facts.on_sale_date, DatePrecision.DAY)
        is_open = facts.takes_preorders and facts.on_hand > 0
        return announced.model_copy(update={"is_open": is_open})
    if facts.on_hand > 0:
        is_few = facts.on_hand <= FEW_COPIES
        status = AvailabilityStatus.LOW_STOCK if is_few else AvailabilityStatus.IN_STOCK
        return _answer(status, copies=facts.on_hand)
    return _describe_absent(facts, market)


def _describe_absent(facts: TradeFacts, market: Market) -> Availability:
    """Tell what becomes of a book of which the shop has no copy."""
    status = _as_the_trade_says(facts)
    is_forthcoming = facts.publish_date is not None and facts.publish_date > market.today
    if is_forthcoming and status in {NOT_YET, FROM_SUPPLIER, None}:
        return _from_date(facts.publish_date, facts.publish_date_precision)
    if status is FROM_SUPPLIER and facts.order_time_days is not None:
        return _ships_in(max(facts.order_time_days, 1))
    return _answer(status or AvailabilityStatus.OUT_OF_STOCK)


def is_embargoed(on_sale_date: date | None, market: Market) -> bool:
    """Tell whether no copy may leave the shop yet."""
    return on_sale_date is not None and on_sale_date > market.today


def _as_the_trade_says(facts: TradeFacts) -> AvailabilityStatus | None:
    publisher = facts.publishing_status or ""
    of_publisher = BY_PUBLISHER.get(publisher)
    if publisher in LAST_WORDS:
        return of_publisher
    of_supplier = BY_SUPPLIER.get(facts.availability_code or "")
    if of_supplier is None or (of_supplier in STOCK_MAY_RETURN and of_publisher in NO_MORE):
        return of_publisher
    return of_supplier


def _from_date(first: date | None, precision: DatePrecision) -> Availability:
    words = format_date(first, DATE_PATTERNS[precision], locale="en")
    return _answer(AvailabilityStatus.PRE_ORDER, first=first, date=words)


def _ships_in(days: int) -> Availability:
    answer = _answer(AvailabilityStatus.SHIPS_IN_DAYS, number=days, days=days)
    return answer if days > 1 else answer.model_copy(update={"text": "Usually ships in 1 day"})


def _answer(
    status: AvailabilityStatus,
    *,
    first: date | None = None,
    number: int | None = None,
    **words: Any,
) -> Availability:
    return Availability(
        status=status, date=first, days=number, text=SENTENCES[status].format(**words)
    )
