"""Adding an order up: lines - discounts + shipping + tax = total, to the smallest coin.

Pure arithmetic with ``Decimal``. What offers, laws and rates make of a basket is worked out
elsewhere (``app.promotions.discounts``, ``app.tax.working_out``), to amounts that add up by
themselves; here they become one order's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.core.money import ZERO
from app.tax.working_out import RateTotal, TaxResult

SHIPPING = "shipping"
"""The key of shipping among the taxed lines."""


@dataclass(frozen=True, kw_only=True)
class LineTotals:
    """So many copies at a price. ``tax``, at ``tax_rate`` per cent, is in it or comes on top."""

    key: int
    quantity: int
    unit_price: Decimal
    discount: Decimal
    tax_rate: Decimal
    tax: Decimal

    @property
    def amount(self) -> Decimal:
        """What the copies cost before discounts."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What an order comes to. ``gift_cards`` of it are paid by gift cards."""

    lines: Sequence[LineTotals]
    shipping_total: Decimal
    shipping_tax: Decimal
    prices_include_tax: bool
    taxes: Sequence[RateTotal] = field(default_factory=tuple)
    gift_card_total: Decimal = ZERO

    @property
    def subtotal(self) -> Decimal:
        """All lines at their full prices."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def discount_total(self) -> Decimal:
        """What is taken off the lines."""
        return sum((line.discount for line in self.lines), ZERO)

    @property
    def tax_total(self) -> Decimal:
        """The tax on lines and shipping, be it in the prices or not."""
        return sum((line.tax for line in self.lines), ZERO) + self.shipping_tax

    @property
    def total(self) -> Decimal:
        """What the buyer owes, gift cards not looked at."""
        on_top = ZERO if self.prices_include_tax else self.tax_total
        return self.subtotal - self.discount_total + self.shipping_total + on_top

    @property
    def amount_to_pay(self) -> Decimal:
        """What is left for the gateway."""
        return self.total - self.gift_card_total


def add_up(
    prices: Mapping[int, tuple[int, Decimal]],
    *,
    discounts: Mapping[int, Decimal],
    shipping: Decimal,
    tax: TaxResult,
    prices_include_tax: bool,
) -> Totals:
    """Return an order's totals, before gift cards.

    Args:
        prices: how many copies at which price, by line.
        discounts: what is taken off each line; one that is absent stays at its full price.
        shipping: what the delivery costs; its tax is in it as it is in prices.
        tax: worked out of the lines after discounts and of ``SHIPPING``. A line has one rate.
        prices_include_tax: whether tax is in prices.

    Raises:
        ValueError: the tax is not that of these lines.
    """
    taxed = {line.key: line for line in tax.lines if line.key != SHIPPING}
    if taxed.keys() != prices.keys():
        raise ValueError("every line has its tax, and nothing else has")
    lines = tuple(
        LineTotals(
            key=key,
            quantity=quantity,
            unit_price=unit_price,
            discount=discounts.get(key, ZERO),
            tax_rate=taxed[key].rate,
            tax=taxed[key].tax,
        )
        for key, (quantity, unit_price) in sorted(prices.items())
    )
    return Totals(
        lines=lines,
        shipping_total=shipping,
        shipping_tax=tax.tax_of(SHIPPING),
        prices_include_tax=prices_include_tax,
        taxes=tuple(rate for rate in tax.by_rate if rate.rate),
    )


def spread(amount: Decimal, balances: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """Return how much of an amount each gift card pays, the one of the lowest id first.

    Cards of which nothing is needed, or on which nothing is left, are absent.
    """
    parts = {}
    for card_id, balance in sorted(balances.items()):
        part = min(balance, amount)
        if part > 0:
            parts[card_id] = part
            amount -= part
    return parts
