"""Who looks at a page, by the browser's session cookie."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.clock import Now
from app.core.cookies import Cookie
from app.core.deps import AppSettings, DbSession, Principal
from app.users.errors import SignInRequiredError
from app.users.sessions import find_principal
from app.users.two_step.errors import EnrolFirstError
from app.users.two_step.service import must_enrol

SESSION = Cookie("session")
"""Holds the token of who is signed in."""

ENROLMENT_PATHS = ("/account/two-step", "/account/verification", "/verify-email", "/sign-out")
"""Where staff may go before they have set up the second step that the shop asks of them, for which
their address must be proved."""


async def get_visitor(
    request: Request, session: DbSession, now: Now, settings: AppSettings
) -> Principal | None:
    """Return the account that is signed in with this browser, if any.

    Raises:
        EnrolFirstError: it is staff's, the shop asks staff for a second step, and it has none.
    """
    token = SESSION.read(request, settings)
    visitor = await find_principal(session, token=token, now=now) if token else None
    if (
        visitor is not None
        and not request.url.path.startswith(ENROLMENT_PATHS)
        and await must_enrol(session, user=visitor)
    ):
        raise EnrolFirstError
    return visitor


Visitor = Annotated[Principal | None, Depends(get_visitor, scope="function")]


async def get_signed_in_visitor(visitor: Visitor) -> Principal:
    """Return the account; a browser without one is led to the form for signing in."""
    if visitor is None:
        raise SignInRequiredError
    return visitor


SignedInVisitor = Annotated[Principal, Depends(get_signed_in_visitor, scope="function")]
