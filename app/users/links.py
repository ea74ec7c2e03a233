"""Links that are mailed to readers and work once.

A token is derived from its link's id and the shop's secret, so that it need not be kept for the
mail that is sent later: the database holds its SHA-256, the mail that waits a place for it, and
only the message that is handed over the token itself.

Addresses are built from ``public_url``, never from what a request says of the shop's name.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, get_settings
from app.core.security import hash_token
from app.jobs.outbox import publish
from app.jobs.queue import JobKind, enqueue
from app.users import link_repository as repository
from app.users.account_models import AccountLink, LinkPurpose
from app.users.errors import LinkInvalidError
from app.users.events import AddressProved
from app.users.link_repository import UsedLink

MAIL_LINK = JobKind(name="notifications.write_link_mail")
"""The job that writes the mail of a link."""

MAIL_NOTICE = JobKind(name="notifications.write_notice")
"""The job that writes a mail that only says what has happened."""


class Notice(StrEnum):
    """What an account's reader is told of by mail, with nothing to do in it."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 (a folder of words)
    EMAIL_CHANGED = "email_changed"
    EMAIL_TAKEN = "email_taken"
    REGISTRATION_TRIED = "registration_tried"
    ACCOUNT_DELETED = "account_deleted"
    TWO_STEP_ON = "two_step_on"
    TWO_STEP_OFF = "two_step_off"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    RECOVERY_CODE_USED = "recovery_code_used"
    IDENTITY_CONNECTED = "identity_connected"
    IDENTITY_DISCONNECTED = "identity_disconnected"
    NEW_DEVICE = "new_device"


PAUSE = timedelta(minutes=1)
"""For so long an account is not sent another link of the same purpose, whoever asks for it."""

LIFETIMES = {
    LinkPurpose.VERIFY_EMAIL: timedelta(days=3),
    LinkPurpose.CHOOSE_PASSWORD: timedelta(days=1),
    LinkPurpose.RESET_PASSWORD: timedelta(minutes=30),
    LinkPurpose.CONFIRM_OLD_EMAIL: timedelta(days=1),
    LinkPurpose.CONFIRM_NEW_EMAIL: timedelta(days=1),
    LinkPurpose.DELETE_ACCOUNT: timedelta(minutes=30),
}

PATHS = {
    LinkPurpose.VERIFY_EMAIL: "/verify-email",
    LinkPurpose.CHOOSE_PASSWORD: "/reset-password",
    LinkPurpose.RESET_PASSWORD: "/reset-password",
    LinkPurpose.CONFIRM_OLD_EMAIL: "/confirm-email",
    LinkPurpose.CONFIRM_NEW_EMAIL: "/confirm-email",
    LinkPurpose.DELETE_ACCOUNT: "/account/delete",
}
"""The page of each purpose; it shows a form, and only sending the form uses the link."""

EMAIL_CHANGE = frozenset({LinkPurpose.CONFIRM_OLD_EMAIL, LinkPurpose.CONFIRM_NEW_EMAIL})


async def issue_link(
    session: AsyncSession, *, user_id: int, purpose: LinkPurpose, email: str, now: datetime
) -> None:
    """Let a link be mailed to an address of the account, unless one was a moment ago."""
    if await repository.has_link_since(
        session, user_id=user_id, purpose=purpose, since=now - PAUSE
    ):
        return
    link_id = uuid4()
    await repository.insert_link(
        session,
        link_id=link_id,
        token_hash=hash_token(link_token(link_id, get_settings())),
        user_id=user_id,
        purpose=purpose,
        email=email,
        expires_at=now + LIFETIMES[purpose],
    )
    await enqueue(session, MAIL_LINK, link_id=str(link_id))


async def send_notice(
    session: AsyncSession,
    *,
    notice: Notice,
    recipient: str,
    about: str = "",
    language: str | None = None,
) -> None:
    """Let somebody be told what has happened to an account of theirs.

    Args:
        session: the caller's.
        notice: what.
        recipient: the address; it may be one that the account has no more.
        about: the provider's name, in notices about one; the device, in those of a new one.
        language: the recipient's, where the address may soon be of no account.
    """
    await enqueue(
        session,
        MAIL_NOTICE,
        notice=notice,
        recipient=recipient,
        event_id=str(uuid4()),
        about=about,
        language=language,
    )


async def find_open_link(
    session: AsyncSession, *, link_id: UUID, now: datetime
) -> AccountLink | None:
    """Return a link that can still be used."""
    return await repository.find_open_link(session, link_id=link_id, now=now)


async def find_recipient(
    session: AsyncSession, *, token: str, purposes: frozenset[LinkPurpose], now: datetime
) -> str | None:
    """Return whom a link was mailed to that could be used now. Only ``use_link`` decides."""
    return await repository.find_recipient(
        session, token_hash=hash_token(token), purposes=purposes, now=now
    )


async def use_link(
    session: AsyncSession,
    *,
    token: str,
    purposes: frozenset[LinkPurpose],
    now: datetime,
    user_id: int | None = None,
) -> UsedLink:
    """Use a link, which then is used up; of many at once, one succeeds.

    Args:
        session: the caller's.
        token: what the mail's link carries.
        purposes: what the caller takes it for.
        now: the moment.
        user_id: the account that must be the link's. Without it anybody who reads the mail may
            use the link.

    Raises:
        LinkInvalidError: unknown, used, expired, for something else, or another account's.
    """
    used = await repository.use_link(
        session, token_hash=hash_token(token), purposes=purposes, now=now, user_id=user_id
    )
    if used is None:
        raise LinkInvalidError
    return used


async def drop_links(
    session: AsyncSession, *, user_id: int, purposes: frozenset[LinkPurpose]
) -> None:
    """Let the account's links of some purposes work no more."""
    await repository.delete_links(session, user_id=user_id, purposes=purposes)


async def prove_address(session: AsyncSession, *, user_id: int, email: str, now: datetime) -> bool:
    """Write down that the account's reader reads the mail of an address; tell if it has it still.

    Guests' orders with that address are the account's from then on.
    """
    if not await repository.verify_address(session, user_id=user_id, email=email, now=now):
        return False
    await announce_proof(session, user_id=user_id)
    return True


async def announce_proof(session: AsyncSession, *, user_id: int) -> None:
    """Let it be heard of that the account's present address is proved."""
    await publish(session, AddressProved(user_id=user_id))


async def drop_change(session: AsyncSession, *, user_id: int) -> None:
    """Give up the change of address that the account waits for, if any."""
    await repository.delete_change(session, user_id=user_id)
    await drop_links(session, user_id=user_id, purposes=EMAIL_CHANGE)


async def forget_expired_changes(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete changes of address that were not confirmed in time; return how many."""
    return await repository.delete_expired_changes(session, now=now, limit=limit)


async def forget_expired_links(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete links that have expired, up to a limit; return how many."""
    return await repository.delete_expired_links(session, now=now, limit=limit)


def link_token(link_id: UUID, settings: Settings) -> str:
    """Return the 256 bits that a link carries, which nobody finds out from its id."""
    key = settings.signing_secrets[0].encode()
    mac = hmac.digest(key, b"account link " + link_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def link_address(purpose: LinkPurpose, token: str, settings: Settings) -> str:
    """Return the address that a mail leads to."""
    return f"{settings.public_url}{PATHS[purpose]}?token={token}"
