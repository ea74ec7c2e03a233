"""The providers that the shop offers, and the cookie of who is on the way to one."""

from typing import Annotated, cast

from fastapi import Depends, Request

from app.core.config import Settings
from app.core.cookies import Cookie
from app.integrations.oauth.factory import Providers
from app.integrations.oauth.google import GoogleProvider
from app.integrations.oauth.provider import OAuthProvider, ProviderName
from app.users.oauth.errors import OAuthNotConfiguredError
from app.users.oauth.trips import Return

OAUTH = Cookie("oauth")
"""Binds the way to a provider and back to this browser."""


async def offered_providers(request: Request) -> Providers:
    """Return the providers that the shop offers."""
    return cast(Providers, request.app.state.oauth)


OfferedProviders = Annotated[Providers, Depends(offered_providers)]


def find_provider(providers: Providers, name: ProviderName) -> OAuthProvider:
    """Return a provider.

    Raises:
        OAuthNotConfiguredError: the shop does not offer it.
    """
    provider = providers.find(name)
    if provider is None:
        raise OAuthNotConfiguredError
    return provider


def find_google(providers: Providers) -> GoogleProvider:
    """Return Google, which alone gives programs tokens to sign in with.

    Raises:
        OAuthNotConfiguredError: the shop does not offer it.
    """
    if providers.google is None:
        raise OAuthNotConfiguredError
    return providers.google


def what_came_back(request: Request, settings: Settings) -> Return:
    """Return what the browser brought along: ``state`` and ``code``, and its cookie."""
    query = request.query_params
    return Return(
        state=query.get("state"),
        code=query.get("code") if "error" not in query else None,
        browser_token=OAUTH.read(request, settings),
    )
