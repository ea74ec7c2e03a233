"""Signing in with Google and GitHub: a provider on a real socket, honest and otherwise."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.core.config import get_settings
from app.core.security import decode_access_token
from app.integrations.oauth.factory import make_providers
from app.integrations.oauth.google import REFETCH_SECONDS
from app.main import app
from app.users.callers import DEVICE
from app.users.links import MAIL_NOTICE
from app.users.models import TokenFamily, User
from app.users.oauth.models import ConnectedIdentity, OAuthTrip
from app.users.oauth.service import forget_expired_tokens
from app.users.oauth.trips import LIFETIME, NOT_GRANTED, UNAVAILABLE, forget_expired_trips
from app.users.passwords import FRESH
from app.users.tokens import start_family
from app.users.two_step.codes import encrypt_secret, new_secret
from app.users.two_step.models import TwoStep
from tests.factories import bearer, make_user
from tests.users.conftest import Clock, connections_in_use
from tests.users.provider import CLIENT_SECRET, Provider, serving
from tests.users.readers import OTHER_PASSWORD, PASSWORD, make_reader, queued

FAILED = (401, "AUTH_OAUTH_FAILED")
INVALID = (401, "AUTH_GOOGLE_INVALID_TOKEN")
NAMES = ("google", "github")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TOKEN_PATHS = {"/token", "/login/oauth/access_token"}


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture(scope="module")
def other_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def provider(key: RSAKey) -> Iterator[Provider]:
    usual = app.state.oauth
    with serving(Provider(key=key)) as provider:
        app.state.oauth = make_providers(provider.settings(oauth_timeout_seconds=2))
        yield provider
    app.state.oauth = usual


async def go(client: AsyncClient, name: str = "google") -> dict[str, str]:
    """Set out for the provider; return what the browser is sent there with."""
    response = await client.get(f"/api/v1/auth/{name}")
    assert response.status_code == 302, response.text
    return sent(response.headers["Location"])


def sent(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def agree(provider: Provider, query: dict[str, str], name: str = "google") -> dict[str, str]:
    """Agree at the provider, over its socket; return what the browser is sent back with."""
    path = "/authorize" if name == "google" else "/login/oauth/authorize"
    async with AsyncClient() as browser:
        response = await browser.get(f"{provider.url}{path}?{urlencode(query)}")
    assert response.status_code == 302
    assert response.headers["Location"].startswith(query["redirect_uri"])
    return sent(response.headers["Location"])


async def come_back(client: AsyncClient, query: dict[str, str], name: str = "google") -> Response:
    return await client.get(f"/api/v1/auth/{name}/callback", params=query)


async def round_trip(client: AsyncClient, provider: Provider, name: str = "google") -> Response:
    return await come_back(client, await agree(provider, await go(client, name), name), name)


def code(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def counts(session: AsyncSession) -> tuple[int, int, int]:
    """Return how many accounts, identities and sign-ins there are."""
    found = [
        (await session.scalars(select(func.count()).select_from(model))).one()
        for model in (User, ConnectedIdentity, TokenFamily)
    ]
    return found[0], found[1], found[2]


@pytest.mark.parametrize("name", NAMES)
async def test_a_stranger_gets_an_account_and_the_three_tokens(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, clock: Clock, name: str
) -> None:
    provider.email = "Ada@Example.com"

    response = await round_trip(client, provider, name)

    assert response.status_code == 200, response.text
    pair = response.json()
    assert set(pair) == {"access_token", "refresh_token", "token_type"}
    assert response.headers["Cache-Control"] == "no-store"
    user = (await db_session.scalars(select(User))).one()
    assert (user.email, user.password_hash, user.full_name) == ("ada@example.com", None, None)
    assert user.email_verified_at == clock.now
    identity = (await db_session.scalars(select(ConnectedIdentity))).one()
    assert (identity.provider, identity.subject, identity.user_id) == (name, "1001", user.id)
    claims = decode_access_token(pair["access_token"], now=clock.now, settings=get_settings())
    assert claims.user_id == user.id
    assert not (await db_session.scalars(select(OAuthTrip))).all()
    assert await told(db_session) == [], "there is nobody yet who could wonder"


@pytest.mark.parametrize("name", NAMES)
async def test_who_comes_again_finds_the_same_account_whatever_the_address_is_now(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str
) -> None:
    assert (await round_trip(client, provider, name)).status_code == 200
    provider.email, provider.email_verified = "new@example.com", False

    assert (await round_trip(client, provider, name)).status_code == 200

    assert await counts(db_session) == (1, 1, 2)
    assert (await db_session.scalars(select(User.email))).one() == "ada@example.com"


async def test_what_the_provider_is_sent(client: AsyncClient, provider: Provider) -> None:
    first = await client.get("/api/v1/auth/google", headers={"Host": "evil.example"})
    google = sent(first.headers["Location"])
    github = await go(client, "github")

    here = get_settings().public_url
    assert first.headers["Location"].startswith(f"{provider.url}/authorize?")
    assert google["redirect_uri"] == f"{here}/api/v1/auth/google/callback"
    assert google["scope"] == "openid email"
    assert google["code_challenge_method"] == "S256"
    assert len(google["nonce"]) == 64
    assert len(google["code_challenge"]) == 43
    assert github["redirect_uri"] == f"{here}/api/v1/auth/github/callback"
    assert github["scope"] == "read:user user:email"
    cookie = first.headers["Set-Cookie"]
    assert cookie.startswith("oauth=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f"Max-Age={int(LIFETIME.total_seconds())}" in cookie
    again = await go(client)
    for secret in ("state", "nonce", "code_challenge"):
        assert google[secret] != again[secret]


async def test_what_binds_the_two_ends_is_stored_nowhere_in_clear(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    query = await go(client)
    assert provider.grants == {}
    trip = (await db_session.scalars(select(OAuthTrip))).one()
    stored = repr({name: value for name, value in vars(trip).items() if not name.startswith("_")})
    for secret in (query["state"], query["nonce"], client.cookies["oauth"]):
        assert secret not in stored


class TestAttacksOnTheWay:
    """Each ends in AUTH_OAUTH_FAILED, and nobody has an account or a token of it."""

    @pytest.fixture(params=NAMES)
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest_asyncio.fixture(autouse=True)
    async def nobody_gets_in(
        self, db_session: AsyncSession, provider: Provider
    ) -> AsyncIterator[None]:
        del provider
        yield
        assert await counts(db_session) == (0, 0, 0)

    async def test_without_state(self, client: AsyncClient, provider: Provider, name: str) -> None:
        back = await agree(provider, await go(client, name), name)
        assert code(await come_back(client, {"code": back["code"]}, name)) == FAILED

    async def test_with_a_state_that_was_never_given(
        self, client: AsyncClient, provider: Provider, name: str
    ) -> None:
        back = await agree(provider, await go(client, name), name)
        assert code(await come_back(client, back | {"state": "x" * 43}, name)) == FAILED
        assert TOKEN_PATHS.isdisjoint(provider.asked)

    async def test_without_the_cookie(
        self, client: AsyncClient, provider: Provider, name: str
    ) -> None:
        back = await agree(provider, await go(client, name), name)
        client.cookies.clear()
        assert code(await come_back(client, back, name)) == FAILED
        assert TOKEN_PATHS.isdisjoint(provider.asked)

    async def test_in_another_browser(
        self, client: AsyncClient, provider: Provider, name: str
    ) -> None:
        """The attacker's own trip, code and all, opened in the browser of somebody else."""
        attackers = await agree(provider, await go(client, name), name)
        client.cookies.clear()
        await go(client, name)
        assert code(await come_back(client, attackers, name)) == FAILED
        assert TOKEN_PATHS.isdisjoint(provider.asked)

    async def test_with_a_code_of_another_trip(
        self, client: AsyncClient, provider: Provider, name: str
    ) -> None:
        """A code injected into a trip that is not its own: PKCE's verifier does not fit."""
        stolen = await agree(provider, await go(client, name), name)
        own = await go(client, name)
        forged = {"code": stolen["code"], "state": own["state"]}
        assert code(await come_back(client, forged, name)) == FAILED

    async def test_with_a_code_of_another_trip_where_google_forgets_pkce(
        self, client: AsyncClient, provider: Provider
    ) -> None:
        provider.keeps_pkce = False
        stolen = await agree(provider, await go(client))
        own = await go(client)
        forged = {"code": stolen["code"], "state": own["state"]}
        assert code(await come_back(client, forged)) == FAILED

    async def test_at_the_other_providers_address(
        self, client: AsyncClient, provider: Provider, name: str
    ) -> None:
        other = {"google": "github", "github": "google"}[name]
        back = await agree(provider, await go(client, name), name)
        assert code(await come_back(client, back, other)) == FAILED
        assert TOKEN_PATHS.isdisjoint(provider.asked)

    async def test_too_late(
        self, client: AsyncClient, provider: Provider, clock: Clock, name: str
    ) -> None:
        back = await agree(provider, await go(client, name), name)
        clock.forward(LIFETIME)
        assert code(await come_back(client, back, name)) == FAILED

    async def test_not_granted(
        self, client: AsyncClient, provider: Provider, db_session: AsyncSession, name: str
    ) -> None:
        state = (await go(client, name))["state"]
        refused = {"error": "access_denied", "state": state, "code": "any"}
        response = await come_back(client, refused, name)
        assert code(response) == FAILED
        assert response.json()["detail"] == NOT_GRANTED
        assert not (await db_session.scalars(select(OAuthTrip))).all()
        assert TOKEN_PATHS.isdisjoint(provider.asked)

    async def test_with_a_code_that_the_provider_never_gave(
        self, client: AsyncClient, name: str
    ) -> None:
        state = (await go(client, name))["state"]
        assert code(await come_back(client, {"code": "made up", "state": state}, name)) == FAILED


@pytest.mark.parametrize("name", NAMES)
async def test_a_trip_ends_once(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str
) -> None:
    query = await go(client, name)
    cookie = client.cookies["oauth"]
    back = await agree(provider, query, name)
    assert (await come_back(client, back, name)).status_code == 200
    client.cookies.set("oauth", cookie)
    assert code(await come_back(client, back, name)) == FAILED
    fresh = await agree(provider, query, name)
    assert code(await come_back(client, fresh, name)) == FAILED
    assert await counts(db_session) == (1, 1, 1)


async def test_a_failed_trip_cannot_be_tried_again(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    query = await go(client)
    back = await agree(provider, query)
    provider.status = 500
    response = await come_back(client, back)
    assert code(response) == FAILED
    assert response.json()["detail"] == UNAVAILABLE
    provider.status = 200
    assert code(await come_back(client, await agree(provider, query))) == FAILED
    assert await counts(db_session) == (0, 0, 0)


Change = Callable[[dict[str, Any]], dict[str, Any]]


def without(name: str) -> Change:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def changed(**values: Any) -> Change:
    return lambda claims: {**claims, **values}


FORGED_CLAIMS = {
    "issuer": changed(iss="https://accounts.evil.example"),
    "no issuer": without("iss"),
    "audience": changed(aud="another-client"),
    "audience and party": changed(aud="another-client", azp="another-client"),
    "authorized party": changed(azp="another-client"),
    "several audiences, no party": lambda claims: without("azp")(
        {**claims, "aud": ["shop-client", "another-client"]}
    ),
    "no audience": without("aud"),
    "expired": changed(iat=1_700_000_000, exp=1_700_003_600),
    "no expiry": without("exp"),
    "expiry in words": changed(exp="never"),
    "not yet": lambda claims: {**claims, "nbf": claims["exp"]},
    "no subject": without("sub"),
    "subject a number": changed(sub=1001),
}


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed_by_hand(header: dict[str, str], claims: dict[str, Any], secret: bytes | None) -> str:
    """Return a token that libraries refuse to make."""
    body = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    if secret is None:
        return f"{body}."
    return f"{body}.{encoded(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("fault", FORGED_CLAIMS)
async def test_claims_that_are_not_for_this_shop_now(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, fault: str
) -> None:
    provider.claims = FORGED_CLAIMS[fault]

    assert code(await round_trip(client, provider)) == FAILED
    token = {"id_token": provider.id_token()}
    assert code(await client.post("/api/v1/auth/google/token", json=token)) == INVALID

    assert await counts(db_session) == (0, 0, 0)


@pytest.mark.parametrize("nonce", [None, "another"])
async def test_a_nonce_of_another_trip(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, nonce: str | None
) -> None:
    provider.claims = changed(nonce=nonce) if nonce else without("nonce")

    assert code(await round_trip(client, provider)) == FAILED

    assert await counts(db_session) == (0, 0, 0)


@pytest.mark.parametrize("fault", ["none", "confusion", "other key", "unknown key", "no key"])
async def test_signatures_that_are_not_googles(
    client: AsyncClient,
    db_session: AsyncSession,
    provider: Provider,
    other_key: RSAKey,
    fault: str,
) -> None:
    public = provider.key.as_pem(private=False)
    named = {"alg": "RS256", "kid": "two"}
    provider.sign = {
        "none": lambda claims: signed_by_hand({"alg": "none", "kid": "one"}, claims, None),
        "confusion": lambda claims: signed_by_hand({"alg": "HS256", "kid": "one"}, claims, public),
        "other key": lambda claims: provider.signed(claims, other_key),
        "unknown key": lambda claims: jwt.encode(named, claims, other_key),
        "no key": lambda claims: jwt.encode({"alg": "RS256"}, claims, provider.key),
    }[fault]

    assert code(await round_trip(client, provider)) == FAILED
    token = {"id_token": provider.id_token()}
    assert code(await client.post("/api/v1/auth/google/token", json=token)) == INVALID

    assert await counts(db_session) == (0, 0, 0)


@pytest.mark.parametrize("token", ["x", "a.b.c", "é.é.é", "e30.e30.e30", "."])
async def test_what_is_no_token(client: AsyncClient, provider: Provider, token: str) -> None:
    del provider
    answer = await client.post("/api/v1/auth/google/token", json={"id_token": token})
    assert code(answer) == INVALID


async def test_a_token_of_googles_signs_a_program_in(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    token = {"id_token": provider.id_token(nonce="the program's own")}
    headers = {"User-Agent": "reading-app/2"}
    answer = await client.post("/api/v1/auth/google/token", json=token, headers=headers)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token", "refresh_token", "token_type"}
    assert await counts(db_session) == (1, 1, 1)
    assert (await db_session.scalars(select(TokenFamily.program))).all() == ["reading-app/2"]
    assert DEVICE.name(get_settings()) in answer.cookies


async def test_a_token_of_googles_works_once_however_it_is_spelled(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, clock: Clock
) -> None:
    clock.now = datetime.now(UTC)
    path = "/api/v1/auth/google/token"
    token = provider.id_token()
    last = ALPHABET[ALPHABET.index(token[-1]) ^ 1]  # 256 bytes leave four bits that nobody reads
    assert (await client.post(path, json={"id_token": token})).status_code == 200
    for again in (token, token[:-1] + last):
        assert code(await client.post(path, json={"id_token": again})) == INVALID
    assert await counts(db_session) == (1, 1, 1)
    assert (await client.post(path, json={"id_token": provider.id_token("x")})).status_code == 200
    clock.forward(timedelta(minutes=62))  # its hour, the leeway, and what the test takes
    assert code(await client.post(path, json={"id_token": token})) == INVALID, "by its age"
    assert await forget_expired_tokens(db_session, now=clock.now, limit=10) == 2


async def test_of_many_who_send_one_token_at_once_one_is_let_in(
    real_client: AsyncClient,
    connections: async_sessionmaker[AsyncSession],
    provider: Provider,
) -> None:
    path = "/api/v1/auth/google/token"
    await real_client.post(path, json={"id_token": "x"})  # keys are known
    token = {"id_token": provider.id_token()}
    answers = await asyncio.gather(*(real_client.post(path, json=token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    async with connections() as session:
        assert await counts(session) == (1, 1, 1)


@pytest.mark.parametrize(
    ("audience", "party", "is_known"),
    [
        ("shop-client", "phone-app", True),
        ("phone-app", "phone-app", True),
        ("shop-client", "another-client", False),
        ("another-client", "phone-app", False),
    ],
)
async def test_programs_may_have_client_ids_of_their_own(
    client: AsyncClient, provider: Provider, audience: str, party: str, is_known: object
) -> None:
    settings = provider.settings(google_client_ids_of_programs="tablet-app, phone-app")
    app.state.oauth = make_providers(settings)
    provider.claims = changed(aud=audience, azp=party)
    token = {"id_token": provider.id_token()}
    answer = await client.post("/api/v1/auth/google/token", json=token)
    assert answer.status_code == (200 if is_known else 401)
    assert code(await round_trip(client, provider)) == FAILED, "the pages have one"


async def test_googles_new_keys_are_fetched_but_not_for_every_made_up_name(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    path = "/api/v1/auth/google/token"
    assert (await client.post(path, json={"id_token": provider.id_token()})).status_code == 200
    provider.key = RSAKey.generate_key(2048, {"kid": "new"})
    token = {"id_token": provider.id_token()}
    for _ in range(3):
        assert code(await client.post(path, json=token)) == INVALID
    assert provider.asked.count("/jwks") == 1
    google = app.state.oauth.google
    known = google._known
    google._known = type(known)(**{**vars(known), "fetched_at": time.monotonic() - REFETCH_SECONDS})
    assert (await client.post(path, json=token)).status_code == 200
    assert provider.asked.count("/jwks") == 2
    assert await counts(db_session) == (1, 1, 2)


async def test_googles_issuer_is_the_one_that_the_settings_name(
    client: AsyncClient, provider: Provider
) -> None:
    provider.issuer = "https://elsewhere.example"
    assert code(await client.get("/api/v1/auth/google")) == FAILED
    assert provider.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("name", "verified"),
    [("google", False), ("google", "true"), ("google", 1), ("google", None), ("github", False)],
)
async def test_no_account_for_an_address_that_is_not_proved(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str, verified: Any
) -> None:
    provider.email_verified = verified
    response = await round_trip(client, provider, name)
    assert code(response) == (401, "AUTH_OAUTH_EMAIL_UNVERIFIED")
    assert await counts(db_session) == (0, 0, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("email", [None, "not an address", "x" * 250 + "@example.com"])
async def test_no_account_without_an_address(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str, email: str | None
) -> None:
    provider.email = email
    response = await round_trip(client, provider, name)
    assert code(response) == (401, "AUTH_OAUTH_NO_EMAIL")
    assert await counts(db_session) == (0, 0, 0)


@pytest.mark.parametrize("name", NAMES)
async def test_an_account_that_was_opened_with_somebodys_address_is_not_joined(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str
) -> None:
    """Pre-hijacking: the attacker knows its password, and waits for the owner to come."""
    account = {"email": "ada@example.com", "password": "the attacker's own"}
    assert (await client.post("/api/v1/auth/register", json=account)).status_code == 201

    response = await round_trip(client, provider, name)

    assert code(response) == (409, "AUTH_EMAIL_CONFLICT")
    assert await counts(db_session) == (1, 0, 1)
    assert (await db_session.scalars(select(User.email_verified_at))).one() is None


@pytest.mark.parametrize("name", NAMES)
async def test_an_account_whose_address_was_proved_is_joined(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str
) -> None:
    user = await make_user(db_session, email="ada@example.com")
    await verify(db_session, user)
    response = await round_trip(client, provider, name)
    assert response.status_code == 200
    identity = (await db_session.scalars(select(ConnectedIdentity))).one()
    assert identity.user_id == user.id
    spelled = {"google": "Google", "github": "GitHub"}[name]
    assert await told(db_session) == [("ada@example.com", "identity_connected", spelled)]
    provider.subject = "1002"
    response = await round_trip(client, provider, name)
    assert code(response) == (409, "AUTH_IDENTITY_CONFLICT")
    assert await counts(db_session) == (1, 1, 1)


async def verify(session: AsyncSession, user: User) -> None:
    await session.execute(
        update(User).where(User.id == user.id).values(email_verified_at=datetime.now(UTC))
    )
    await session.commit()


async def test_a_closed_account_stays_closed(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    assert (await round_trip(client, provider)).status_code == 200
    await db_session.execute(update(User).values(is_active=False))
    response = await round_trip(client, provider)
    assert code(response) == (403, "AUTH_ACCOUNT_DEACTIVATED")
    token = {"id_token": provider.id_token()}
    answer = await client.post("/api/v1/auth/google/token", json=token)
    assert code(answer) == (403, "AUTH_ACCOUNT_DEACTIVATED")
    assert await counts(db_session) == (1, 1, 1)


async def test_providers_that_are_not_configured(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    answers = [
        *[await client.get(f"/api/v1/auth/{name}") for name in NAMES],
        *[await client.get(f"/api/v1/auth/{name}/callback") for name in NAMES],
        await client.post("/api/v1/auth/google/token", json={"id_token": "x"}),
        await set_out(client, bearer(user), "github"),
    ]
    assert {code(answer) for answer in answers} == {(501, "AUTH_OAUTH_NOT_CONFIGURED")}


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Too many requests</html>",
        {"issuer": 1},
        {},
    ],
)
async def test_a_google_that_talks_nonsense(
    client: AsyncClient, provider: Provider, answer: Any
) -> None:
    provider.answers["/.well-known/openid-configuration"] = answer
    response = await client.get("/api/v1/auth/google")
    assert code(response) == FAILED
    assert response.json()["detail"] == UNAVAILABLE
    token = {"id_token": provider.id_token()}
    assert code(await client.post("/api/v1/auth/google/token", json=token)) == FAILED


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/user", {"id": "ada"}),
        ("/user/emails", {"email": "ada@example.com"}),
        ("/user/emails", b"no JSON"),
    ],
)
async def test_a_github_that_talks_nonsense(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, path: str, answer: Any
) -> None:
    provider.answers[path] = answer
    assert code(await round_trip(client, provider, "github")) == FAILED
    assert await counts(db_session) == (0, 0, 0)


async def test_a_github_that_does_not_know_its_own_token(
    client: AsyncClient, provider: Provider
) -> None:
    back = await agree(provider, await go(client, "github"), "github")
    provider.token = lambda _form: (  # type: ignore[assignment,method-assign]
        200,
        {"access_token": "another", "token_type": "bearer"},
    )
    assert code(await come_back(client, back, "github")) == FAILED


async def test_a_provider_that_is_not_there(client: AsyncClient, provider: Provider) -> None:
    with serving(Provider(key=provider.key)) as gone:
        app.state.oauth = make_providers(gone.settings(oauth_timeout_seconds=2))
    response = await client.get("/api/v1/auth/google")
    assert code(response) == FAILED
    assert response.json()["detail"] == UNAVAILABLE


async def test_a_slow_provider_is_not_waited_for_and_no_connection_is_held(
    real_client: AsyncClient, test_engine: AsyncEngine, provider: Provider
) -> None:
    back = await agree(provider, await go(real_client))
    app.state.oauth = make_providers(provider.settings(oauth_timeout_seconds=0.6))
    assert (await real_client.get("/api/v1/auth/google")).status_code == 302
    provider.delay = 1.0
    del provider.asked[:]
    back = await agree(provider, await go(real_client))

    waiting = asyncio.create_task(come_back(real_client, back))
    async with asyncio.timeout(5):
        while "/token" not in provider.asked:  # noqa: ASYNC110 (another thread's list)
            await asyncio.sleep(0.01)
    assert connections_in_use(test_engine) == 0
    response = await waiting

    assert code(response) == FAILED
    assert response.json()["detail"] == UNAVAILABLE


async def test_no_connection_is_held_on_the_way_out_either(
    real_client: AsyncClient,
    connections: async_sessionmaker[AsyncSession],
    test_engine: AsyncEngine,
    provider: Provider,
) -> None:
    async with connections() as session:
        user = await make_user(session)
        await verify(session, user)
        headers = await signed_in(session, user)
    provider.delay = 0.3
    going = asyncio.create_task(set_out(real_client, headers, "google"))
    async with asyncio.timeout(5):
        while not provider.asked:  # noqa: ASYNC110 (another thread's list)
            await asyncio.sleep(0.01)
    assert connections_in_use(test_engine) == 0
    assert (await going).status_code == 200


async def test_the_first_two_visits_at_once_open_one_account(
    real_client: AsyncClient,
    connections: async_sessionmaker[AsyncSession],
    provider: Provider,
) -> None:
    await real_client.post("/api/v1/auth/google/token", json={"id_token": "x"})  # keys are known
    path = "/api/v1/auth/google/token"
    tokens = [{"id_token": provider.id_token(nonce=str(number))} for number in range(8)]
    answers = await asyncio.gather(*(real_client.post(path, json=token) for token in tokens))
    assert [answer.status_code for answer in answers] == [200] * 8
    async with connections() as session:
        assert await counts(session) == (1, 1, 8)


async def test_of_many_who_end_one_trip_at_once_one_does(
    real_client: AsyncClient,
    connections: async_sessionmaker[AsyncSession],
    provider: Provider,
) -> None:
    back = await agree(provider, await go(real_client))
    cookies = {"oauth": real_client.cookies["oauth"]}
    answers = await asyncio.gather(
        *(
            real_client.get(
                "/api/v1/auth/google/callback",
                params=back,
                headers={"Cookie": f"oauth={cookies['oauth']}"},
            )
            for _ in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert provider.asked.count("/token") == 1
    async with connections() as session:
        assert await counts(session) == (1, 1, 1)


async def signed_in(session: AsyncSession, user: User) -> dict[str, str]:
    """Return the header of a program that has just been signed in."""
    pair = await start_family(
        session, user_id=user.id, role=user.role, now=datetime.now(UTC), settings=get_settings()
    )
    await session.commit()
    return {"Authorization": f"Bearer {pair.access_token}"}


async def set_out(client: AsyncClient, headers: dict[str, str], name: str) -> Response:
    return await client.post(f"/api/v1/auth/identities/{name}", json={}, headers=headers)


async def connect(
    client: AsyncClient, provider: Provider, headers: dict[str, str], name: str = "github"
) -> Response:
    answer = await set_out(client, headers, name)
    if answer.status_code != 200:
        return answer
    query = sent(answer.json()["authorization_url"])
    return await come_back(client, await agree(provider, query, name), name)


async def disconnect(client: AsyncClient, headers: dict[str, str], name: str) -> Response:
    path = f"/api/v1/auth/identities/{name}/disconnect"
    return await client.post(path, json={}, headers=headers)


async def told(session: AsyncSession) -> list[tuple[str, str, str]]:
    return [
        (job["recipient"], job["notice"], job["about"])
        for job in await queued(session, MAIL_NOTICE.name)
    ]


async def test_connecting_and_disconnecting(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    user = await make_user(db_session, email="someone@example.com")
    await verify(db_session, user)
    headers = await signed_in(db_session, user)

    answer = await connect(client, provider, headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["provider"] == "github"
    assert (await connect(client, provider, headers)).status_code == 200
    listed = await client.get("/api/v1/auth/identities", headers=headers)
    assert [(item["provider"], item["email"]) for item in listed.json()["identities"]] == [
        ("github", "ada@example.com")
    ]
    assert await counts(db_session) == (1, 1, 1)
    assert await told(db_session) == [("someone@example.com", "identity_connected", "GitHub")]

    assert code(await disconnect(client, headers, "github")) == (409, "AUTH_LAST_WAY_IN")
    missing = await disconnect(client, headers, "google")
    assert code(missing) == (404, "AUTH_IDENTITY_NOT_FOUND")
    assert await counts(db_session) == (1, 1, 1)
    assert (await connect(client, provider, headers, "google")).status_code == 200
    assert (await disconnect(client, headers, "github")).status_code == 204
    assert await counts(db_session) == (1, 1, 1)
    assert (await told(db_session))[1:] == [
        ("someone@example.com", "identity_connected", "Google"),
        ("someone@example.com", "identity_disconnected", "GitHub"),
    ]


async def test_connecting_and_disconnecting_take_the_password_or_a_sign_in_of_a_moment_ago(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    user = await make_reader(db_session)
    await verify(db_session, user)
    headers = await signed_in(db_session, user)
    path = "/api/v1/auth/identities/github"
    for body, refusal in (({}, "REQUIRED"), ({"current_password": OTHER_PASSWORD}, "WRONG")):
        answer = await client.post(path, json=body, headers=headers)
        assert code(answer) == (403, f"ACCOUNT_PASSWORD_{refusal}")
    proof = {"current_password": PASSWORD}
    answer = await client.post(path, json=proof, headers=headers)
    query = sent(answer.json()["authorization_url"])
    back = await agree(provider, query, "github")
    assert (await come_back(client, back, "github")).status_code == 200
    assert code(await disconnect(client, headers, "github")) == (403, "ACCOUNT_PASSWORD_REQUIRED")
    answer = await client.post(f"{path}/disconnect", json=proof, headers=headers)
    assert answer.status_code == 204
    assert await counts(db_session) == (1, 0, 1)

    await db_session.execute(update(User).values(password_hash=None))
    await db_session.execute(update(TokenFamily).values(created_at=datetime.now(UTC) - FRESH))
    await db_session.commit()
    stale = (403, "AUTH_SIGN_IN_STALE")
    assert code(await set_out(client, headers, "github")) == stale
    assert code(await set_out(client, bearer(user), "github")) == stale
    assert not (await db_session.scalars(select(OAuthTrip))).all()


async def test_an_identity_opens_one_account_and_an_account_has_one_of_each_provider(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    first, second = await make_user(db_session), await make_user(db_session)
    for user in (first, second):
        await verify(db_session, user)
    firsts, seconds = [await signed_in(db_session, user) for user in (first, second)]
    assert (await connect(client, provider, firsts)).status_code == 200
    conflict = (409, "AUTH_IDENTITY_CONFLICT")
    assert code(await connect(client, provider, seconds)) == conflict
    provider.subject = "1002"
    assert code(await connect(client, provider, firsts)) == conflict
    assert await counts(db_session) == (2, 1, 2)
    assert len(await told(db_session)) == 1


async def test_an_unproved_account_gets_no_identity(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    """Else the attacker's identity would still open it after its owner has taken it over."""
    user = await make_user(db_session, email="victim@example.com")
    headers = await signed_in(db_session, user)
    unproved = (409, "AUTH_EMAIL_UNVERIFIED")
    assert code(await connect(client, provider, headers)) == unproved
    assert provider.asked == []
    await verify(db_session, user)
    answer = await set_out(client, headers, "github")
    back = await agree(provider, sent(answer.json()["authorization_url"]), "github")
    await db_session.execute(update(User).values(email_verified_at=None))
    assert code(await come_back(client, back, "github")) == unproved
    assert await counts(db_session) == (1, 0, 1)


async def test_nothing_is_connected_with_an_account_that_was_closed_meanwhile(
    client: AsyncClient, db_session: AsyncSession, provider: Provider
) -> None:
    user = await make_user(db_session, email="ada@example.com")
    await verify(db_session, user)
    answer = await set_out(client, await signed_in(db_session, user), "google")
    back = await agree(provider, sent(answer.json()["authorization_url"]))
    await db_session.execute(update(User).values(is_active=False))
    assert code(await come_back(client, back)) == (403, "AUTH_ACCOUNT_DEACTIVATED")
    assert await counts(db_session) == (1, 0, 1)


@pytest.mark.parametrize("name", NAMES)
async def test_an_account_with_a_second_step_is_asked_for_it_all_the_same(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, name: str
) -> None:
    assert (await round_trip(client, provider, name)).status_code == 200
    user_id = (await db_session.scalars(select(User.id))).one()
    secret = new_secret()
    encrypted = encrypt_secret(secret, user_id=user_id, settings=get_settings())
    now = datetime.now(UTC)
    db_session.add(TwoStep(user_id=user_id, encrypted_secret=encrypted, confirmed_at=now))
    await db_session.commit()

    answer = await round_trip(client, provider, name)
    assert code(answer) == (401, "AUTH_SECOND_FACTOR_REQUIRED")
    assert set(answer.json()) == {"detail", "code", "sign_in_token"}
    assert await counts(db_session) == (1, 1, 1)

    factor = {
        "sign_in_token": answer.json()["sign_in_token"],
        "totp_code": pyotp.TOTP(secret).at(now),
    }
    answer = await client.post("/api/v1/auth/two-step/sign-in", json=factor)
    assert answer.status_code == 200, answer.text
    assert await counts(db_session) == (1, 1, 2)


async def test_late_trips_are_forgotten(
    client: AsyncClient, db_session: AsyncSession, provider: Provider, clock: Clock
) -> None:
    del provider
    await go(client)
    clock.forward(timedelta(minutes=5))
    await go(client)
    clock.forward(timedelta(minutes=5))
    assert await forget_expired_trips(db_session, now=clock.now, limit=10) == 1
    assert len((await db_session.scalars(select(OAuthTrip))).all()) == 1


async def test_nothing_secret_is_logged(
    client: AsyncClient, provider: Provider, capfd: pytest.CaptureFixture[str]
) -> None:
    back = await agree(provider, await go(client))
    provider.claims = changed(iss="https://evil.example")
    assert code(await come_back(client, back)) == FAILED
    provider.claims = lambda claims: claims
    assert (await round_trip(client, provider)).status_code == 200
    log = "".join(capfd.readouterr())
    for secret in (back["code"], back["state"], CLIENT_SECRET, "provider-token"):
        assert secret not in log
