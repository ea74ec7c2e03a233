"""The one place that makes providers of identities."""

import ssl
from dataclasses import dataclass

from app.core.config import Settings
from app.integrations.oauth.github import GithubProvider
from app.integrations.oauth.google import GoogleProvider
from app.integrations.oauth.provider import Client, OAuthProvider, ProviderName


@dataclass(frozen=True, kw_only=True)
class Providers:
    """Those that the settings name; the rest are not offered."""

    google: GoogleProvider | None = None
    github: GithubProvider | None = None

    def find(self, name: ProviderName) -> OAuthProvider | None:
        """Return a provider that is offered."""
        return self.google if name is ProviderName.GOOGLE else self.github

    @property
    def offered(self) -> tuple[ProviderName, ...]:
        """The names of those that are offered, in the order in which pages show them."""
        return tuple(name for name in ProviderName if self.find(name) is not None)


def make_providers(settings: Settings) -> Providers:
    """Return the providers whose two settings, id and secret, are both there."""
    google = github = None
    if settings.google_client_id and settings.google_client_secret:
        google = GoogleProvider(
            Client(
                client_id=settings.google_client_id,
                client_secret=settings.google_client_secret.get_secret_value(),
                scope="openid email",
                timeout_seconds=settings.oauth_timeout_seconds,
                verify=ssl.create_default_context(),
            ),
            discovery_url=settings.google_discovery_url,
            programs=settings.google_client_ids_of_programs,
        )
    if settings.github_client_id and settings.github_client_secret:
        github = GithubProvider(
            Client(
                client_id=settings.github_client_id,
                client_secret=settings.github_client_secret.get_secret_value(),
                scope="read:user user:email",
                timeout_seconds=settings.oauth_timeout_seconds,
                verify=ssl.create_default_context(),
            ),
            url=settings.github_url,
            api_url=settings.github_api_url,
        )
    return Providers(google=google, github=github)
