"""Signing in with Google and GitHub, for programs; and what is connected with an account."""

from typing import Any

from fastapi import APIRouter, Request, Response, status
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse

from app.core.clock import Now
from app.core.config import Settings
from app.core.deps import AppSettings, CurrentUser, DbSession
from app.core.rights import of_its_owner, open_to_all
from app.integrations.oauth.factory import Providers
from app.integrations.oauth.provider import Identity, ProviderName
from app.users.callers import TOO_MANY_ATTEMPTS, Program, SigningIn
from app.users.oauth import service, trips
from app.users.oauth.deps import (
    OAUTH,
    OfferedProviders,
    find_google,
    find_provider,
    what_came_back,
)
from app.users.oauth.schemas import ConnectedRead, Departure, GoogleIdToken, IdentityRead
from app.users.schemas import OwnerProof, TokenPair
from app.users.two_step.pending import ask_for_second_step

router = APIRouter(prefix="/auth", tags=["auth"])

NOT_CONFIGURED = {"description": "AUTH_OAUTH_NOT_CONFIGURED: the shop does not offer this provider"}
SECOND_STEP = (
    "AUTH_SECOND_FACTOR_REQUIRED: two-step sign-in is on, so send sign_in_token, which is beside "
    "the code, to /api/v1/auth/two-step/sign-in"
)
NO_ENTRY = (
    "AUTH_OAUTH_NO_EMAIL, AUTH_OAUTH_EMAIL_UNVERIFIED: no account without a proved address; "
    f"{SECOND_STEP}"
)
CONFLICTS = {
    "description": (
        "AUTH_EMAIL_CONFLICT: the address has an account that never proved it; "
        "AUTH_IDENTITY_CONFLICT: connected with another account, or this one with another there"
    )
}
NOT_THE_OWNER = {
    "description": (
        "ACCOUNT_PASSWORD_REQUIRED, ACCOUNT_PASSWORD_WRONG: the present password is asked for; "
        "AUTH_SIGN_IN_STALE: the account has none, and its sign-in is older than ten minutes"
    )
}
CALLBACK_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"description": f"AUTH_OAUTH_FAILED: start again; {NO_ENTRY}"},
    403: {"description": "AUTH_ACCOUNT_DEACTIVATED: the shop has closed the account"},
    409: CONFLICTS,
    501: NOT_CONFIGURED,
}


@router.get(
    "/google",
    response_class=RedirectResponse,
    status_code=status.HTTP_302_FOUND,
    summary="Go to Google",
    responses={501: NOT_CONFIGURED},
)
@open_to_all
async def go_to_google(
    session: DbSession, providers: OfferedProviders, now: Now, settings: AppSettings
) -> Response:
    """Redirect the browser to Google, which sends it on to the callback."""
    return await _redirect(session, providers, ProviderName.GOOGLE, now, settings)


@router.get("/google/callback", summary="Come back from Google", responses=CALLBACK_RESPONSES)
@open_to_all
async def come_back_from_google(
    request: Request, providers: OfferedProviders, program: SigningIn
) -> TokenPair | IdentityRead:
    """Sign in with what Google says; or connect it, if the way there was begun for that."""
    return await _come_back(request, providers, ProviderName.GOOGLE, program)


@router.post(
    "/google/token",
    summary="Sign in with an ID token of Google's",
    responses={
        401: {"description": f"AUTH_GOOGLE_INVALID_TOKEN, AUTH_OAUTH_FAILED; {NO_ENTRY}"},
        403: {"description": "AUTH_ACCOUNT_DEACTIVATED: the shop has closed the account"},
        409: CONFLICTS,
        501: NOT_CONFIGURED,
    },
)
@open_to_all
async def sign_in_with_google_token(
    providers: OfferedProviders, proof: GoogleIdToken, program: SigningIn
) -> TokenPair:
    """Sign in with a token that the program got from Google for this shop; each works once."""
    identity = await service.read_google_token(
        find_google(providers), id_token=proof.id_token, now=program.now
    )
    await service.use_google_token(program.session, id_token=proof.id_token, identity=identity)
    return await _sign_in(program, identity)


@router.get(
    "/github",
    response_class=RedirectResponse,
    status_code=status.HTTP_302_FOUND,
    summary="Go to GitHub",
    responses={501: NOT_CONFIGURED},
)
@open_to_all
async def go_to_github(
    session: DbSession, providers: OfferedProviders, now: Now, settings: AppSettings
) -> Response:
    """Redirect the browser to GitHub, which sends it on to the callback."""
    return await _redirect(session, providers, ProviderName.GITHUB, now, settings)


@router.get("/github/callback", summary="Come back from GitHub", responses=CALLBACK_RESPONSES)
@open_to_all
async def come_back_from_github(
    request: Request, providers: OfferedProviders, program: SigningIn
) -> TokenPair | IdentityRead:
    """Sign in with what GitHub says; or connect it, if the way there was begun for that."""
    return await _come_back(request, providers, ProviderName.GITHUB, program)


@router.get("/identities", summary="What is connected with my account")
async def list_identities(session: DbSession, user: CurrentUser) -> ConnectedRead:
    """List the identities at providers that open the account: at most one of each."""
    identities = await service.list_identities(session, user_id=user.id)
    return ConnectedRead(identities=identities)


@router.post(
    "/identities/{provider}",
    summary="Connect a provider with my account",
    responses={
        401: {"description": "AUTH_OAUTH_FAILED"},
        403: NOT_THE_OWNER,
        409: {"description": "AUTH_EMAIL_UNVERIFIED: the account's address is not proved"},
        429: TOO_MANY_ATTEMPTS,
        501: NOT_CONFIGURED,
    },
)
async def connect_identity(
    response: Response,
    session: DbSession,
    user: CurrentUser,
    provider: ProviderName,
    proof: OwnerProof,
    providers: OfferedProviders,
    now: Now,
    settings: AppSettings,
) -> Departure:
    """Get the address to send this very browser to; the callback connects who comes back."""
    destination = find_provider(providers, provider)
    await service.allow_connecting(session, user=user, password=proof.current_password, now=now)
    departure = await trips.depart(
        session,
        destination,
        redirect_uri=_callback(provider, settings),
        now=now,
        settings=settings,
        user_id=user.id,
    )
    _keep(response, departure, settings)
    return Departure(authorization_url=departure.url)


@router.post(
    "/identities/{provider}/disconnect",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Disconnect a provider from my account",
    responses={
        403: NOT_THE_OWNER,
        404: {"description": "AUTH_IDENTITY_NOT_FOUND"},
        409: {"description": "AUTH_LAST_WAY_IN: there is no password and nothing else connected"},
        429: TOO_MANY_ATTEMPTS,
    },
)
@of_its_owner()
async def disconnect_identity(
    session: DbSession, user: CurrentUser, provider: ProviderName, proof: OwnerProof, now: Now
) -> None:
    """Let the account no longer be entered through the provider."""
    await service.disconnect(
        session, user=user, password=proof.current_password, provider=provider, now=now
    )


async def _redirect(
    session: AsyncSession, providers: Providers, name: ProviderName, now: Now, settings: Settings
) -> Response:
    departure = await trips.depart(
        session,
        find_provider(providers, name),
        redirect_uri=_callback(name, settings),
        now=now,
        settings=settings,
    )
    response = RedirectResponse(departure.url, status.HTTP_302_FOUND)
    _keep(response, departure, settings)
    return response


async def _come_back(
    request: Request, providers: Providers, name: ProviderName, program: Program
) -> TokenPair | IdentityRead:
    session, settings = program.session, program.settings
    arrival = await trips.arrive(
        session,
        find_provider(providers, name),
        what_came_back(request, settings),
        redirect_uri=_callback(name, settings),
        now=program.now,
        settings=settings,
    )
    OAUTH.clear(program.response, settings)
    if arrival.user_id is None:
        return await _sign_in(program, arrival.identity)
    return await service.connect(session, user_id=arrival.user_id, identity=arrival.identity)


async def _sign_in(program: Program, identity: Identity) -> TokenPair:
    user = await service.enter(program.session, identity=identity, now=program.now)
    await ask_for_second_step(program.session, user_id=user.id, now=program.now)
    return await program.let_in(user)


def _callback(name: ProviderName, settings: Settings) -> str:
    """Return where the provider sends the browser back to, whatever host the request named."""
    return f"{settings.public_url}/api/v1/auth/{name}/callback"


def _keep(response: Response, departure: trips.Departure, settings: Settings) -> None:
    seconds = int(trips.LIFETIME.total_seconds())
    OAUTH.write(response, departure.browser_token, settings, seconds=seconds)
