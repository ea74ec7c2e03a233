"""GitHub, by OAuth 2: it signs nothing, so its API is asked who the token belongs to."""

from pydantic import BaseModel, RootModel

from app.integrations.oauth.provider import Client, Identity, ProviderName, Trip, fetch


class GithubUser(BaseModel):
    """An account at GitHub. Names change hands there, numbers do not."""

    id: int


class GithubEmail(BaseModel):
    """One of an account's addresses."""

    email: str
    primary: bool
    verified: bool


class GithubEmails(RootModel[list[GithubEmail]]):
    """All of them."""


class GithubProvider:
    """Sends readers to GitHub and asks who came back."""

    name = ProviderName.GITHUB

    def __init__(self, client: Client, *, url: str, api_url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._api_url = api_url.rstrip("/")

    async def authorization_url(self, trip: Trip) -> str:
        """Return the address of GitHub's own form for signing in."""
        async with self._client.connected(trip) as client:
            url, _ = client.create_authorization_url(
                f"{self._url}/login/oauth/authorize",
                state=trip.state,
                code_verifier=trip.code_verifier,
            )
            return str(url)

    async def identify(self, *, code: str, trip: Trip) -> Identity:
        """Exchange the code; return the account's number and its first address."""
        async with self._client.connected(trip) as client:
            endpoint = f"{self._url}/login/oauth/access_token"
            await self._client.fetch_token(client, endpoint, code=code, trip=trip)
            user = await fetch(client, f"{self._api_url}/user", GithubUser, as_user=True)
            emails = await fetch(client, f"{self._api_url}/user/emails", GithubEmails, as_user=True)
        primary = next((email for email in emails.root if email.primary), None)
        return Identity(
            provider=self.name,
            subject=str(user.id),
            email=primary.email if primary else None,
            email_is_verified=primary is not None and primary.verified,
        )
