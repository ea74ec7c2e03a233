"""Wish lists."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt


class WishlistItem(CreatedAt, Base):
    """A book on an account's wish list, once.

    ``price_seen`` is there for whoever wants to hear of lower prices: what it cost when they said
    so, or when they were last told.
    """

    __tablename__ = "wishlist_items"
    __table_args__ = (
        UniqueConstraint("user_id", "book_id"),
        Index(
            "ix_wishlist_items_price_seen",
            "id",
            postgresql_where=text("price_seen IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    notify_back_in_stock: Mapped[bool] = mapped_column(server_default=text("false"))
    price_seen: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))


class WishlistShare(CreatedAt, Base):
    """A wish list that whoever has its link may see. The link is signed, the row holds its key."""

    __tablename__ = "wishlist_shares"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key: Mapped[UUID] = mapped_column(unique=True)
