"""Writing messages of accounts, and handing messages over."""

from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.integrations.mail import mail_sender
from app.integrations.storage import media_storage
from app.jobs.batches import BATCH, in_batches
from app.jobs.queue import job, periodic
from app.notifications.digest import write_digests
from app.notifications.invitations import INVITATION, INVITE, invite, one_click_link
from app.notifications.mailer import TOKEN_PLACE, compose
from app.notifications.pictures import find_pictures
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
from app.users.service import get_language, get_recipients
from app.wishlist.notices import take_price_drops


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
    pictures = await find_pictures(
        mail.body_html, storage=media_storage(settings), settings=settings
    )
    stopped_by = one_click_link(mail.recipient, settings) if mail.template == INVITATION else None
    message = compose(
        mail, settings=settings, secret=secret, pictures=pictures, stopped_by=stopped_by
    )
    await mail_sender(settings).send(message)
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
        readers = await get_recipients(session, user_ids={link.user_id})
        await write_mail(
            session,
            event_id=link.id,
            recipient=link.email,
            template=link.purpose.value,
            values={"address": link_address(link.purpose, TOKEN_PLACE, get_settings())},
            settings=get_settings(),
            language=readers[0].language if readers else None,
            link_id=link.id,
        )


@job(MAIL_NOTICE)
async def write_notice(
    *, notice: str, recipient: str, event_id: str, about: str = "", language: str | None = None
) -> None:
    """Write a mail that says what has happened to the recipient's account."""
    async with session_scope() as session:
        await write_mail(
            session,
            event_id=UUID(event_id),
            recipient=recipient,
            template=notice,
            values={"about": about},
            settings=get_settings(),
            language=await get_language(session, email=recipient) or language,
        )


@job(INVITE)
async def invite_to_review(*, order_id: int, event_id: str) -> None:
    """Ask a buyer for a review, if they want to be asked."""
    async with session_scope() as session:
        await invite(session, order_id=order_id, event_id=UUID(event_id), settings=get_settings())


@periodic("notifications.digest", cron="7 * * * *")
async def write_daily_digests() -> None:
    """Tell staff of yesterday: in the morning, or as soon after it as there is a worker."""
    async with session_scope() as session:
        await write_digests(session, now=utc_now(), settings=get_settings())


@periodic("notifications.price_drops", cron="17 * * * *")
async def tell_of_price_drops() -> None:
    """Tell readers of books on their wish lists that cost less than they have seen."""
    last: int | None = 0
    while last is not None:
        async with session_scope() as session:
            drops, last = await take_price_drops(session, after_id=last, limit=BATCH)
            for drop in drops:
                for reader in await get_recipients(session, user_ids={drop.user_id}):
                    await write_mail(
                        session,
                        event_id=uuid4(),
                        recipient=reader.email,
                        template="price_dropped",
                        values={"book": drop.offer, "before": drop.before},
                        settings=get_settings(),
                        language=reader.language,
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
