"""Accounts, their page sessions and their refresh tokens. No credential is stored in clear."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Identity, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.rights import Right
from app.core.security import Role
from app.db.base import Base, CreatedAt, text_enum

KNOWN_RIGHTS = ", ".join(f"'{right}'" for right in Right)


class User(CreatedAt, Base):
    """An account. ``email`` is stored in lower case; the display name is the reader's choice.

    ``language`` is what it is written to in: one of ``core.translation.LANGUAGES``, or the shop's.
    ``review_invitations`` is the reader's consent to be asked what they think of what they bought.

    Exactly the accounts that are staff have rights, and at least one: readers have none, and
    admins need none.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint(f"rights <@ ARRAY[{KNOWN_RIGHTS}]", name="rights_known"),
        CheckConstraint("(role = 'staff') = (cardinality(rights) > 0)", name="rights_of_staff"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str | None] = mapped_column(Text)
    full_name: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    role: Mapped[Role] = mapped_column(
        text_enum(Role),
        server_default=Role.USER,
    )
    rights: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    review_invitations: Mapped[bool] = mapped_column(server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    email_verified_at: Mapped[datetime | None]


class UserSession(CreatedAt, Base):
    """A browser that is signed in. The cookie holds the token, the row its SHA-256.

    ``id`` is what its reader ends it by. ``last_seen_at`` is moved on now and then only.
    """

    __tablename__ = "user_sessions"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True, server_default=func.gen_random_uuid())
    program: Mapped[str] = mapped_column(Text, server_default="")
    network: Mapped[str] = mapped_column(Text, server_default="")
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TokenFamily(CreatedAt, Base):
    """One sign-in of a program. Its refresh tokens replace each other until it ends."""

    __tablename__ = "token_families"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    program: Mapped[str] = mapped_column(Text, server_default="")
    network: Mapped[str] = mapped_column(Text, server_default="")
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]


class RefreshToken(CreatedAt, Base):
    """One refresh token of a family; used once. A second use means that it was stolen."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    family_id: Mapped[UUID] = mapped_column(
        ForeignKey("token_families.id", ondelete="CASCADE"), index=True
    )
    used_at: Mapped[datetime | None]


class AttemptCount(Base):
    """The moments at which something was tried lately, by or at one subject.

    The subject is the SHA-256 of an account's address, of a device's id or of an IP address. There
    are never more moments than were allowed, and none counts after ``expires_at``.
    """

    __tablename__ = "attempt_counts"

    purpose: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[bytes] = mapped_column(primary_key=True)
    moments: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    expires_at: Mapped[datetime] = mapped_column(index=True)
