"""Second steps: the secret that codes are made of, recovery codes, and who is half-way in."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt


class TwoStep(CreatedAt, Base):
    """An account's second step; on once it was confirmed by a first code.

    ``last_step`` is the time step of the last code that was taken: neither it nor an earlier one
    works again.
    """

    __tablename__ = "two_step"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    encrypted_secret: Mapped[str] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class RecoveryCode(CreatedAt, Base):
    """A code for who has lost the device; gone once it was used. 80 random bits, hashed."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("two_step.user_id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)


class PendingSignIn(CreatedAt, Base):
    """Somebody who has proved all but the second step.

    It is worth nothing once the password is another, which ``password_digest`` tells.
    """

    __tablename__ = "pending_sign_ins"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    password_digest: Mapped[bytes]
    tries_left: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)
