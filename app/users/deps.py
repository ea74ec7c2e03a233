"""Who looks at a page, by the browser's session cookie, and who tries to get in."""

from typing import Annotated

from fastapi import Depends, Request, Response

from app.core.client_address import ClientAddress
from app.core.clock import Now
from app.core.config import Settings
from app.core.cookies import Cookie
from app.core.deps import AppSettings, DbSession, Principal
from app.users import devices
from app.users.errors import SignInRequiredError
from app.users.limits import Client
from app.users.sessions import find_principal
from app.users.two_step.errors import EnrolFirstError
from app.users.two_step.service import must_enrol
from app.users.whence import Whence, coarse_network, describe_program

SESSION = Cookie("session")
"""Holds the token of who is signed in."""

DEVICE = Cookie("device")
"""Names the accounts that were signed in to with this browser; it opens none of them."""

ENROLMENT_PATHS = ("/account/two-step", "/sign-out")
"""Where staff may go before they have set up the second step that the shop asks of them."""


TOO_MANY_ATTEMPTS = {
    "description": (
        "AUTH_TOO_MANY_ATTEMPTS, or AUTH_SECOND_FACTOR_LIMIT for codes: `Retry-After` says in how "
        "many seconds to try again"
    ),
    "headers": {"Retry-After": {"schema": {"type": "integer"}}},
}
"""What the API says of limits against guessing."""


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


async def get_whence(request: Request, address: ClientAddress) -> Whence:
    """Return where the request comes from, as coarsely as it is kept."""
    return Whence(
        program=describe_program(request.headers.get("user-agent", "")),
        network=coarse_network(address or ""),
    )


FromWhere = Annotated[Whence, Depends(get_whence)]

SignedInVisitor = Annotated[Principal, Depends(get_signed_in_visitor, scope="function")]


async def get_client(request: Request, address: ClientAddress, settings: AppSettings) -> Client:
    """Return who tries something, as limits count it."""
    return Client(address=address, device_cookie=DEVICE.read(request, settings))


RequestClient = Annotated[Client, Depends(get_client)]


def remember_device(response: Response, *, client: Client, email: str, settings: Settings) -> None:
    """Let the account know this browser, on which its owner has just been proved.

    From then on nobody else's failures keep the owner out here. Call it after every whole sign-in
    (the second factor included), and after a new password was set by a link that was mailed.
    """
    cookie = devices.remember(client.device_cookie, email=email, settings=settings)
    DEVICE.write(response, cookie, settings, seconds=devices.LIFETIME_DAYS * 24 * 3600)
