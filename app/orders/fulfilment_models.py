"""What happened to orders after they were placed: parcels, returns, refunds, papers, the time line.

Rows are added and never taken away; of a refund alone the state changes.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, CreatedAt, text_enum


class EventKind(StrEnum):
    """What can happen to an order."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    PACKED = "packed"
    SHIPPED = "shipped"
    READY_TO_COLLECT = "ready_to_collect"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    RETURNED = "returned"
    REFUND_ASKED = "refund_asked"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    INVOICED = "invoiced"
    CREDITED = "credited"
    NOTE = "note"


class Reason(StrEnum):
    """Why money goes back, copies come back, or an order is called off."""

    CHANGED_MIND = "changed_mind"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    LATE = "late"
    OUT_OF_STOCK = "out_of_stock"
    GOODWILL = "goodwill"
    NOT_COLLECTED = "not_collected"
    OTHER = "other"


class RefundState(StrEnum):
    """What is known of a refund. ``pending``: the gateway is asked until it says something."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class RefundWay(StrEnum):
    """Where a refund goes: the way that the payment came, or back onto the order's gift cards."""

    PAYMENT = "payment"
    GIFT_CARDS = "gift_cards"


class PaperKind(StrEnum):
    """A paper with a number of a series that has no gaps."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class OrderEvent(CreatedAt, Base):
    """One line of an order's time line, written in the transaction of what it tells of.

    ``actor`` is ``buyer``, ``shop`` for what the shop does by itself, or who of the staff it was,
    by e-mail address. Notes are the staff's own, and no buyer is shown them.
    """

    __tablename__ = "order_events"
    __table_args__ = (Index("ix_order_events_order", "order_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[EventKind] = mapped_column(text_enum(EventKind))
    actor: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class Shipment(CreatedAt, Base):
    """One parcel: some or all of an order's copies."""

    __tablename__ = "shipments"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    carrier: Mapped[str | None] = mapped_column(Text)
    tracking_number: Mapped[str | None] = mapped_column(Text)
    tracking_url: Mapped[str | None] = mapped_column(Text)

    lines: Mapped[list["ShipmentLine"]] = relationship(
        lazy="raise", order_by="ShipmentLine.order_line_id"
    )


class ShipmentLine(Base):
    """So many copies of an order's line in a parcel."""

    __tablename__ = "shipment_lines"
    __table_args__ = (CheckConstraint("quantity >= 1", name="quantity_positive"),)

    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), primary_key=True)
    order_line_id: Mapped[int] = mapped_column(
        ForeignKey("order_lines.id"), primary_key=True, index=True
    )
    quantity: Mapped[int]


class Refund(CreatedAt, Base):
    """Money that goes back, whole or in part. ``reference`` is the gateway's idempotency key.

    One that goes the way of the payment counts in ``Payment.refunded_total`` from the moment that
    it is written down, and no longer once it has failed. A pending one is asked about again after
    ``ask_after``. What goes onto gift cards is there at once.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        Index("ix_refunds_pending", "ask_after", postgresql_where=text("state = 'pending'")),
        Index("ix_refunds_decided_at", "decided_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    currency: Mapped[str] = mapped_column(Text)
    reason: Mapped[Reason] = mapped_column(text_enum(Reason))
    way: Mapped[RefundWay] = mapped_column(text_enum(RefundWay), server_default=RefundWay.PAYMENT)
    state: Mapped[RefundState] = mapped_column(
        text_enum(RefundState), server_default=RefundState.PENDING
    )
    failure: Mapped[str | None] = mapped_column(Text)
    ask_after: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    decided_at: Mapped[datetime | None]

    lines: Mapped[list["RefundLine"]] = relationship(
        lazy="raise", order_by="RefundLine.order_line_id"
    )


class RefundLine(Base):
    """So many copies of an order's line that a refund pays back. A free amount has none.

    ``amount`` is what they cost: the refund may be of more or less.
    """

    __tablename__ = "refund_lines"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
    )

    refund_id: Mapped[int] = mapped_column(ForeignKey("refunds.id"), primary_key=True)
    order_line_id: Mapped[int] = mapped_column(
        ForeignKey("order_lines.id"), primary_key=True, index=True
    )
    quantity: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))


class OrderReturn(CreatedAt, Base):
    """Copies that came back, or never left, and why."""

    __tablename__ = "order_returns"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    reason: Mapped[Reason] = mapped_column(text_enum(Reason))
    was_sent: Mapped[bool]
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refunds.id"), index=True)

    lines: Mapped[list["ReturnLine"]] = relationship(
        lazy="raise", order_by="ReturnLine.order_line_id"
    )


class ReturnLine(Base):
    """So many copies of an order's line that came back. Those ``on_shelf`` can be sold again."""

    __tablename__ = "return_lines"
    __table_args__ = (CheckConstraint("quantity >= 1", name="quantity_positive"),)

    return_id: Mapped[int] = mapped_column(ForeignKey("order_returns.id"), primary_key=True)
    order_line_id: Mapped[int] = mapped_column(
        ForeignKey("order_lines.id"), primary_key=True, index=True
    )
    quantity: Mapped[int]
    on_shelf: Mapped[bool]


class PaperSeries(Base):
    """The last number that was given in a series, such as the invoices of a year."""

    __tablename__ = "paper_series"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    last_number: Mapped[int]


class Paper(CreatedAt, Base):
    """An invoice or a credit note: its number, its day, and who the seller was then.

    The rest is the order's and the refund's, which do not change. An order has one invoice, and
    each refund one credit note.
    """

    __tablename__ = "papers"
    __table_args__ = (
        UniqueConstraint("series", "number"),
        Index(
            "uq_papers_invoice",
            "order_id",
            unique=True,
            postgresql_where=text("kind = 'invoice'"),
        ),
        CheckConstraint("(kind = 'credit_note') = (refund_id IS NOT NULL)", name="refund_credited"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    kind: Mapped[PaperKind] = mapped_column(text_enum(PaperKind))
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refunds.id"), unique=True)
    series: Mapped[str] = mapped_column(ForeignKey("paper_series.name"))
    number: Mapped[int]
    issued_at: Mapped[datetime]
    seller: Mapped[dict[str, Any]] = mapped_column(JSONB)

    @property
    def label(self) -> str:
        """The number as it stands on the paper."""
        return f"{self.series}-{self.number:06d}"
