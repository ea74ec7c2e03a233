"""What is offered for a parcel: pure rules over a method's facts."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from app.core.money import ZERO
from app.shipping.models import MethodKind


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What is to be sent, and where to.

    Weight and value are of what is shipped, after discounts; downloads count for nothing. The
    country is an ISO 3166-1 alpha-2 code, or ``None`` while the buyer has not said one.
    """

    weight_grams: int
    value: Decimal
    country: str | None
    all_digital: bool = False


@dataclass(frozen=True, kw_only=True)
class ShippingOption:
    """A way to the buyer that is offered for a parcel, at this price.

    ``days`` is how many working days it takes at the most, ``collect_at`` the shop's address.
    """

    method_id: int
    name: str
    kind: MethodKind
    price: Decimal
    days: int | None = None
    collect_at: str | None = None


class MethodFacts(Protocol):
    """What of a method decides, as its row has it."""

    id: int
    kind: MethodKind
    name: str
    min_weight_g: int | None
    max_weight_g: int | None
    min_value: Decimal | None
    max_value: Decimal | None
    price: Decimal
    free_from: Decimal | None
    days: int | None
    collect_at: str | None


def offer(method: MethodFacts, parcel: Parcel) -> ShippingOption | None:
    """Return what a method costs, or ``None`` if it is not for such a parcel.

    Whether it goes to the parcel's country was asked of its zone. Downloads alone are not sent,
    and what is sent cannot be downloaded.
    """
    if (method.kind is MethodKind.DIGITAL) is not parcel.all_digital:
        return None
    if not _is_within(parcel.weight_grams, method.min_weight_g, method.max_weight_g):
        return None
    if not _is_within(parcel.value, method.min_value, method.max_value):
        return None
    is_free = method.free_from is not None and parcel.value >= method.free_from
    return ShippingOption(
        method_id=method.id,
        name=method.name,
        kind=method.kind,
        price=ZERO if is_free else method.price,
        days=method.days,
        collect_at=method.collect_at,
    )


def _is_within(
    number: Decimal | int, lowest: Decimal | int | None, highest: Decimal | int | None
) -> bool:
    return (lowest is None or lowest <= number) and (highest is None or number <= highest)
