"""What publishers' feeds say of books beyond what the shop shows: prices, rights, provenance."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base

if TYPE_CHECKING:
    from app.books.models.books import Book


class Price(Base):
    """A price that a supplier names: for whom, where and when.

    ``type_code`` is from ONIX list 58, ``qualifier`` from list 59. Countries are ISO
    3166 codes or ``WORLD``; no ``countries`` means everywhere but in ``excluded_countries``. Both
    dates are inside.
    """

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_iso"),
        Index(
            "ix_prices_valid_from", "valid_from", postgresql_where=text("valid_from IS NOT NULL")
        ),
        Index(
            "ix_prices_valid_until",
            "valid_until",
            postgresql_where=text("valid_until IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    type_code: Mapped[str] = mapped_column(Text)
    qualifier: Mapped[str | None] = mapped_column(Text)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 3))
    currency: Mapped[str] = mapped_column(Text)
    includes_tax: Mapped[bool | None]
    minimum_quantity: Mapped[int | None]
    countries: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    excluded_countries: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]


class SalesRight(Base):
    """Where a book may or may not be sold, as its publisher says (ONIX list 46).

    Territories as in ``Price``; ``ROW`` is the rest of the world.
    """

    __tablename__ = "sales_rights"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    type_code: Mapped[str] = mapped_column(Text)
    countries: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    excluded_countries: Mapped[list[str] | None] = mapped_column(ARRAY(Text))


class FeedRecord(Base):
    """The last record that was taken from a sender for a book.

    ``digest`` tells whether the next one says anything new, ``sent_at`` whether it is older.
    ``superseded`` are digests of records that one sent at the same time took back. ``book_id`` is
    missing where the sender deleted what the shop never had. ``is_withdrawn`` says that the sender
    deleted the book, and may bring it back.
    """

    __tablename__ = "feed_records"
    __table_args__ = (UniqueConstraint("sender", "reference"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    sender: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    book_id: Mapped[int | None] = mapped_column(
        ForeignKey("books.id", ondelete="CASCADE"), index=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    superseded: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), server_default=text("'{}'"))
    is_withdrawn: Mapped[bool] = mapped_column(server_default=text("false"))
    sent_at: Mapped[datetime | None]
    taken_at: Mapped[datetime]

    book: Mapped["Book | None"] = relationship(lazy="raise")
