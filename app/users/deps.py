"""Who looks at a page, by the browser's session cookie."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.clock import Now
from app.core.cookies import Cookie
from app.core.deps import AppSettings, DbSession, Principal
from app.users.errors import SignInRequiredError
from app.users.sessions import find_principal
from app.users.whence import Whence, coarse_network, describe_program

SESSION = Cookie("session")
"""Holds the token of who is signed in."""


async def get_visitor(
    request: Request, session: DbSession, now: Now, settings: AppSettings
) -> Principal | None:
    """Return the account that is signed in with this browser, if any."""
    token = SESSION.read(request, settings)
    return await find_principal(session, token=token, now=now) if token else None


Visitor = Annotated[Principal | None, Depends(get_visitor, scope="function")]


async def get_signed_in_visitor(visitor: Visitor) -> Principal:
    """Return the account; a browser without one is led to the form for signing in."""
    if visitor is None:
        raise SignInRequiredError
    return visitor


async def get_whence(request: Request) -> Whence:
    """Return where the request comes from, as coarsely as it is kept."""
    return Whence(
        program=describe_program(request.headers.get("user-agent", "")),
        network=coarse_network(request.client.host if request.client else ""),
    )


FromWhere = Annotated[Whence, Depends(get_whence)]

SignedInVisitor = Annotated[Principal, Depends(get_signed_in_visitor, scope="function")]
