"""Where parcels go, and the ways there."""

from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, text_enum


class MethodKind(StrEnum):
    """Sent as a parcel, collected in the shop, or downloaded."""

    PARCEL = "parcel"
    COLLECT = "collect"
    DIGITAL = "digital"


class ShippingZone(Base):
    """Countries that parcels cost the same to. At most one is the rest of the world."""

    __tablename__ = "shipping_zones"
    __table_args__ = (
        Index(
            "uq_shipping_zones_rest_of_world",
            "is_rest_of_world",
            unique=True,
            postgresql_where=text("is_rest_of_world"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    is_rest_of_world: Mapped[bool] = mapped_column(server_default=text("false"))


class ZoneCountry(Base):
    """A country is in one zone, or in none and so in the rest of the world."""

    __tablename__ = "shipping_zone_countries"
    __table_args__ = (CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_code"),)

    country: Mapped[str] = mapped_column(Text, primary_key=True)
    zone_id: Mapped[int] = mapped_column(
        ForeignKey("shipping_zones.id", ondelete="CASCADE"), index=True
    )


class ShippingMethod(Base):
    """A way to the buyer: its price, in the shop's currency, and what it is offered for.

    Only parcels have a zone. Weights are in grams. A limit that is not set does not limit; lower
    ones are met and upper ones are not passed by an equal weight or value. From a value of
    ``free_from`` on it costs nothing. ``days`` is how many working days it takes at the most.
    ``collect_at`` is the address of the shop to collect at.
    """

    __tablename__ = "shipping_methods"
    __table_args__ = (
        CheckConstraint("(kind = 'parcel') = (zone_id IS NOT NULL)", name="parcels_have_zones"),
        CheckConstraint(
            "(kind = 'collect') = (collect_at IS NOT NULL)", name="shops_have_addresses"
        ),
        CheckConstraint("kind = 'parcel' OR price = 0", name="only_parcels_cost"),
        CheckConstraint("price >= 0", name="price_not_negative"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[MethodKind] = mapped_column(text_enum(MethodKind))
    name: Mapped[str] = mapped_column(Text)
    zone_id: Mapped[int | None] = mapped_column(ForeignKey("shipping_zones.id"), index=True)
    min_weight_g: Mapped[int | None]
    max_weight_g: Mapped[int | None]
    min_value: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    max_value: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    free_from: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    days: Mapped[int | None] = mapped_column(SmallInteger)
    collect_at: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
