"""SQL for messages."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window
from app.notifications.models import Mail
from app.notifications.schemas import MailFilter, MailState

NEWEST_FIRST = Order(name="mails by id", keys=(Mail.id.expression,), is_descending=True)


class RepeatedMail(NamedTuple):
    """An event and a recipient who has more than one message about it."""

    event_id: UUID
    recipient: str
    messages: int


async def insert_mail(
    session: AsyncSession,
    *,
    event_id: UUID,
    recipient: str,
    template: str,
    link_id: UUID | None,
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
            link_id=link_id,
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


async def has_mail_about(session: AsyncSession, *, event_id: UUID) -> bool:
    """Tell whether anybody has a message about an event."""
    return bool(await session.scalar(select(exists().where(Mail.event_id == event_id))))


async def mark_sent(session: AsyncSession, *, mail_id: int, now: datetime) -> None:
    """Write down that the message was handed over."""
    await session.execute(update(Mail).where(Mail.id == mail_id).values(sent_at=now))


async def empty_sent_before(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Remove the words of messages that were sent before a moment, up to a limit; return how many.

    The row stays, and with it the proof that this recipient was told of this event.
    """
    old = (
        select(Mail.id)
        .where(Mail.sent_at < before, Mail.body_text != "")
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(Mail)
        .where(Mail.id.in_(old))
        .values(subject="", body_text="", body_html="")
        .returning(Mail.id)
        .execution_options(synchronize_session=False)
    )
    return len((await session.scalars(statement)).all())


async def delete_sent_before(
    session: AsyncSession, *, templates: Collection[str], before: datetime, limit: int
) -> int:
    """Delete messages of some kinds that were sent before a moment; return how many."""
    old = (
        select(Mail.id)
        .where(Mail.sent_at < before, Mail.template.in_(templates))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(Mail).where(Mail.id.in_(old)).returning(Mail.id)
    return len((await session.scalars(statement)).all())


async def delete_of_recipients(session: AsyncSession, *, emails: Collection[str]) -> None:
    """Delete every message to some addresses."""
    await session.execute(delete(Mail).where(Mail.recipient.in_(emails)))


async def list_of_recipient(
    session: AsyncSession, *, recipient: str, window: Window
) -> Slice[Mail]:
    """Return the messages to an address, the newest first."""
    statement = select(Mail).where(Mail.recipient == recipient)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def list_mails(session: AsyncSession, *, wanted: MailFilter, window: Window) -> Slice[Mail]:
    """Return messages, the newest first."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.recipient is not None:
        conditions.append(Mail.recipient == wanted.recipient)
    if wanted.template is not None:
        conditions.append(Mail.template == wanted.template)
    if wanted.state is not None:
        is_sent = wanted.state is MailState.SENT
        conditions.append(Mail.sent_at.is_not(None) if is_sent else Mail.sent_at.is_(None))
    statement = select(Mail).where(*conditions)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def find_mail(session: AsyncSession, *, mail_id: int) -> Mail | None:
    """Return a message."""
    return await session.get(Mail, mail_id)


async def open_again(session: AsyncSession, *, mail_id: int) -> bool:
    """Let a message that still has its words wait to be sent; tell whether it does."""
    statement = (
        update(Mail)
        .where(Mail.id == mail_id, Mail.body_text != "")
        .values(sent_at=None)
        .returning(Mail.id)
    )
    return await session.scalar(statement) is not None


async def list_repeated_ids(session: AsyncSession, *, limit: int) -> list[tuple[str, int]]:
    """Return Message-IDs that more than one message has, and how many they are."""
    messages = func.count()
    statement = (
        select(Mail.message_id, messages)
        .group_by(Mail.message_id)
        .having(messages > 1)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def list_repeated(session: AsyncSession, *, limit: int) -> list[RepeatedMail]:
    """Return events and recipients with more than one message, and how many they are."""
    messages = func.count().label("messages")
    statement = (
        select(Mail.event_id, Mail.recipient, messages)
        .group_by(Mail.event_id, Mail.recipient)
        .having(messages > 1)
        .limit(limit)
    )
    return [RepeatedMail(*row) for row in await session.execute(statement)]
