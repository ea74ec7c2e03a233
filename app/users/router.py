"""Accounts and tokens as JSON."""

from fastapi import APIRouter, status

from app.core.clock import Now
from app.core.deps import AppSettings, DbSession
from app.users import service, tokens
from app.users.schemas import Login, Refresh, Register, TokenPair
from app.users.two_step import service as two_step

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    summary="Open an account",
    responses={409: {"description": "AUTH_EMAIL_CONFLICT: the address has an account"}},
)
async def register(
    session: DbSession, account: Register, now: Now, settings: AppSettings
) -> TokenPair:
    """Open an account and sign in to it."""
    user = await service.register(
        session, email=account.email, password=account.password, full_name=account.full_name
    )
    return await tokens.start_family(
        session, user_id=user.id, role=user.role, now=now, settings=settings
    )


@router.post(
    "/login",
    summary="Sign in",
    responses={
        401: {
            "description": (
                "AUTH_INVALID_CREDENTIALS: no such account, or not its password; "
                "AUTH_SECOND_FACTOR_REQUIRED: both are right, and two-step sign-in is on, so "
                "repeat this with totp_code or recovery_code; AUTH_SECOND_FACTOR_INVALID"
            )
        },
        403: {"description": "AUTH_ACCOUNT_DEACTIVATED: the shop has closed the account"},
        429: {"description": "AUTH_SECOND_FACTOR_LIMIT: too many codes; see Retry-After"},
    },
)
async def login(session: DbSession, proof: Login, now: Now, settings: AppSettings) -> TokenPair:
    """Prove who you are and get the two tokens."""
    user = await service.check_credentials(session, email=proof.email, password=proof.password)
    await two_step.require(
        session,
        user_id=user.id,
        totp_code=proof.totp_code,
        recovery_code=proof.recovery_code,
        now=now,
        settings=settings,
    )
    return await tokens.start_family(
        session, user_id=user.id, role=user.role, now=now, settings=settings
    )


@router.post(
    "/refresh",
    summary="Get the next pair of tokens",
    responses={
        401: {
            "description": (
                "AUTH_REFRESH_INVALID: unknown, ended, or used a moment ago; AUTH_TOKEN_REUSE: "
                "used before, so the whole family has ended; AUTH_USER_INACTIVE"
            )
        }
    },
)
async def refresh(
    session: DbSession, exchange: Refresh, now: Now, settings: AppSettings
) -> TokenPair:
    """Exchange a refresh token, which works once, for a new pair."""
    return await tokens.refresh(
        session, refresh_token=exchange.refresh_token, now=now, settings=settings
    )


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, summary="Sign out")
async def logout(session: DbSession, ended: Refresh, now: Now) -> None:
    """End every refresh token that came of the same sign-in. It can be repeated."""
    await tokens.end_family(session, refresh_token=ended.refresh_token, now=now)
