"""What is offered for which parcel."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.shipping.models import MethodKind
from app.shipping.offers import Parcel, offer

PARCEL = Parcel(weight_grams=800, value=Decimal("30.00"), country="DE")


@dataclass
class Method:
    id: int = 1
    kind: MethodKind = MethodKind.PARCEL
    name: str = "Parcel"
    min_weight_g: int | None = None
    max_weight_g: int | None = None
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    price: Decimal = Decimal("4.90")
    free_from: Decimal | None = None
    days: int | None = 3
    collect_at: str | None = None


@pytest.mark.parametrize(
    ("limits", "is_offered"),
    [
        ({}, True),
        ({"min_weight_g": 800, "max_weight_g": 800}, True),
        ({"min_weight_g": 801}, False),
        ({"max_weight_g": 799}, False),
        ({"min_value": Decimal("30.00"), "max_value": Decimal("30.00")}, True),
        ({"min_value": Decimal("30.01")}, False),
        ({"max_value": Decimal("29.99")}, False),
        ({"kind": MethodKind.COLLECT}, True),
        ({"kind": MethodKind.DIGITAL}, False),
    ],
)
def test_a_method_is_offered_within_its_limits(limits: dict[str, object], is_offered: bool) -> None:  # noqa: FBT001
    found = offer(replace(Method(), **limits), PARCEL)  # type: ignore[arg-type]
    assert (found is not None) is is_offered


@pytest.mark.parametrize(
    ("free_from", "price"), [(None, "4.90"), ("30.01", "4.90"), ("30.00", "0.00"), ("0", "0.00")]
)
def test_a_method_costs_nothing_from_a_value_on(free_from: str | None, price: str) -> None:
    found = offer(Method(free_from=Decimal(free_from) if free_from else None), PARCEL)
    assert found is not None
    assert str(found.price) == price


def test_downloads_alone_are_not_sent() -> None:
    downloads = replace(PARCEL, weight_grams=0, value=Decimal(0), all_digital=True)
    kinds = [kind for kind in MethodKind if offer(Method(kind=kind), downloads)]
    assert kinds == [MethodKind.DIGITAL]


@given(
    st.integers(0, 5000),
    st.decimals(0, 200, places=2),
    st.decimals(0, 200, places=2),
    st.integers(0, 5000),
)
def test_no_option_costs_more_than_its_method(
    weight: int, value: Decimal, free_from: Decimal, max_weight: int
) -> None:
    parcel = replace(PARCEL, weight_grams=weight, value=value)
    found = offer(Method(free_from=free_from, max_weight_g=max_weight), parcel)
    assert (found is None) is (weight > max_weight)
    if found is not None:
        assert found.price == (0 if value >= free_from else Decimal("4.90"))
