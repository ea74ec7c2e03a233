"""Money is ``Decimal`` in the shop's currency; this module rounds and shows it."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, get_currency_precision

ZERO = Decimal("0.00")


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Round half away from zero to the currency's smallest unit (ISO 4217, by CLDR).

    Babel itself would round half to even, hence amounts are rounded before they are shown.
    """
    return amount.quantize(_smallest_unit(currency), rounding=ROUND_HALF_UP)


def share_out(amount: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Part an amount by weights so that the parts add up to it exactly (the largest remainder).

    Parts are whole units of the currency, unless the amount itself is finer. Of equal remainders
    the first get a unit more; what weighs nothing gets nothing, unless nothing weighs anything:
    then all weigh alike. Neither the amount nor a weight may be negative.

    Raises:
        ValueError: an amount above zero, and nobody to take it.
    """
    if not weights:
        if amount:
            raise ValueError("there is nothing to share the amount out among")
        return []
    unit = min(_smallest_unit(currency), Decimal(1).scaleb(_exponent(amount)))
    whole = _whole_numbers(weights) if any(weights) else [1] * len(weights)
    shares = [divmod(int(amount / unit) * weight, sum(whole)) for weight in whole]
    units = [share for share, _ in shares]
    left = int(amount / unit) - sum(units)
    by_remainder = sorted(range(len(shares)), key=lambda place: -shares[place][1])
    for place in by_remainder[:left]:
        units[place] += 1
    return [unit * share for share in units]


def _whole_numbers(amounts: Sequence[Decimal]) -> list[int]:
    """Return whole numbers in the proportion of the amounts."""
    finest = min(_exponent(amount) for amount in amounts)
    return [int(amount.scaleb(-finest)) for amount in amounts]


def _exponent(amount: Decimal) -> int:
    return int(amount.as_tuple().exponent)


def _smallest_unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-get_currency_precision(currency))


def format_money(amount: Decimal, currency: str, locale: str) -> str:
    """Return the amount as people of the locale write it: ``$12.99``, ``12,99 €``."""
    return format_currency(quantize(amount, currency), currency, locale=locale)
