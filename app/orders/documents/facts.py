"""What stands on an invoice, a credit note and a packing slip."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Seller:
    """Who sells, as the law wants it named."""

    name: str
    address: Sequence[str]
    vat_id: str | None


@dataclass(frozen=True, kw_only=True)
class InvoiceLine:
    """Copies of a book; ``rate`` is the tax's in percent, ``None`` where no tax was worked out."""

    title: str
    detail: str
    quantity: int
    unit_price: Decimal
    rate: Decimal | None
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An amount beside the lines: a discount (below zero), the parcel, a refund's rest."""

    label: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class TaxSum:
    """All that is taxed at a rate, in percent: ``net`` and ``tax`` are ``gross``."""

    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, kw_only=True)
class InvoiceData:
    """An invoice, or with ``corrects`` a credit note: the invoice's number that it corrects.

    ``taxes`` is empty where no tax was worked out. Days are those of the shop's time zone;
    ``issued_at`` is the moment, which the file says too, so that it is always the same file.
    """

    number: str
    issued_at: datetime
    issued_on: date
    supplied_on: date
    order_number: str
    ordered_on: date
    seller: Seller
    buyer: Sequence[str]
    lines: Sequence[InvoiceLine]
    extras: Sequence[Extra]
    taxes: Sequence[TaxSum]
    prices_include_tax: bool
    total: Decimal
    currency: str
    locale: str
    paid_with: str
    corrects: str | None = None


@dataclass(frozen=True, kw_only=True)
class PackingLine:
    """So many copies of a book in a parcel."""

    title: str
    detail: str
    quantity: int


@dataclass(frozen=True, kw_only=True)
class PackingData:
    """What is in a parcel, and to whom it goes. It says no prices: it may be a present."""

    order_number: str
    printed_at: datetime
    packed_on: date
    seller: Seller
    recipient: Sequence[str]
    lines: Sequence[PackingLine]
    carrier: str | None
    tracking_number: str | None
    locale: str
