"""Which identities elsewhere open which account, and who is on the way to a provider now."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, text_enum
from app.integrations.oauth.provider import ProviderName


class ConnectedIdentity(CreatedAt, Base):
    """Somebody at a provider who may enter the account. ``email`` is as it was at the time."""

    __tablename__ = "connected_identities"
    __table_args__ = (UniqueConstraint("user_id", "provider"),)

    provider: Mapped[ProviderName] = mapped_column(text_enum(ProviderName), primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str | None] = mapped_column(Text)


class OAuthTrip(CreatedAt, Base):
    """A browser on its way to a provider and back; gone once it is back, or late.

    ``user_id`` is the account that an identity is to be connected with, if that is the trip's
    purpose.
    """

    __tablename__ = "oauth_trips"

    state_hash: Mapped[bytes] = mapped_column(primary_key=True)
    browser_hash: Mapped[bytes]
    redirect_uri: Mapped[str] = mapped_column(Text)
    next: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UsedIdentityToken(CreatedAt, Base):
    """A token of Google's that signed a program in: it does not again, as long as it lives."""

    __tablename__ = "used_identity_tokens"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
