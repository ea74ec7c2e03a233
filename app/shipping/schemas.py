"""What staff send and are told about zones and methods, and what buyers are told of options."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.countries import Country
from app.core.schemas import EmptyAsNone, Id, OneLine, ReadModel, Text, WriteModel
from app.shipping.models import MethodKind

MAX_COUNTRIES = 300
MAX_GRAMS = 10_000_000
MAX_POSITION = 32_767
MAX_DAYS = 365

Name = Annotated[OneLine, Field(min_length=1, max_length=120)]
Grams = Annotated[int, Field(ge=0, le=MAX_GRAMS)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2, allow_inf_nan=False)]
"""An amount in the shop's currency, zero included."""


def sort_countries(countries: list[str]) -> list[str]:
    """Return each country once, by code."""
    return sorted(set(countries))


Countries = Annotated[
    list[Country],
    Field(max_length=MAX_COUNTRIES, examples=[["AT", "DE"]]),
    AfterValidator(sort_countries),
]


class ZoneWrite(WriteModel):
    """Countries that parcels cost the same to, or all that are in no other zone."""

    name: Name = Field(examples=["European Union"])
    countries: Countries = Field(default_factory=list)
    is_rest_of_world: bool = False

    @model_validator(mode="after")
    def _refuse_countries_of_the_rest(self) -> Self:
        if self.is_rest_of_world is bool(self.countries):
            raise PydanticCustomError(
                "zone_countries",
                "A zone has countries, or is the rest of the world and names none.",
            )
        return self


class ZoneRead(ReadModel):
    """A zone, its countries by code."""

    id: int
    name: str
    countries: list[str]
    is_rest_of_world: bool


class MethodWrite(WriteModel):
    """A way to the buyer. Weights are in grams, amounts in the shop's currency.

    A `parcel` goes to a zone. To `collect` costs nothing and needs the shop's address; `digital`
    costs nothing and is for orders of downloads alone.
    """

    kind: MethodKind
    name: Name = Field(examples=["Standard parcel"])
    zone_id: Id | None = None
    min_weight_g: Grams | None = None
    max_weight_g: Grams | None = None
    min_value: Amount | None = None
    max_value: Amount | None = None
    price: Amount = Decimal("0.00")
    free_from: Annotated[
        Amount | None, Field(description="It costs nothing from this value of the goods on.")
    ] = None
    days: Annotated[int, Field(ge=0, le=MAX_DAYS)] | None = None
    collect_at: Annotated[
        Annotated[Text, Field(min_length=1, max_length=500)] | None, EmptyAsNone
    ] = None
    position: Annotated[
        int, Field(ge=0, le=MAX_POSITION, description="The lowest is offered first.")
    ] = 0
    is_active: bool = True

    @model_validator(mode="after")
    def _refuse_what_does_not_fit(self) -> Self:
        if (self.kind is MethodKind.PARCEL) is not (self.zone_id is not None):
            raise PydanticCustomError(
                "method_zone", "A parcel needs a zone, and nothing else has one."
            )
        if (self.kind is MethodKind.COLLECT) is not (self.collect_at is not None):
            raise PydanticCustomError(
                "method_address", "Collecting needs the shop's address, and nothing else has one."
            )
        if self.kind is not MethodKind.PARCEL and self.price:
            raise PydanticCustomError("method_price", "Only parcels cost something.")
        return self

    @model_validator(mode="after")
    def _refuse_limits_that_nothing_meets(self) -> Self:
        for least, most in (
            (self.min_weight_g, self.max_weight_g),
            (self.min_value, self.max_value),
        ):
            if least is not None and most is not None and least > most:
                raise PydanticCustomError("method_limits", "A lower limit is above its upper one.")
        return self


class MethodRead(ReadModel):
    """A way to the buyer, as staff see it."""

    id: int
    kind: MethodKind
    name: str
    zone_id: int | None
    min_weight_g: int | None
    max_weight_g: int | None
    min_value: Decimal | None
    max_value: Decimal | None
    price: Decimal
    free_from: Decimal | None
    days: int | None
    collect_at: str | None
    position: int
    is_active: bool


class ShippingOptionRead(ReadModel):
    """A way to the buyer that is offered. `days` is how many working days it takes at most."""

    method_id: int
    name: str
    kind: MethodKind
    price: Decimal
    days: int | None
    collect_at: str | None
