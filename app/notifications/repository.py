"""SQL for messages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.notifications.models import Mail


async def insert_mail(
    session: AsyncSession,
    *,
    event_id: UUID,
    recipient: str,
    template: str,
    message_id: str,
    subject: str,
    body_text: str,
    body_html: str,
) -> int | None:
    """Write a message; ``None`` when this recipient has one about this event."""
    statement = (
        insert(Mail)
        .values(
            event_id=event_id,
            recipient=recipient,
            template=template,
            message_id=message_id,
            subject=subject,
            body_text=body_text,
            body_html=body_html,
        )
        .on_conflict_do_nothing(index_elements=[Mail.event_id, Mail.recipient])
        .returning(Mail.id)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_unsent(session: AsyncSession, mail_id: int) -> Mail | None:
    """Return a message that has not been handed over yet."""
    return await session.scalar(select(Mail).where(Mail.id == mail_id, Mail.sent_at.is_(None)))


async def mark_sent(session: AsyncSession, *, mail_id: int, now: datetime) -> None:
    """Write down that the message was handed over."""
    await session.execute(update(Mail).where(Mail.id == mail_id).values(sent_at=now))
