"""Telling an account's reader that somebody signed in where nobody did before."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.deps import Principal
from app.users import account_repository, devices, links
from app.users.limits import Client
from app.users.whence import Whence

SETTLING_IN = timedelta(days=1)
"""For so long after an account was opened every device is new, and no sign-in a surprise."""


async def tell_of_new_device(
    session: AsyncSession,
    *,
    user: Principal,
    client: Client,
    whence: Whence,
    now: datetime,
    settings: Settings,
) -> None:
    """Write to the account's reader about a sign-in that is about to begin, if it is surprising.

    It is not where the browser has a cookie that the account knows, nor where the same program is
    signed in already from the same network. Call it when the owner is wholly proved, before the
    new sign-in is written down.
    """
    if devices.recognise(client.device_cookie, email=user.email, settings=settings):
        return
    if await account_repository.is_at_home(
        session, user_id=user.id, whence=whence, opened_after=now - SETTLING_IN
    ):
        return
    await links.send_notice(
        session,
        notice=links.Notice.NEW_DEVICE,
        recipient=user.email,
        about=", ".join(filter(None, (whence.program, whence.network))) or "?",
    )
