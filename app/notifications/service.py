"""The outgoing tray: messages are written in the transaction of whoever has something to say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.jobs.queue import enqueue
from app.notifications import repository
from app.notifications.mailer import render_mail, sender_domain
from app.notifications.models import Mail

SEND_MAIL = "notifications.send_mail"
"""The job that hands a message over."""


async def write_mail(
    session: AsyncSession,
    *,
    event_id: UUID,
    recipient: str,
    template: str,
    values: Mapping[str, Any],
    settings: Settings,
) -> None:
    """Write a message about an event and queue its sending, once per event and recipient."""
    rendered = render_mail(template, settings=settings, values=values)
    mail_id = await repository.insert_mail(
        session,
        event_id=event_id,
        recipient=recipient,
        template=template,
        message_id=f"<{uuid4().hex}@{sender_domain(settings)}>",
        subject=rendered.subject,
        body_text=rendered.text,
        body_html=rendered.html,
    )
    if mail_id is not None:
        await enqueue(session, SEND_MAIL, mail_id=mail_id)


async def find_unsent_mail(session: AsyncSession, *, mail_id: int) -> Mail | None:
    """Return a message that has not been handed over yet."""
    return await repository.find_unsent(session, mail_id)


async def mark_sent(session: AsyncSession, *, mail_id: int, now: datetime) -> None:
    """Write down that a message was handed over."""
    await repository.mark_sent(session, mail_id=mail_id, now=now)
