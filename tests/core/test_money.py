from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import format_money, quantize


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        ("12.99", "USD", "en_US", "$12.99"),
        ("12.995", "USD", "en_US", "$13.00"),
        ("1234.5", "JPY", "en_US", "¥1,235"),
        ("12.99", "EUR", "de_DE", "12,99\xa0€"),
    ],
)
def test_money_as_people_write_it(amount: str, currency: str, locale: str, text: str) -> None:
    assert format_money(Decimal(amount), currency, locale) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_rounding_never_moves_more_than_half_a_cent(amount: Decimal) -> None:
    rounded = quantize(amount, "USD")
    assert abs(rounded - amount) <= Decimal("0.005")
    assert quantize(rounded, "USD") == rounded
