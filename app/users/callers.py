"""Who tries to get in, and how a program is let in once it is proved who that is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.client_address import ClientAddress
from app.core.clock import Now
from app.core.config import Settings
from app.core.cookies import Cookie
from app.core.deps import AppSettings, DbSession, Principal
from app.users import devices
from app.users.limits import Client
from app.users.schemas import TokenPair
from app.users.strangers import tell_of_new_device
from app.users.tokens import start_family
from app.users.whence import Whence, coarse_network, describe_program

DEVICE = Cookie("device")
"""Names the accounts that were signed in to with this browser; it opens none of them."""

TOO_MANY_ATTEMPTS = {
    "description": (
        "AUTH_TOO_MANY_ATTEMPTS, or AUTH_SECOND_FACTOR_LIMIT for codes: `Retry-After` says in how "
        "many seconds to try again"
    ),
    "headers": {"Retry-After": {"schema": {"type": "integer"}}},
}
"""What the API says of limits against guessing."""


async def get_client(request: Request, address: ClientAddress, settings: AppSettings) -> Client:
    """Return who tries something, as limits count it."""
    return Client(address=address, device_cookie=DEVICE.read(request, settings))


RequestClient = Annotated[Client, Depends(get_client)]


async def get_whence(request: Request, address: ClientAddress) -> Whence:
    """Return where the request comes from, as coarsely as it is kept."""
    return Whence(
        program=describe_program(request.headers.get("user-agent", "")),
        network=coarse_network(address or ""),
    )


FromWhere = Annotated[Whence, Depends(get_whence)]


def remember_device(response: Response, *, client: Client, email: str, settings: Settings) -> None:
    """Let the account know this browser, on which its owner has just been proved.

    From then on nobody else's failures keep the owner out here. Call it after every whole sign-in
    (the second factor included), and after a new password was set by a link that was mailed.
    """
    cookie = devices.remember(client.device_cookie, email=email, settings=settings)
    DEVICE.write(response, cookie, settings, seconds=devices.LIFETIME_DAYS * 24 * 3600)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that wants to be signed in: who it is as far as that can be seen."""

    session: AsyncSession
    response: Response
    client: Client
    whence: Whence
    now: datetime
    settings: Settings

    async def let_in(self, user: Principal) -> TokenPair:
        """Begin a family of refresh tokens, and let the account know the program again."""
        await tell_of_new_device(
            self.session,
            user=user,
            client=self.client,
            whence=self.whence,
            now=self.now,
            settings=self.settings,
        )
        remember_device(self.response, client=self.client, email=user.email, settings=self.settings)
        return await start_family(
            self.session,
            user_id=user.id,
            role=user.role,
            now=self.now,
            settings=self.settings,
            whence=self.whence,
        )


async def get_program(
    session: DbSession,
    response: Response,
    client: RequestClient,
    whence: FromWhere,
    now: Now,
    settings: AppSettings,
) -> Program:
    """Collect what letting a program in takes."""
    return Program(
        session=session,
        response=response,
        client=client,
        whence=whence,
        now=now,
        settings=settings,
    )


SigningIn = Annotated[Program, Depends(get_program, scope="function")]
