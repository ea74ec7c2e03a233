"""Writing messages of accounts, and handing messages over."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.integrations.mail import mail_sender
from app.jobs.batches import in_batches
from app.jobs.queue import job, periodic
from app.notifications.mailer import TOKEN_PLACE, compose
from app.notifications.service import (
    SEND_MAIL,
    find_secret,
    find_unsent_mail,
    forget_passing_mails,
    forget_sent_words,
    mark_sent,
    write_mail,
)
from app.users.links import MAIL_LINK, MAIL_NOTICE, find_open_link, link_address


@job(SEND_MAIL, max_attempts=40)
async def send_mail(*, mail_id: int) -> None:
    """Hand a message over, with no transaction open meanwhile.

    A crash between the handing over and the mark sends it again, with the same Message-ID, by
    which mail servers and programs know a repetition.
    """
    settings = get_settings()
    async with session_scope() as session:
        mail = await find_unsent_mail(session, mail_id=mail_id)
        if mail is None:
            return
        secret = await find_secret(session, mail=mail, settings=settings)
    await mail_sender(settings).send(compose(mail, settings=settings, secret=secret))
    async with session_scope() as session:
        await mark_sent(session, mail_id=mail_id, now=utc_now())


@job(MAIL_LINK)
async def write_link_mail(*, link_id: str) -> None:
    """Write the mail of a link that can still be used."""
    now = utc_now()
    async with session_scope() as session:
        link = await find_open_link(session, link_id=UUID(link_id), now=now)
        if link is None:
            return
        await write_mail(
            session,
            event_id=link.id,
            recipient=link.email,
            template=link.purpose.value,
            values={"address": link_address(link.purpose, TOKEN_PLACE, get_settings())},
            settings=get_settings(),
            link_id=link.id,
        )


@job(MAIL_NOTICE)
async def write_notice(*, notice: str, recipient: str, event_id: str, about: str = "") -> None:
    """Write a mail that says what has happened to the recipient's account."""
    async with session_scope() as session:
        await write_mail(
            session,
            event_id=UUID(event_id),
            recipient=recipient,
            template=notice,
            values={"about": about},
            settings=get_settings(),
        )


@periodic("notifications.prune", cron="27 3 * * *")
async def prune_sent_words() -> None:
    """Empty the messages that were sent long ago: addresses and purchases are in them.

    Those of links and notices, of which nothing need be proved later, are deleted.
    """
    now = utc_now()

    async def step(session: AsyncSession, limit: int) -> int:
        return await forget_sent_words(session, now=now, limit=limit)

    async def passing(session: AsyncSession, limit: int) -> int:
        return await forget_passing_mails(session, now=now, limit=limit)

    await in_batches(step)
    await in_batches(passing)
