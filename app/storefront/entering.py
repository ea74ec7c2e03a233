"""Letting somebody in, once it is proved who that is: at once, or after the second step."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from app.cart.service import merge_guest_cart
from app.core.config import Settings
from app.core.cookies import Cookie
from app.core.deps import Principal
from app.storefront.context import CART, PageContext
from app.users import sessions
from app.users.deps import SESSION
from app.users.two_step import pending
from app.users.two_step.service import is_on

HALF_WAY = Cookie("half-way")
"""Holds the token of who has still to take the second step."""


async def enter_or_ask(
    request: Request,
    session: AsyncSession,
    page: PageContext,
    principal: Principal,
    target: str,
    now: datetime,
    settings: Settings,
) -> Response:
    """Sign the browser in, or lead it to the second step if the account has one."""
    if not await is_on(session, user_id=principal.id):
        return await enter(request, session, page, principal, target, now, settings)
    token = await pending.start(session, user_id=principal.id, now=now)
    response = RedirectResponse(f"/sign-in/two-step?{urlencode({'next': target})}", 303)
    HALF_WAY.write(response, token, settings, seconds=int(pending.LIFETIME.total_seconds()))
    return response


async def enter(
    request: Request,
    session: AsyncSession,
    page: PageContext,
    principal: Principal,
    target: str,
    now: datetime,
    settings: Settings,
) -> Response:
    """Sign the browser in under a new session id, and take the guest's basket along."""
    response = RedirectResponse(target, 303)
    await start_new_session(request, response, session, principal, now, settings)
    if page.cart_token:
        await merge_guest_cart(session, token=page.cart_token, user_id=principal.id)
        CART.clear(response, settings)
    return response


async def start_new_session(
    request: Request,
    response: Response,
    session: AsyncSession,
    principal: Principal,
    now: datetime,
    settings: Settings,
) -> None:
    """Give the browser a new session id, whatever it had before."""
    old = SESSION.read(request, settings)
    if old:
        await sessions.end_session(session, token=old)
    lifetime = timedelta(days=settings.session_days)
    token = await sessions.start_session(session, user_id=principal.id, now=now, lifetime=lifetime)
    SESSION.write(response, token, settings, seconds=int(lifetime.total_seconds()))
