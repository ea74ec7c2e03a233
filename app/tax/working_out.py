"""Working tax out: lines and rates in, amounts to the smallest unit of the currency out.

Pure arithmetic with ``Decimal``; rates are per cent. What is rounded is the tax, half away from
zero: for each line, or for all that bears one rate, in which case the lines' parts are found by
the largest remainder. Either way lines add up to the total exactly.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.core.config import TaxRounding
from app.core.money import ZERO, quantize, share_out
from app.tax.kinds import ProductKind

HUNDRED = Decimal(100)
NEVER_SHIPPED = (ProductKind.EBOOK, ProductKind.GIFT_CARD, ProductKind.SHIPPING)
NO_RATE = Decimal(0)

Rates = Mapping[ProductKind, Decimal]
"""Per cent by kind, as ``app.tax.service.rates_for`` reads them. A kind that is missing is free."""


@dataclass(frozen=True, kw_only=True)
class TaxableLine:
    """An amount that is charged, discounts taken off. ``key`` is the caller's own name for it.

    The amount has its tax in it or not, as the shop's prices do. What is downloaded is not shipped.
    """

    key: int | str
    kind: ProductKind
    amount: Decimal
    is_shipped: bool = True


@dataclass(frozen=True, kw_only=True)
class TaxLine:
    """An amount at one rate: ``net + tax = gross``.

    A line of shipping that goes with things of several rates becomes several, with one key.
    """

    key: int | str
    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, kw_only=True)
class RateTotal:
    """What all lines of one rate come to."""

    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, kw_only=True)
class TaxResult:
    """The tax on an order. ``total`` is the sum of the lines' and of the rates' tax.

    ``by_rate`` ascends.
    """

    lines: Sequence[TaxLine]
    total: Decimal
    by_rate: Sequence[RateTotal]

    def tax_of(self, key: int | str) -> Decimal:
        """Return the tax on one of the caller's lines."""
        return sum((line.tax for line in self.lines if line.key == key), ZERO)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A part of a line that bears one rate."""

    key: int | str
    rate: Decimal
    amount: Decimal


def work_out_tax(
    lines: Sequence[TaxableLine],
    *,
    rates: Rates,
    prices_include_tax: bool,
    rounding: TaxRounding,
    currency: str,
) -> TaxResult:
    """Return the tax on an order's lines, shipping among them as a line of its kind.

    Shipping bears the rate of what is shipped. Where that bears several, it is parted among them
    by what is paid for the things of each.

    Raises:
        ValueError: an amount is negative.
    """
    if any(line.amount < 0 for line in lines):
        raise ValueError("no line may be negative: take a discount off the lines that it is for")
    parts = _part(lines, rates, currency)
    taxes = _tax(parts, is_included=prices_include_tax, rounding=rounding, currency=currency)
    done = [
        TaxLine(
            key=part.key,
            rate=part.rate,
            net=part.amount - tax if prices_include_tax else part.amount,
            tax=tax,
            gross=part.amount if prices_include_tax else part.amount + tax,
        )
        for part, tax in zip(parts, taxes, strict=True)
    ]
    return TaxResult(
        lines=done, total=sum((line.tax for line in done), ZERO), by_rate=_by_rate(done)
    )


def _part(lines: Sequence[TaxableLine], rates: Rates, currency: str) -> list[_Part]:
    """Give every line its rate, and part those of shipping."""
    shares = _shipping_shares(lines, rates)
    parts = []
    for line in lines:
        if line.kind is not ProductKind.SHIPPING:
            parts.append(_Part(key=line.key, rate=_rate(line, rates), amount=line.amount))
            continue
        amounts = share_out(line.amount, list(shares.values()), currency)
        parts += [
            _Part(key=line.key, rate=rate, amount=amount)
            for rate, amount in zip(shares, amounts, strict=True)
        ]
    return parts


def _rate(line: TaxableLine, rates: Rates) -> Decimal:
    return NO_RATE if line.kind is ProductKind.GIFT_CARD else rates.get(line.kind, NO_RATE)


def _shipping_shares(lines: Sequence[TaxableLine], rates: Rates) -> dict[Decimal, Decimal]:
    """Return what is paid for shipped things by rate, ascending.

    Things that cost nothing count alike; where nothing is shipped the standard rate stands.
    """
    shipped = [line for line in lines if line.is_shipped and line.kind not in NEVER_SHIPPED]
    are_free = not any(line.amount for line in shipped)
    shares: dict[Decimal, Decimal] = defaultdict(Decimal)
    for line in shipped:
        shares[_rate(line, rates)] += Decimal(1) if are_free else line.amount
    if not shares:
        return {rates.get(ProductKind.OTHER, NO_RATE): Decimal(1)}
    return {rate: shares[rate] for rate in sorted(shares) if shares[rate]}


def _tax(
    parts: Sequence[_Part], *, is_included: bool, rounding: TaxRounding, currency: str
) -> list[Decimal]:
    """Return the tax in, or on, each part."""
    if rounding is TaxRounding.LINE:
        return [
            quantize(_exact(part.amount, part.rate, is_included=is_included), currency)
            for part in parts
        ]
    taxes = [ZERO] * len(parts)
    for rate in {part.rate for part in parts}:
        places = [place for place, part in enumerate(parts) if part.rate == rate]
        amounts = [parts[place].amount for place in places]
        total = quantize(_exact(sum(amounts, ZERO), rate, is_included=is_included), currency)
        for place, tax in zip(places, share_out(total, amounts, currency), strict=True):
            taxes[place] = tax
    return taxes


def _exact(amount: Decimal, rate: Decimal, *, is_included: bool) -> Decimal:
    return amount * rate / (HUNDRED + rate if is_included else HUNDRED)


def _by_rate(lines: Sequence[TaxLine]) -> list[RateTotal]:
    return [
        RateTotal(
            rate=rate,
            net=sum((line.net for line in lines if line.rate == rate), ZERO),
            tax=sum((line.tax for line in lines if line.rate == rate), ZERO),
            gross=sum((line.gross for line in lines if line.rate == rate), ZERO),
        )
        for rate in sorted({line.rate for line in lines})
    ]
