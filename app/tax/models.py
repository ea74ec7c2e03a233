"""The rates that the shop works tax out with."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Identity, Numeric, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, text_enum
from app.tax.kinds import ProductKind


class TaxRate(Base):
    """Per cent of the net price of a kind of thing in a country, from a day on.

    The one of the latest day that has come is in force; what it rests on, and the day as of which
    that was known, stand beside it.
    """

    __tablename__ = "tax_rates"
    __table_args__ = (
        UniqueConstraint("country", "kind", "valid_from"),
        CheckConstraint("rate >= 0 AND rate <= 100", name="rate_is_per_cent"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_code"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    country: Mapped[str] = mapped_column(Text)
    kind: Mapped[ProductKind] = mapped_column(text_enum(ProductKind))
    valid_from: Mapped[date]
    rate: Mapped[Decimal] = mapped_column(Numeric(6, 3))
    source: Mapped[str] = mapped_column(Text)
    as_of: Mapped[date]
    note: Mapped[str | None] = mapped_column(Text)
