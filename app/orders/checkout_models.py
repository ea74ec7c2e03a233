"""Checkouts that are filled in step by step, before there is an order."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt


class Checkout(CreatedAt, Base):
    """What a buyer has chosen so far, for the basket that is theirs.

    An account's, or of the browser whose basket's token has the digest ``guest_hash``. ``shown``
    are the amounts and prices that the buyer was told last: nobody is charged another total. Of
    gift cards the ids are kept, once their codes were proved: a code is money.
    """

    __tablename__ = "checkouts"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (guest_hash IS NULL)", name="one_owner"),
        Index("ix_checkouts_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    guest_hash: Mapped[bytes | None]
    email: Mapped[str | None] = mapped_column(Text)
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    shipping_method_id: Mapped[int | None]
    coupon_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    gift_card_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{}'"))
    shown: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    expires_at: Mapped[datetime]
