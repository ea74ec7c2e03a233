"""What staff send and are told about tax rates."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from app.core.countries import Country
from app.core.pagination import ListQuery
from app.core.schemas import EmptyAsNone, OneLine, ReadModel, WriteModel
from app.tax.kinds import ProductKind

RatedKind = Literal[ProductKind.BOOK, ProductKind.EBOOK, ProductKind.AUDIOBOOK, ProductKind.OTHER]
Percent = Annotated[
    Decimal,
    Field(
        ge=0,
        le=100,
        max_digits=6,
        decimal_places=3,
        allow_inf_nan=False,
        description="Per cent of the net price.",
        examples=["5.5"],
    ),
]
Said = Annotated[OneLine, Field(min_length=1, max_length=500)]


def plain_percent(rate: Decimal) -> str:
    """Return a rate without needless zeros: ``5.5``, ``20``."""
    return f"{rate.normalize():f}"


class TaxRateUpdate(WriteModel):
    """A rate, from a day on: without ``valid_from`` from the shop's today.

    ``source`` is what it rests on, such as a law or a letter of the tax office.
    """

    rate: Percent
    valid_from: date | None = None
    source: Said = "Set by staff"
    note: Annotated[Said | None, EmptyAsNone] = None


class TaxRateRead(ReadModel):
    """A rate in per cent. The one of the latest ``valid_from`` that has come is in force."""

    id: int
    country: str
    kind: ProductKind
    valid_from: date
    rate: Annotated[Decimal, PlainSerializer(plain_percent, return_type=str)]
    source: str
    as_of: Annotated[date, Field(description="The day as of which the source was known.")]
    note: str | None


class TaxRateQuery(ListQuery):
    """Which rates: all, or a country's."""

    country: Annotated[Country | None, EmptyAsNone] = None


class TaxReset(WriteModel):
    """Whose rates become those that the shop came with: a country's, or without one everybody's."""

    country: Country | None = None


class TaxResetDone(ReadModel):
    """How many rates were set anew, after all others of the same countries were deleted."""

    country: str | None
    rates: int
