"""Every message that the shop sent or will send."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt


class Mail(CreatedAt, Base):
    """One message to one recipient about one event, with the one Message-ID that it will have.

    ``event_id`` is no foreign key: events are pruned, the row stays as the proof that this
    recipient was told. Its words are emptied some time after it was sent. Where ``link_id`` says
    so they have a place for a link's token, or a gift card's code, which is nowhere but in the
    message itself.
    """

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("event_id", "recipient"),
        Index("ix_mails_recipient", "recipient"),
        Index("ix_mails_with_words", "sent_at", postgresql_where=text("body_text <> ''")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    recipient: Mapped[str] = mapped_column(Text)
    template: Mapped[str] = mapped_column(Text)
    link_id: Mapped[UUID | None]
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    subject: Mapped[str] = mapped_column(Text)
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime | None]
