"""Asking readers, who said that they want to be asked, what they think of what they bought."""

from datetime import timedelta
from uuid import UUID

from itsdangerous import BadSignature
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.signing import signer
from app.jobs.queue import JobKind, Priority
from app.notifications.errors import StopLinkInvalidError
from app.notifications.service import write_mail
from app.orders.models import OrderStatus
from app.orders.service import get_order_of_shop
from app.users.profiles import stop_review_invitations
from app.users.service import find_consenting

INVITATION = "review_invitation"
"""The folder of the mail."""

INVITE = JobKind(name="notifications.invite_to_review", priority=Priority.LOW)
"""The job that writes it."""

READING_TIME = timedelta(days=10)
"""How long after the delivery the mail is written: few books are read sooner."""

SIGNED_FOR = "stop-review-invitations"


def stop_link(email: str, settings: Settings) -> str:
    """Return the page where the reader of an address ends these mails, without a sign-in."""
    return f"{settings.public_url}/mail/stop?token={_stop_token(email, settings)}"


def one_click_link(email: str, settings: Settings) -> str:
    """Return where a mail program ends them, by one POST at its reader's wish (RFC 8058)."""
    return f"{settings.public_url}/api/v1/mail/stop?token={_stop_token(email, settings)}"


def _stop_token(email: str, settings: Settings) -> str:
    return str(signer(SIGNED_FOR, settings).dumps(email))


def address_of(token: str, settings: Settings) -> str | None:
    """Return the address that a link to stop was mailed to; None if it is none of ours."""
    try:
        return str(signer(SIGNED_FOR, settings).loads(token))
    except BadSignature:
        return None


async def stop(session: AsyncSession, *, token: str, settings: Settings) -> None:
    """End these mails; once more does nothing.

    Raises:
        StopLinkInvalidError: the link is none of ours.
    """
    email = address_of(token, settings)
    if email is None:
        raise StopLinkInvalidError
    await stop_review_invitations(session, email=email)


async def invite(
    session: AsyncSession, *, order_id: int, event_id: UUID, settings: Settings
) -> None:
    """Write the mail, if the buyer wants it now and has kept something of the order."""
    order = await get_order_of_shop(session, order_id=order_id)
    if order.email is None or order.status is not OrderStatus.DELIVERED:
        return
    reader = await find_consenting(session, email=order.email)
    if reader is None:
        return
    await write_mail(
        session,
        event_id=event_id,
        recipient=reader.email,
        template=INVITATION,
        values={"order": order, "stop_link": stop_link(reader.email, settings)},
        settings=settings,
        language=reader.language,
    )
