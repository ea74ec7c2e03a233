"""Handing messages over."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.integrations.mail import mail_sender
from app.jobs.batches import in_batches
from app.jobs.queue import job, periodic
from app.notifications.mailer import compose
from app.notifications.service import SEND_MAIL, find_unsent_mail, forget_sent_words, mark_sent


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
    await mail_sender(settings).send(compose(mail, settings=settings))
    async with session_scope() as session:
        await mark_sent(session, mail_id=mail_id, now=utc_now())


@periodic("notifications.prune", cron="27 3 * * *")
async def prune_sent_words() -> None:
    """Empty the messages that were sent long ago: addresses and purchases are in them."""
    now = utc_now()

    async def step(session: AsyncSession, limit: int) -> int:
        return await forget_sent_words(session, now=now, limit=limit)

    await in_batches(step)
