"""Accounts and tokens as JSON."""

from fastapi import APIRouter, Response, status
from fastapi.responses import JSONResponse

from app.core.clock import Now
from app.core.config import SilentRegistration
from app.core.deps import AppSettings, DbSession
from app.core.rights import open_to_all
from app.users import emails, service, sign_up, tokens
from app.users.callers import TOO_MANY_ATTEMPTS, SigningIn
from app.users.schemas import Login, Refresh, Register, TokenPair
from app.users.two_step import service as two_step

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    summary="Open an account",
    response_model=TokenPair,
    responses={
        202: {
            "description": "Where the shop tells nobody whether an address has an account: a mail "
            "was sent, by whose link the account's owner chooses a password",
        },
        409: {"description": "AUTH_EMAIL_CONFLICT: the address has an account"},
        429: TOO_MANY_ATTEMPTS,
    },
)
@open_to_all
async def register(
    session: DbSession, account: Register, program: SigningIn, settings: AppSettings
) -> TokenPair | Response:
    """Open an account and sign in to it. A link to prove the address is mailed to it."""
    if settings.silent_registration is SilentRegistration.EVERYWHERE:
        await sign_up.register_by_mail(
            session,
            email=account.email,
            full_name=account.full_name,
            client=program.client,
            now=program.now,
        )
        return JSONResponse({"detail": sign_up.LOOK_INTO_MAIL}, status.HTTP_202_ACCEPTED)
    user = await service.register(
        session,
        email=account.email,
        password=account.password,
        full_name=account.full_name,
        client=program.client,
        now=program.now,
    )
    await emails.ask_for_verification(session, user_id=user.id, now=program.now)
    return await program.let_in(user)


@router.post(
    "/login",
    summary="Sign in",
    responses={
        400: {
            "description": (
                "AUTH_OAUTH_ONLY_ACCOUNT: the account has no password. Told only to a client that "
                "keeps the cookie of an earlier sign-in; to all others it is 401"
            )
        },
        401: {
            "description": (
                "AUTH_INVALID_CREDENTIALS: no such account, or not its password; "
                "AUTH_SECOND_FACTOR_REQUIRED: both are right, and two-step sign-in is on, so "
                "repeat this with totp_code or recovery_code; AUTH_SECOND_FACTOR_INVALID"
            )
        },
        403: {"description": "AUTH_ACCOUNT_DEACTIVATED: the shop has closed the account"},
        429: TOO_MANY_ATTEMPTS,
    },
)
@open_to_all
async def login(
    session: DbSession, proof: Login, program: SigningIn, now: Now, settings: AppSettings
) -> TokenPair:
    """Prove who you are and get the two tokens.

    An account takes ten wrong passwords in fifteen minutes. A client that keeps the cookie of an
    earlier sign-in has ten of its own, which strangers cannot use up.
    """
    user = await service.check_credentials(
        session, email=proof.email, password=proof.password, client=program.client, now=now
    )
    await two_step.require(
        session,
        user=user,
        totp_code=proof.totp_code,
        recovery_code=proof.recovery_code,
        client=program.client,
        now=now,
        settings=settings,
    )
    return await program.let_in(user)


@router.post(
    "/refresh",
    summary="Get the next pair of tokens",
    responses={
        401: {
            "description": (
                'AUTH_REFRESH_INVALID: unknown or ended, or, with `"replaced": true`, used a '
                "moment ago; AUTH_TOKEN_REUSE: used before, so the whole family has ended; "
                "AUTH_USER_INACTIVE"
            )
        }
    },
)
@open_to_all
async def refresh(
    session: DbSession, exchange: Refresh, now: Now, settings: AppSettings
) -> TokenPair:
    """Exchange a refresh token, which works once, for a new pair.

    Of two that exchange the same token at once (two tabs, say), one is refused with
    `"replaced": true`. Nothing has ended then: read the pair that the other has stored, and ask
    for a password only where there is none.
    """
    return await tokens.refresh(
        session, refresh_token=exchange.refresh_token, now=now, settings=settings
    )


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, summary="Sign out")
@open_to_all
async def logout(session: DbSession, ended: Refresh, now: Now) -> None:
    """End every refresh token that came of the same sign-in. It can be repeated."""
    await tokens.end_family(session, refresh_token=ended.refresh_token, now=now)
