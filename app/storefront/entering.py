"""Letting somebody in, once it is proved who that is: at once, or after the second step."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from app.cart.deps import CART
from app.cart.service import merge_guest_cart
from app.core.clock import Now
from app.core.config import Settings
from app.core.cookies import Cookie
from app.core.deps import AppSettings, DbSession, Principal
from app.storefront.context import Page, PageContext
from app.users import sessions
from app.users.callers import FromWhere, RequestClient, remember_device
from app.users.deps import SESSION
from app.users.limits import Client
from app.users.strangers import tell_of_new_device
from app.users.two_step import pending
from app.users.two_step.service import is_on
from app.users.whence import Whence

HALF_WAY = Cookie("half-way")
"""Holds the token of who has still to take the second step."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a browser is let in: who it is as far as that can be seen, and what keeps it in."""

    request: Request
    session: AsyncSession
    page: PageContext
    client: Client
    whence: Whence
    now: datetime
    settings: Settings


async def get_door(
    request: Request,
    session: DbSession,
    page: Page,
    client: RequestClient,
    whence: FromWhere,
    now: Now,
    settings: AppSettings,
) -> Door:
    """Collect what letting somebody in takes."""
    return Door(
        request=request,
        session=session,
        page=page,
        client=client,
        whence=whence,
        now=now,
        settings=settings,
    )


AtDoor = Annotated[Door, Depends(get_door, scope="function")]


async def enter_or_ask(door: Door, principal: Principal, target: str) -> Response:
    """Sign the browser in, or lead it to the second step if the account has one."""
    if not await is_on(door.session, user_id=principal.id):
        return await enter(door, principal, target)
    token = await pending.start(door.session, user_id=principal.id, now=door.now)
    response = RedirectResponse(f"/sign-in/two-step?{urlencode({'next': target})}", 303)
    HALF_WAY.write(response, token, door.settings, seconds=int(pending.LIFETIME.total_seconds()))
    return response


async def enter(door: Door, principal: Principal, target: str) -> Response:
    """Sign the browser in under a new session id, and take the guest's basket along."""
    response = RedirectResponse(target, 303)
    await tell_of_new_device(
        door.session,
        user=principal,
        client=door.client,
        whence=door.whence,
        now=door.now,
        settings=door.settings,
    )
    await start_new_session(door, response, user_id=principal.id)
    remember_device(response, client=door.client, email=principal.email, settings=door.settings)
    if door.page.cart_token:
        await merge_guest_cart(door.session, token=door.page.cart_token, user_id=principal.id)
        CART.clear(response, door.settings)
    return response


async def start_new_session(door: Door, response: Response, *, user_id: int) -> None:
    """Give the browser a new session id; the one that it had before is dead."""
    old = SESSION.read(door.request, door.settings)
    if old:
        await sessions.end_session(door.session, token=old)
    lifetime = timedelta(days=door.settings.session_days)
    token = await sessions.start_session(
        door.session, user_id=user_id, now=door.now, lifetime=lifetime, whence=door.whence
    )
    SESSION.write(response, token, door.settings, seconds=int(lifetime.total_seconds()))
