"""What the shop needs of a provider of identities."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.errors import JoseError
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

log = structlog.get_logger(__name__)


class ProviderName(StrEnum):
    """Who can say who somebody is."""

    GOOGLE = "google"
    GITHUB = "github"

    @property
    def spelled(self) -> str:
        """How readers are told of it."""
        return {ProviderName.GOOGLE: "Google", ProviderName.GITHUB: "GitHub"}[self]


class ProviderError(Exception):
    """The provider did not vouch for anybody."""


class ProviderRefusedError(ProviderError):
    """What the browser brought, or what the provider says of it, is not in order."""


class ProviderUnavailableError(ProviderError):
    """The provider cannot be reached, is too slow, or is out of order."""


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One way to the provider and back, and the secrets that bind its two ends together."""

    redirect_uri: str
    state: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who somebody is at a provider, for good (``subject``), and the address known there now.

    ``vouched_until`` is when the token expires that says so, where it was one.
    """

    provider: ProviderName
    subject: str
    email: str | None
    email_is_verified: bool
    vouched_until: datetime | None = None


class OAuthProvider(Protocol):
    """A provider. No method is called while one of our transactions is open.

    Each raises ``ProviderRefusedError`` or ``ProviderUnavailableError``.
    """

    name: ProviderName

    async def authorization_url(self, trip: Trip) -> str:
        """Return where the browser is sent to."""

    async def identify(self, *, code: str, trip: Trip) -> Identity:
        """Exchange the code that the browser came back with, and tell who that is."""


@contextmanager
def provider_errors() -> Iterator[None]:
    """Turn what libraries raise during the block into a ``ProviderError`` without details.

    What they say may repeat a code or a token; the log gets the kind alone.
    """
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        log.warning("sign-in provider unavailable", error=type(error).__name__)
        raise ProviderUnavailableError from None
    except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
        log.warning("sign-in provider refused", error=type(error).__name__)
        raise ProviderRefusedError from None


@dataclass(frozen=True, kw_only=True)
class Client:
    """How the shop is known at a provider, and how it talks to it."""

    client_id: str
    client_secret: str
    scope: str
    timeout_seconds: float
    verify: ssl.SSLContext

    @asynccontextmanager
    async def connected(self, trip: Trip | None = None) -> AsyncIterator[AsyncOAuth2Client]:
        """Talk to the provider, within the deadline, for the time of the block.

        Raises:
            ProviderRefusedError: it says no, or what it says cannot be used.
            ProviderUnavailableError: it cannot be reached, or not in time.
        """
        with provider_errors():
            async with (
                asyncio.timeout(self.timeout_seconds),
                AsyncOAuth2Client(
                    client_id=self.client_id,
                    client_secret=self.client_secret,
                    token_endpoint_auth_method="client_secret_post",  # noqa: S106 (a method's name)
                    scope=self.scope,
                    redirect_uri=trip.redirect_uri if trip else None,
                    code_challenge_method="S256",
                    timeout=self.timeout_seconds,
                    verify=self.verify,
                ) as client,
            ):
                yield client

    async def fetch_token(
        self, client: AsyncOAuth2Client, url: str, *, code: str, trip: Trip
    ) -> Any:
        """Exchange a code at the provider's address for it."""
        return await client.fetch_token(
            url,
            grant_type="authorization_code",
            code=code,
            redirect_uri=trip.redirect_uri,
            code_verifier=trip.code_verifier,
        )


async def fetch(client: AsyncOAuth2Client, url: str, model: type[M], *, as_user: bool = False) -> M:
    """Return what an address of the provider's says, with the user's token or without.

    Raises:
        ProviderUnavailableError: it is out of order, or says something else.
    """
    headers = {"Accept": "application/json"}
    response = await client.request("GET", url, withhold_token=not as_user, headers=headers)
    if response.is_client_error and as_user:
        raise ProviderRefusedError
    response.raise_for_status()
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise ProviderUnavailableError from None
