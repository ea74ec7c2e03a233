"""Stock: how many copies of a book there are and where, and every movement that made it so."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, text_enum


class MovementKind(StrEnum):
    """What happened to copies. Only a correction may be negative."""

    RECEIVED = "received"
    RESERVED = "reserved"
    RELEASED = "released"
    SOLD = "sold"
    RETURNED = "returned"
    CORRECTED = "corrected"


class Stock(Base):
    """How many copies came and where they are; changed only by conditional updates.

    Apart from the catalogue's row, so that a sale never waits for somebody who edits a blurb. The
    sums of the book's movements are what stands here. ``received`` counts what came and what was
    corrected since; ``sold`` and ``returned`` only grow. With ``low_level`` copies or fewer on
    hand the book is to be ordered anew; without one nobody watches it.
    """

    __tablename__ = "stock"
    __table_args__ = (
        CheckConstraint("received + returned = on_hand + reserved + sold", name="balanced"),
        CheckConstraint(
            "on_hand >= 0 AND reserved >= 0 AND sold >= 0 AND received >= 0 AND returned >= 0",
            name="not_negative",
        ),
        CheckConstraint("returned <= sold", name="returned_were_sold"),
        CheckConstraint("low_level >= 0", name="low_level_not_negative"),
        Index("ix_stock_in_stock", "book_id", postgresql_where=text("in_stock")),
        Index("ix_stock_watched", "book_id", postgresql_where=text("low_level IS NOT NULL")),
        {"postgresql_with": {"fillfactor": 70}},
    )

    book_id: Mapped[int] = mapped_column(
        ForeignKey("books.id", ondelete="CASCADE"), primary_key=True
    )
    received: Mapped[int] = mapped_column(server_default=text("0"))
    returned: Mapped[int] = mapped_column(server_default=text("0"))
    on_hand: Mapped[int] = mapped_column(server_default=text("0"))
    reserved: Mapped[int] = mapped_column(server_default=text("0"))
    sold: Mapped[int] = mapped_column(server_default=text("0"))
    low_level: Mapped[int | None]
    in_stock: Mapped[bool] = mapped_column(Computed("on_hand > 0", persisted=True))
    """A column, since an index over ``on_hand`` would cost every sale an entry in each index."""


class StockMovement(CreatedAt, Base):
    """So many copies of a book that came, went or changed their place; never changed again.

    ``order_id`` is the order's that they were moved for, ``actor`` who of the staff moved them
    (as in the audit, a name and no reference), ``reason`` why, and ``reference`` what a delivery
    note or the like calls it. No column refers to another table: a foreign key would have every
    sale lock the row of its book and of its order once more.
    """

    __tablename__ = "stock_movements"
    __table_args__ = (
        CheckConstraint(
            "CASE WHEN kind = 'corrected' THEN copies <> 0 ELSE copies > 0 END", name="copies_moved"
        ),
        Index("ix_stock_movements_book", "book_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    book_id: Mapped[int]
    kind: Mapped[MovementKind] = mapped_column(text_enum(MovementKind))
    copies: Mapped[int]
    order_id: Mapped[int | None]
    actor: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
