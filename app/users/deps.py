"""Who looks at a page, by the browser's session cookie."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from app.core.clock import Now
from app.core.config import Settings
from app.core.deps import AppSettings, DbSession, Principal
from app.users.errors import SignInRequiredError
from app.users.sessions import find_principal


def session_cookie(settings: Settings) -> str:
    """Return the cookie's name; the prefix binds it to this host and to HTTPS."""
    return "__Host-session" if settings.uses_secure_cookies else "session"


def session_token(request: Request, settings: Settings) -> str | None:
    """Return the token that the browser sent."""
    return request.cookies.get(session_cookie(settings))


def set_session_cookie(response: Response, token: str, settings: Settings) -> None:
    """Let the browser keep the token."""
    response.set_cookie(
        session_cookie(settings),
        token,
        max_age=settings.session_days * 24 * 60 * 60,
        path="/",
        secure=settings.uses_secure_cookies,
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(response: Response, settings: Settings) -> None:
    """Let the browser forget the token."""
    response.delete_cookie(
        session_cookie(settings),
        path="/",
        secure=settings.uses_secure_cookies,
        httponly=True,
        samesite="lax",
    )


async def get_visitor(
    request: Request, session: DbSession, now: Now, settings: AppSettings
) -> Principal | None:
    """Return the account that is signed in with this browser, if any."""
    token = session_token(request, settings)
    return await find_principal(session, token=token, now=now) if token else None


Visitor = Annotated[Principal | None, Depends(get_visitor, scope="function")]


async def get_signed_in_visitor(visitor: Visitor) -> Principal:
    """Return the account; a browser without one is led to the form for signing in."""
    if visitor is None:
        raise SignInRequiredError
    return visitor


SignedInVisitor = Annotated[Principal, Depends(get_signed_in_visitor, scope="function")]
