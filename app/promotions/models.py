"""Coupons, automatic offers and gift cards, and what became of them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, text_enum
from app.promotions.terms import CouponKind, OfferKind

ZERO = text("0")
NO_IDS = text("'{}'")


class Selected:
    """Mixin: which books; of each list that names any, a book must be in it."""

    book_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=NO_IDS)
    genre_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=NO_IDS)
    publisher_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=NO_IDS)
    formats: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=NO_IDS)


class Running:
    """Mixin: from when until when; ``ended_at`` is when staff ended it before its time."""

    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Coupon(Running, Selected, CreatedAt, Base):
    """What a code takes off. ``redeemed`` counts the orders that it is used in now.

    It is changed only by conditional updates, as is ``CouponUse.uses``.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        CheckConstraint("redeemed >= 0 AND redeemed <= max_redemptions", name="within_limit"),
        CheckConstraint("max_redemptions >= 1 AND max_per_person >= 1", name="limits_positive"),
        CheckConstraint(
            "(kind = 'percent') = (percent IS NOT NULL)"
            " AND (kind = 'amount') = (amount IS NOT NULL)",
            name="value_of_kind",
        ),
        CheckConstraint("percent > 0 AND percent <= 100", name="percent_in_range"),
        CheckConstraint("amount > 0 AND minimum >= 0", name="amounts_positive"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[CouponKind] = mapped_column(text_enum(CouponKind))
    percent: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    amount: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    currency: Mapped[str] = mapped_column(Text)
    minimum: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    max_redemptions: Mapped[int | None]
    max_per_person: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(server_default=ZERO)
    stacks: Mapped[bool] = mapped_column(server_default=text("false"))


class CouponRedemption(CreatedAt, Base):
    """A coupon in an order. ``released_at``: the order came to nothing, and it counts no more.

    ``people`` are digests of the buyer's account and address, under which it was counted.
    """

    __tablename__ = "coupon_redemptions"
    __table_args__ = (
        UniqueConstraint("coupon_id", "order_id"),
        Index("ix_coupon_redemptions_order", "order_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    coupon_id: Mapped[int] = mapped_column(ForeignKey("coupons.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    people: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), server_default=NO_IDS)
    released_at: Mapped[datetime | None]


class CouponUse(Base):
    """How often somebody uses a coupon now; ``person`` is a digest of an account or an address."""

    __tablename__ = "coupon_uses"
    __table_args__ = (CheckConstraint("uses >= 0", name="uses_not_negative"),)

    coupon_id: Mapped[int] = mapped_column(
        ForeignKey("coupons.id", ondelete="CASCADE"), primary_key=True
    )
    person: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    uses: Mapped[int]


class Offer(Running, Selected, CreatedAt, Base):
    """What is taken off without a code. The lowest ``position`` comes first."""

    __tablename__ = "offers"
    __table_args__ = (
        CheckConstraint("percent > 0 AND percent <= 100", name="percent_in_range"),
        CheckConstraint(
            "(kind = 'bundle') = (bundle_size IS NOT NULL)"
            " AND (kind = 'bundle') = (bundle_discounted IS NOT NULL)",
            name="bundle_of_kind",
        ),
        CheckConstraint(
            "bundle_size >= 2 AND bundle_discounted >= 1 AND bundle_discounted < bundle_size",
            name="bundle_sound",
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[OfferKind] = mapped_column(text_enum(OfferKind))
    percent: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    bundle_size: Mapped[int | None]
    bundle_discounted: Mapped[int | None]
    position: Mapped[int] = mapped_column(server_default=ZERO)


class EntryKind(StrEnum):
    """What moved a gift card's balance."""

    ISSUED = "issued"
    SPENT = "spent"
    GIVEN_BACK = "given_back"


class GiftCard(CreatedAt, Base):
    """Money that is paid for already. ``balance`` is the sum of its entries.

    The code itself is nowhere: ``code_hash`` is its SHA-256, and ``key`` what it is derived from
    with the shop's secret when it is mailed (``gift_cards.code_of``). ``last_characters`` are what
    staff know it by.
    """

    __tablename__ = "gift_cards"
    __table_args__ = (
        CheckConstraint("balance >= 0", name="balance_not_negative"),
        CheckConstraint("initial_amount > 0", name="initial_amount_positive"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[UUID] = mapped_column(unique=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    last_characters: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    initial_amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    balance: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_lines.id"), index=True)
    recipient_email: Mapped[str | None] = mapped_column(Text, index=True)
    message: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    issued_by: Mapped[str] = mapped_column(Text)


class GiftCardEntry(CreatedAt, Base):
    """A line of a gift card's ledger, written by the statement that moved the balance."""

    __tablename__ = "gift_card_entries"
    __table_args__ = (
        CheckConstraint("(kind = 'spent') = (amount < 0) AND amount <> 0", name="sign_of_kind"),
        Index("ix_gift_card_entries_card", "gift_card_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    gift_card_id: Mapped[int] = mapped_column(ForeignKey("gift_cards.id"))
    kind: Mapped[EntryKind] = mapped_column(text_enum(EntryKind))
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    balance_after: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)


class GiftCardPayment(CreatedAt, Base):
    """What a gift card paid of an order, and how much of that went back onto it."""

    __tablename__ = "gift_card_payments"
    __table_args__ = (
        CheckConstraint("given_back >= 0 AND given_back <= spent", name="given_back_within_spent"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    gift_card_id: Mapped[int] = mapped_column(
        ForeignKey("gift_cards.id"), primary_key=True, index=True
    )
    spent: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    given_back: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default=ZERO)
