"""The outgoing tray: messages are written in the transaction of whoever has something to say."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.findings import SHOWN, Finding
from app.core.pagination import ListQuery, Slice
from app.jobs.queue import JobKind, Priority, enqueue
from app.notifications import repository
from app.notifications.mailer import render_mail, sender_domain
from app.notifications.models import Mail
from app.notifications.schemas import MessageRead
from app.promotions.gift_cards import reveal_code
from app.users.account_models import LinkPurpose
from app.users.links import Notice, link_token

SEND_MAIL = JobKind(name="notifications.send_mail", queue="mail", priority=Priority.LOW)
"""The job that hands a message over. A mail server that hangs holds up this queue alone."""


GIFT_CARD = "gift_card"
"""The folder of the mail that brings a gift card."""

PASSING = frozenset({*LinkPurpose, *Notice})
"""Messages of which it need not be known for ever that they were written: no event repeats them."""

WORDS_KEPT_FOR = timedelta(days=30)
"""How long the words of a message that was sent can still be looked up."""


class SecretForgottenError(LookupError):
    """A gift card cannot be mailed: the secret that its code came of is not in the settings."""

    def __init__(self) -> None:
        super().__init__("add the former secret to SECRET_KEYS_FORMER and requeue the job")


async def write_mail(
    session: AsyncSession,
    *,
    event_id: UUID,
    recipient: str,
    template: str,
    values: Mapping[str, Any],
    settings: Settings,
    language: str | None = None,
    link_id: UUID | None = None,
) -> None:
    """Write a message about an event and queue its sending, once per event and recipient.

    With ``link_id``, ``mailer.TOKEN_PLACE`` in its words is where that link's token belongs, or
    the code of the gift card with that key.
    ``language`` is the recipient's; None is the shop's.
    """
    rendered = render_mail(template, settings=settings, values=values, language=language)
    mail_id = await repository.insert_mail(
        session,
        event_id=event_id,
        recipient=recipient,
        template=template,
        link_id=link_id,
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


async def find_secret(session: AsyncSession, *, mail: Mail, settings: Settings) -> str | None:
    """Return what belongs at ``mailer.TOKEN_PLACE`` of a message, which is in no row.

    Raises:
        SecretForgottenError: the code came of a secret of the shop's that its settings name no
            more; the message waits until they do.
    """
    if mail.link_id is None:
        return None
    if mail.template == GIFT_CARD:
        code = await reveal_code(session, key=mail.link_id)
        if code is None:
            raise SecretForgottenError
        return code
    return link_token(mail.link_id, settings)


async def mark_sent(session: AsyncSession, *, mail_id: int, now: datetime) -> None:
    """Write down that a message was handed over."""
    await repository.mark_sent(session, mail_id=mail_id, now=now)


async def forget_sent_words(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Empty messages that were sent long ago, up to a limit; return how many."""
    before = now - WORDS_KEPT_FOR
    return await repository.empty_sent_before(session, before=before, limit=limit)


async def forget_passing_mails(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete mails of links and notices that were sent long ago, up to a limit; return how many."""
    before = now - WORDS_KEPT_FOR
    return await repository.delete_sent_before(
        session, templates=PASSING, before=before, limit=limit
    )


async def forget_recipients(session: AsyncSession, *, emails: Collection[str]) -> None:
    """Delete every message to some addresses; those that wait are not sent."""
    await repository.delete_of_recipients(session, emails=emails)


async def list_messages(
    session: AsyncSession, *, recipient: str, query: ListQuery
) -> Slice[MessageRead]:
    """Return the messages to an address, the newest first; old ones have no words any more.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    mails = await repository.list_of_recipient(session, recipient=recipient, window=window)
    return mails.map(MessageRead.model_validate)


async def find_repeated(session: AsyncSession) -> list[Finding]:
    """Return recipients with more than one message about an event, and Message-IDs of several."""
    ids = [
        Finding(
            invariant="one Message-ID for one mail",
            subject=f"Message-ID {message_id}",
            detail=f"{messages} mails have it",
        )
        for message_id, messages in await repository.list_repeated_ids(session, limit=SHOWN)
    ]
    return ids + [
        Finding(
            invariant="one mail for one event and recipient",
            subject=f"event {mail.event_id}",
            detail=f"{mail.messages} mails to {mail.recipient}",
        )
        for mail in await repository.list_repeated(session, limit=SHOWN)
    ]
