"""Money is ``Decimal`` in the shop's currency; this module rounds and shows it."""

from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, get_currency_precision

ZERO = Decimal("0.00")


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Round half away from zero to the currency's smallest unit (ISO 4217, by CLDR).

    Babel itself would round half to even, hence amounts are rounded before they are shown.
    """
    return amount.quantize(
        Decimal(1).scaleb(-get_currency_precision(currency)), rounding=ROUND_HALF_UP
    )


def format_money(amount: Decimal, currency: str, locale: str) -> str:
    """Return the amount as people of the locale write it: ``$12.99``, ``12,99 €``."""
    return format_currency(quantize(amount, currency), currency, locale=locale)
