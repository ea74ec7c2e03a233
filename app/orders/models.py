"""Orders, their lines and payments. What was agreed is copied in and never changes."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
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


class OrderStatus(StrEnum):
    """Where an order stands.

    ``pending`` holds a reservation until ``reserved_until``. ``declined`` was refused while its
    buyer waited: an attempt rather than an order, so it is in no list. ``cancelled`` was pending
    for longer, and its buyer was told later; or it was confirmed, and called off before anything
    of it had left. ``returned`` came back whole. What may become of what is in ``moves``.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    PACKED = "packed"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    READY_TO_COLLECT = "ready_to_collect"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    DECLINED = "declined"


class PaymentStatus(StrEnum):
    """What the gateway said last.

    ``needs_action``: the buyer has to prove to their bank who they are, or to give their card to
    the gateway. ``due``: it will be paid in the shop. ``voided``: it would have been, but the order
    was called off before.
    """

    PENDING = "pending"
    NEEDS_ACTION = "needs_action"
    DUE = "due"
    CAPTURED = "captured"
    FAILED = "failed"
    VOIDED = "voided"


SUBTOTAL = (
    "total + discount_total - shipping_total - CASE WHEN prices_include_tax THEN 0 ELSE tax_total"
    " END"
)
"""What an order's lines come to, as its other amounts have it: what ``total`` adds up from."""


class Order(CreatedAt, Base):
    """A purchase. ``number`` is what people say on the telephone and gives nothing away.

    One without an account is a guest's, who can be written to at ``email``, or of an account that
    was deleted, and then without the person: there is no ``email`` either. ``guest_hash`` is of the
    token in the guest's browser, whose basket it was; it stays when an account claims the order.
    ``language`` is what the buyer is written to in; None is the shop's.

    ``total = subtotal - discount_total + shipping_total``, and ``tax_total`` on top unless
    ``prices_include_tax``. ``gift_card_total`` of it was paid by gift cards; the payment is the
    rest. ``subtotal`` is what the database makes of the others, so that they never disagree.

    The schedule next looks at a pending order after ``settle_after``. Once the reservation has run
    out that moves on further with each of its ``settle_attempts``.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        UniqueConstraint("guest_hash", "guest_key"),
        CheckConstraint("(guest_hash IS NULL) = (guest_key IS NULL)", name="guest_with_key"),
        CheckConstraint("total >= 0", name="total_not_negative"),
        CheckConstraint("discount_total BETWEEN 0 AND subtotal", name="discount_within_subtotal"),
        CheckConstraint("shipping_total >= 0", name="shipping_not_negative"),
        CheckConstraint("tax_total >= 0", name="tax_not_negative"),
        CheckConstraint("shipping_tax BETWEEN 0 AND tax_total", name="shipping_tax_within_tax"),
        CheckConstraint("gift_card_total BETWEEN 0 AND total", name="gift_cards_within_total"),
        Index("ix_orders_user_newest", "user_id", text("id DESC")),
        Index("ix_orders_guests", "email", postgresql_where=text("user_id IS NULL")),
        Index("ix_orders_pending", "settle_after", postgresql_where=text("status = 'pending'")),
        Index("ix_orders_status", "status", "id"),
        Index("ix_orders_email", "email", "id"),
        Index("ix_orders_confirmed_at", "confirmed_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(Text, unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    email: Mapped[str | None] = mapped_column(Text)
    status: Mapped[OrderStatus] = mapped_column(
        text_enum(OrderStatus),
        server_default=OrderStatus.PENDING,
    )
    language: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    total: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    subtotal: Mapped[Decimal] = mapped_column(Numeric(12, 2), Computed(SUBTOTAL, persisted=True))
    discount_total: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    shipping_total: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    shipping_tax: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    tax_total: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    prices_include_tax: Mapped[bool] = mapped_column(server_default=text("true"))
    gift_card_total: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    shipping_method_id: Mapped[int | None]
    shipping_method: Mapped[str | None] = mapped_column(Text)
    shipping_kind: Mapped[str | None] = mapped_column(Text)
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    guest_hash: Mapped[bytes | None]
    guest_key: Mapped[str | None] = mapped_column(Text)
    checkout_id: Mapped[int | None] = mapped_column(
        ForeignKey("checkouts.id", ondelete="SET NULL"), index=True
    )
    idempotency_key: Mapped[str] = mapped_column(Text)
    request_hash: Mapped[bytes]
    reserved_until: Mapped[datetime]
    settle_after: Mapped[datetime]
    settle_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    confirmed_at: Mapped[datetime | None]

    lines: Mapped[list["OrderLine"]] = relationship(lazy="raise", order_by="OrderLine.id")
    discounts: Mapped[list["OrderDiscount"]] = relationship(
        lazy="raise", order_by="OrderDiscount.id"
    )
    taxes: Mapped[list["OrderTax"]] = relationship(lazy="raise", order_by="OrderTax.rate")
    payment: Mapped["Payment"] = relationship(lazy="raise")


class OrderLine(Base):
    """So many copies of a book at the price of that day. A book that was sold is never deleted.

    ``discount`` is the line's part of all discounts; ``tax``, at ``tax_rate`` per cent, is in the
    rest or comes on top, as the order says.

    Of its copies ``sent`` have left the shop, by parcel or over the counter, ``dropped`` never
    will, and ``returned`` of those that were sent came back. ``refunded`` were paid back.

    ``on_sale_date`` is of what was bought before it was on sale: the day that its buyer was told
    last. ``released_at`` is when that day had come.
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint(
            "discount BETWEEN 0 AND unit_price * quantity", name="discount_within_price"
        ),
        CheckConstraint("tax >= 0 AND tax_rate >= 0", name="tax_not_negative"),
        CheckConstraint(
            "sent >= 0 AND dropped >= 0 AND sent + dropped <= quantity", name="sent_as_ordered"
        ),
        CheckConstraint("returned >= 0 AND returned <= sent", name="returned_as_sent"),
        CheckConstraint("refunded >= 0 AND refunded <= quantity", name="refunded_as_ordered"),
        Index(
            "ix_order_lines_in_advance",
            "order_id",
            postgresql_where=text("on_sale_date IS NOT NULL AND released_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"), index=True)
    title: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    isbn: Mapped[str | None] = mapped_column(Text)
    cover_image_url: Mapped[str | None] = mapped_column(Text)
    unit_price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    quantity: Mapped[int]
    discount: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    tax_rate: Mapped[Decimal] = mapped_column(Numeric(6, 3), server_default=text("0"))
    tax: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    is_gift_card: Mapped[bool] = mapped_column(server_default=text("false"))
    on_sale_date: Mapped[date | None]
    released_at: Mapped[datetime | None]
    sent: Mapped[int] = mapped_column(server_default=text("0"))
    dropped: Mapped[int] = mapped_column(server_default=text("0"))
    returned: Mapped[int] = mapped_column(server_default=text("0"))
    refunded: Mapped[int] = mapped_column(server_default=text("0"))


class OrderDiscount(Base):
    """What an offer or a coupon took off, as it was called that day. Free delivery has no amount.

    ``source_id`` is the offer's or the coupon's.
    """

    __tablename__ = "order_discounts"
    __table_args__ = (CheckConstraint("amount >= 0", name="amount_not_negative"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    source_id: Mapped[int | None]
    code: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    free_shipping: Mapped[bool] = mapped_column(server_default=text("false"))


class OrderTax(Base):
    """What lines and shipping of one rate, in per cent, came to without tax, and their tax."""

    __tablename__ = "order_taxes"
    __table_args__ = (CheckConstraint("net >= 0 AND tax >= 0", name="amounts_not_negative"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    rate: Mapped[Decimal] = mapped_column(Numeric(6, 3), primary_key=True)
    net: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    tax: Mapped[Decimal] = mapped_column(Numeric(12, 2))


class Payment(CreatedAt, Base):
    """The one charge of an order. ``reference`` is the gateway's idempotency key, made by us.

    ``gateway_reference`` is what the gateway calls it. Money that was found to be taken for an
    order which had been given up is late, and goes back. ``refunded_total`` is the sum of its
    refunds that were paid or are about to be.
    """

    __tablename__ = "payments"
    __table_args__ = (
        Index(
            "ix_payments_late",
            "late_since",
            postgresql_where=text("late_since IS NOT NULL AND given_back_at IS NULL"),
        ),
        CheckConstraint(
            "refunded_total >= 0 AND refunded_total <= amount", name="refunded_as_captured"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    gateway: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    currency: Mapped[str] = mapped_column(Text)
    status: Mapped[PaymentStatus] = mapped_column(
        text_enum(PaymentStatus),
        server_default=PaymentStatus.PENDING,
    )
    failure: Mapped[str | None] = mapped_column(Text)
    gateway_reference: Mapped[str | None] = mapped_column(Text)
    late_since: Mapped[datetime | None]
    given_back_at: Mapped[datetime | None]
    refunded_total: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))


class ReportedEvent(CreatedAt, Base):
    """Something that a gateway told by itself, once however often it says so."""

    __tablename__ = "gateway_events"
    __table_args__ = (Index("ix_gateway_events_created_at", "created_at"),)

    gateway: Mapped[str] = mapped_column(Text, primary_key=True)
    event_id: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    charge_reference: Mapped[str | None] = mapped_column(Text)
