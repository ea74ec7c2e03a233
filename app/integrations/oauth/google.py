"""Google, by OpenID Connect: who somebody is stands in a token that Google has signed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from pydantic import BaseModel, RootModel

from app.core.clock import utc_now
from app.integrations.oauth.provider import (
    Client,
    Identity,
    ProviderName,
    ProviderUnavailableError,
    Trip,
    fetch,
    provider_errors,
)

ALGORITHMS = ["RS256"]
LEEWAY_SECONDS = 60
"""By how much our clock and Google's may differ."""

KEEP_SECONDS = 3600.0
"""How long what Google publishes of itself is believed without asking again."""

REFETCH_SECONDS = 30.0
"""However many tokens name a key that nobody knows, Google's keys are asked for no more often."""

WELL_KNOWN = "/.well-known/openid-configuration"


class Metadata(BaseModel):
    """What Google publishes of itself (OpenID Connect Discovery), as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Keys(RootModel[dict[str, Any]]):
    """The keys that Google signs with."""


@dataclass(frozen=True)
class Known:
    """What Google published of itself, and when that was asked for."""

    metadata: Metadata
    keys: KeySet
    key_ids: frozenset[str]
    fetched_at: float


class GoogleProvider:
    """Sends readers to Google and understands what they bring back."""

    name = ProviderName.GOOGLE

    def __init__(self, client: Client, *, discovery_url: str, programs: Sequence[str] = ()) -> None:
        """``programs`` are further client ids of the shop's, such as those of its apps."""
        self._client = client
        self._programs = (client.client_id, *programs)
        self._discovery_url = discovery_url
        self._known: Known | None = None

    async def authorization_url(self, trip: Trip) -> str:
        """Return the address of Google's own form for signing in."""
        known = await self._discover()
        async with self._client.connected(trip) as client:
            url, _ = client.create_authorization_url(
                known.metadata.authorization_endpoint,
                state=trip.state,
                code_verifier=trip.code_verifier,
                nonce=trip.nonce,
            )
            return str(url)

    async def identify(self, *, code: str, trip: Trip) -> Identity:
        """Exchange the code and prove the token that Google answers with."""
        known = await self._discover()
        async with self._client.connected(trip) as client:
            endpoint = known.metadata.token_endpoint
            token = await self._client.fetch_token(client, endpoint, code=code, trip=trip)
            id_token = token["id_token"]
        return await self.read_id_token(id_token, nonce=trip.nonce)

    async def read_id_token(
        self, id_token: str, *, nonce: str | None = None, now: datetime | None = None
    ) -> Identity:
        """Prove a token: signature, issuer, audience, authorized party, times and nonce.

        Without a nonce of ours none is looked at: a program that talks to Google itself has one of
        its own. It may have a client id of its own too, if the settings name that.

        Raises:
            ProviderRefusedError: it is not Google's, not for this shop, not of now, not of this
                trip, or says nothing of who that is.
        """
        with provider_errors():
            key_id = jws.extract_compact(id_token.encode()).headers()["kid"]
        known = await self._discover(key_id=key_id)
        moment = int((now or utc_now()).timestamp())
        issuer = known.metadata.issuer
        audiences = [self._client.client_id] if nonce is not None else list(self._programs)
        with provider_errors():
            decoded = jwt.decode(id_token, known.keys, algorithms=ALGORITHMS)
            party = decoded.claims.get("azp")
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "values": [issuer, issuer.removeprefix("https://")]},
                    "aud": {"essential": True, "values": audiences},
                    "sub": {"essential": True},
                },
                params={
                    "client_id": party if party in audiences else self._client.client_id,
                    "nonce": nonce,
                },
            )
            claims.validate(now=moment, leeway=LEEWAY_SECONDS)
            subject, email = claims["sub"], claims.get("email")
            until = datetime.fromtimestamp(claims["exp"] + LEEWAY_SECONDS, UTC)
        return Identity(
            provider=self.name,
            subject=subject,
            email=email if isinstance(email, str) else None,
            email_is_verified=claims.get("email_verified") is True,
            vouched_until=until,
        )

    async def _discover(self, *, key_id: str | None = None) -> Known:
        """Return what Google publishes of itself; asked for again when old, or for a new key."""
        known = self._known
        if known is not None:
            age = time.monotonic() - known.fetched_at
            missing = key_id is not None and key_id not in known.key_ids
            if age < (REFETCH_SECONDS if missing else KEEP_SECONDS):
                return known
        async with self._client.connected() as client:
            metadata = await fetch(client, self._discovery_url, Metadata)
            if metadata.issuer.rstrip("/") + WELL_KNOWN != self._discovery_url:
                raise ProviderUnavailableError
            published = await fetch(client, metadata.jwks_uri, Keys)
            keys = KeySet.import_key_set(published.root)  # type: ignore[arg-type]
        self._known = Known(
            metadata=metadata,
            keys=keys,
            key_ids=frozenset(key.kid for key in keys.keys if key.kid),
            fetched_at=time.monotonic(),
        )
        return self._known
