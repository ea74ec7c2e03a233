"""Links that were mailed to readers, and changes of address that wait for both ends."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, text_enum


class LinkPurpose(StrEnum):
    """What a mailed link is for; it is good for nothing else."""

    VERIFY_EMAIL = "verify_email"
    CHOOSE_PASSWORD = "choose_password"  # noqa: S105 (a purpose)
    RESET_PASSWORD = "reset_password"  # noqa: S105 (a purpose)
    CONFIRM_OLD_EMAIL = "confirm_old_email"
    CONFIRM_NEW_EMAIL = "confirm_new_email"
    DELETE_ACCOUNT = "delete_account"


class AccountLink(CreatedAt, Base):
    """A link that works once. The mail holds the token, the row its SHA-256.

    ``email`` is the address that it was mailed to, and that who uses it has proved to read.
    """

    __tablename__ = "account_links"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[LinkPurpose] = mapped_column(text_enum(LinkPurpose))
    email: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class EmailChange(CreatedAt, Base):
    """An account that is to have another address as soon as both were confirmed."""

    __tablename__ = "email_changes"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    new_email: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    old_confirmed_at: Mapped[datetime | None]
    new_confirmed_at: Mapped[datetime | None]
