"""Two-step sign-in as JSON."""

from fastapi import APIRouter, status

from app.core.clock import Now
from app.core.deps import AppSettings, CurrentUser, DbSession
from app.core.rights import open_to_all
from app.users.callers import TOO_MANY_ATTEMPTS, RequestClient, SigningIn
from app.users.schemas import OwnerProof, TokenPair
from app.users.two_step import pending, service
from app.users.two_step.deps import EnrollingUser
from app.users.two_step.schemas import (
    Confirmed,
    Enrolment,
    FirstCode,
    OwnersFactor,
    PendingProof,
    RecoveryCodes,
    SecondFactor,
    TwoStepRead,
)

router = APIRouter(prefix="/auth/two-step", tags=["auth"])

CODE_REFUSED = {
    "description": "AUTH_SECOND_FACTOR_INVALID: the code is wrong, too old, or was used"
}
CODE_LIMIT = {"description": "AUTH_SECOND_FACTOR_LIMIT: too many codes; see Retry-After"}
IS_ON = {
    "description": (
        "AUTH_TWO_STEP_ON: there is a second step already; AUTH_EMAIL_UNVERIFIED: the account's "
        "address is not proved"
    )
}
NOT_THE_OWNER = {
    "description": (
        "ACCOUNT_PASSWORD_REQUIRED, ACCOUNT_PASSWORD_WRONG: the present password is asked for; "
        "AUTH_SIGN_IN_STALE: the account has none, and its sign-in is older than ten minutes"
    )
}
IS_OFF = {"description": "AUTH_TWO_STEP_OFF: there is no second step"}


@router.get("", summary="Whether my sign-in takes two steps")
async def read_two_step(session: DbSession, user: EnrollingUser) -> TwoStepRead:
    """Tell since when, and how many recovery codes are left."""
    return await service.describe(session, user_id=user.id)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Begin to set up two-step sign-in",
    responses={403: NOT_THE_OWNER, 409: IS_ON, 429: TOO_MANY_ATTEMPTS},
)
async def enrol(
    session: DbSession, user: EnrollingUser, proof: OwnerProof, now: Now, settings: AppSettings
) -> Enrolment:
    """Get a secret for an authenticator app. Nothing changes until a first code confirms it."""
    return await service.enrol(
        session, user=user, password=proof.current_password, now=now, settings=settings
    )


@router.post(
    "/confirm",
    summary="Turn two-step sign-in on",
    responses={
        401: CODE_REFUSED,
        403: {"description": "AUTH_TWO_STEP_LATE: begun too long ago, or anew since; begin anew"},
        409: {"description": "AUTH_TWO_STEP_ON, AUTH_TWO_STEP_OFF"},
    },
)
async def confirm(
    session: DbSession,
    user: EnrollingUser,
    first: FirstCode,
    program: SigningIn,
    now: Now,
    settings: AppSettings,
) -> Confirmed:
    """Prove by a first code that the app works. All sign-ins end but the one that is answered."""
    codes = await service.confirm(
        session,
        user=user,
        token=first.enrolment_token,
        totp_code=first.totp_code,
        now=now,
        settings=settings,
    )
    pair = await program.let_in(user)
    return Confirmed(recovery_codes=codes, **pair.model_dump())


@router.post(
    "/recovery-codes",
    summary="Replace my recovery codes",
    responses={401: CODE_REFUSED, 403: NOT_THE_OWNER, 409: IS_OFF, 429: TOO_MANY_ATTEMPTS},
)
async def renew_recovery_codes(
    session: DbSession,
    user: CurrentUser,
    factor: OwnersFactor,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
) -> RecoveryCodes:
    """Get ten new codes; those from before work no more."""
    codes = await service.renew_recovery_codes(
        session,
        user=user,
        password=factor.current_password,
        factor=factor,
        client=client,
        now=now,
        settings=settings,
    )
    return RecoveryCodes(recovery_codes=codes)


@router.post(
    "/disable",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Turn two-step sign-in off",
    responses={401: CODE_REFUSED, 403: NOT_THE_OWNER, 409: IS_OFF, 429: TOO_MANY_ATTEMPTS},
)
async def disable(
    session: DbSession,
    user: CurrentUser,
    factor: OwnersFactor,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
) -> None:
    """Turn it off with a code of either kind; the recovery codes go with it."""
    await service.disable(
        session,
        user=user,
        password=factor.current_password,
        factor=factor,
        client=client,
        now=now,
        settings=settings,
    )


@router.post(
    "/sign-in",
    summary="Take the second step of a sign-in",
    responses={
        401: {
            "description": (
                "AUTH_SECOND_FACTOR_INVALID: try again, five times in all; "
                "AUTH_SIGN_IN_EXPIRED: begin anew"
            )
        },
        403: {"description": "AUTH_ACCOUNT_DEACTIVATED: the shop has closed the account"},
        429: CODE_LIMIT,
    },
)
@open_to_all
async def sign_in(
    session: DbSession, proof: PendingProof, program: SigningIn, now: Now, settings: AppSettings
) -> TokenPair:
    """Send a code with the ``sign_in_token`` that AUTH_SECOND_FACTOR_REQUIRED came with."""
    user = await pending.finish(
        session,
        token=proof.sign_in_token,
        factor=SecondFactor(totp_code=proof.totp_code, recovery_code=proof.recovery_code),
        client=program.client,
        now=now,
        settings=settings,
    )
    return await program.let_in(user)
