"""Readers who asked to be told when a book is back in stock."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, text_enum


class PrebookStatus(StrEnum):
    """What became of the wish."""

    WAITING = "waiting"
    NOTIFIED = "notified"
    CANCELLED = "cancelled"


class Prebook(CreatedAt, Base):
    """An account that waits, or waited, for a book; it waits for a book once at a time."""

    __tablename__ = "prebooks"
    __table_args__ = (
        Index(
            "uq_prebooks_waiting",
            "user_id",
            "book_id",
            unique=True,
            postgresql_where=text("status = 'waiting'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    status: Mapped[PrebookStatus] = mapped_column(
        text_enum(PrebookStatus),
        server_default=PrebookStatus.WAITING,
    )
    notified_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
