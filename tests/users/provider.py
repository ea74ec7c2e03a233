"""Google and GitHub, as far as signing in goes, on a real socket; and whatever they might do wrong.

It keeps the rules of OAuth 2 and PKCE itself, so that what the shop sends is checked as well.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from pydantic import SecretStr

from app.core.config import Settings

CLIENT_ID = "shop-client"
CLIENT_SECRET = "shop-secret"


@dataclass
class Grant:
    """A code that was given to a browser."""

    challenge: str | None
    nonce: str | None
    redirect_uri: str


@dataclass
class Provider:
    """What it says of the one who signs in, and what it does wrong."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    subject: str = "1001"
    email: str | None = "ada@example.com"
    email_verified: Any = True
    issuer: str | None = None
    keeps_pkce: bool = True
    delay: float = 0
    status: int = 200
    answers: dict[str, Any] = field(default_factory=dict)
    claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    sign: Callable[[dict[str, Any]], str] | None = None
    grants: dict[str, Grant] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def settings(self, **changes: Any) -> Settings:
        """Return the settings of a shop that offers both."""
        values: dict[str, Any] = {
            "google_client_id": CLIENT_ID,
            "google_client_secret": SecretStr(CLIENT_SECRET),
            "google_discovery_url": f"{self.url}/.well-known/openid-configuration",
            "github_client_id": CLIENT_ID,
            "github_client_secret": SecretStr(CLIENT_SECRET),
            "github_url": self.url,
            "github_api_url": self.url,
        }
        return Settings(**{**values, **changes})

    def id_token(self, nonce: str | None = None) -> str:
        """Return an ID token as Google would make it, or as the test wants it."""
        now = int(time.time())
        claims = {
            "iss": self.issuer or self.url,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": self.subject,
            "iat": now,
            "exp": now + 3600,
            "email": self.email,
            "email_verified": self.email_verified,
            **({"nonce": nonce} if nonce else {}),
        }
        claims = self.claims(claims)
        return self.sign(claims) if self.sign else self.signed(claims)

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        """Return the claims, signed by its key or another."""
        header = {"alg": "RS256", "kid": self.key.kid}
        return jwt.encode(header, claims, key or self.key)

    def authorize(self, query: dict[str, str]) -> str:
        """Let the one who sits at the browser agree; return where the browser goes then."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(
            challenge=query["code_challenge"],
            nonce=query.get("nonce"),
            redirect_uri=query["redirect_uri"],
        )
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Exchange a code, once, for who was right to have it."""
        grant = self.grants.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if (
            grant is None
            or (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET)
            or form["redirect_uri"] != grant.redirect_uri
            or (self.keeps_pkce and challenge != grant.challenge)
        ):
            return 400, {"error": "invalid_grant"}
        token = {"access_token": "provider-token", "token_type": "bearer", "expires_in": 3600}
        return 200, {**token, "id_token": self.id_token(grant.nonce)}

    def answer(self, path: str) -> Any:
        """Return what it says of itself and of the user."""
        if path in self.answers:
            return self.answers[path]
        emails = [
            {"email": "other@example.com", "primary": False, "verified": True},
            {"email": self.email, "primary": True, "verified": self.email_verified},
        ]
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer or self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
            },
            "/jwks": KeySet([self.key]).as_dict(private=False),
            "/user": {"id": int(self.subject), "login": "ada"},
            "/user/emails": emails if self.email else [],
        }[path]


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the provider."""

    provider: Provider

    def do_GET(self) -> None:
        path, query = self._begin()
        if path in {"/authorize", "/login/oauth/authorize"}:
            self._send(302, b"", Location=self.provider.authorize(query))
        elif path.startswith("/user") and self.headers["Authorization"] != "Bearer provider-token":
            self._json(401, {})
        else:
            self._json(self.provider.status, self.provider.answer(path))

    def do_POST(self) -> None:
        self._begin()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, answer = self.provider.token(_single(body))
        self._json(self.provider.status if self.provider.status != 200 else status, answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def _begin(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        self.provider.asked.append(parts.path)
        time.sleep(self.provider.delay)
        return parts.path, _single(parts.query)

    def _json(self, status: int, answer: Any) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self._send(status, body)

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # a shop that does not wait any longer
            self.end_headers()
            self.wfile.write(body)


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """Let the provider be reached for the time of the block."""
    handler = type("Bound", (Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
