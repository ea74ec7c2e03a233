"""The rules of second steps: setting one up, proving it, turning it off."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, TwoStepRule, get_settings
from app.core.deps import Principal
from app.core.exceptions import AppError
from app.core.security import Role
from app.db.session import end_transaction
from app.users.repository import delete_families, delete_sessions, find_user_by_email
from app.users.schemas import normalize_email
from app.users.service import authenticate as authenticate_anybody
from app.users.two_step import repository
from app.users.two_step.codes import (
    decrypt_secret,
    draw_qr_code,
    encrypt_secret,
    hash_recovery_code,
    matching_step,
    new_recovery_codes,
    new_secret,
    otpauth_uri,
    present_header,
)
from app.users.two_step.errors import (
    SecondFactorInvalidError,
    SecondFactorRequiredError,
    TooManyCodesError,
    TwoStepIsOffError,
    TwoStepIsOnError,
    TwoStepRequiredError,
)
from app.users.two_step.schemas import Enrolment, SecondFactor, TwoStepRead

MAX_TRIES = 10
TRIES_WINDOW = timedelta(minutes=15)
"""So many wrong codes of an authenticator app in so long, over all sign-ins of the account.

Only who has the password gets as far as this, and recovery codes are too long to be guessed and
work throughout: so the owner is never locked out.
"""


async def is_on(session: AsyncSession, *, user_id: int) -> bool:
    """Tell whether signing in to the account takes a second step."""
    return await repository.is_on(session, user_id=user_id)


async def describe(session: AsyncSession, *, user_id: int) -> TwoStepRead:
    """Return what its owner may know of the second step."""
    found = await repository.find(session, user_id=user_id)
    confirmed_at = found.confirmed_at if found is not None else None
    return TwoStepRead(
        is_on=confirmed_at is not None,
        confirmed_at=confirmed_at,
        recovery_codes_left=await repository.count_recovery_codes(session, user_id=user_id),
    )


async def enrol(session: AsyncSession, *, user: Principal, settings: Settings) -> Enrolment:
    """Begin to set up a second step, anew where one was begun; it is off until confirmed.

    Raises:
        TwoStepIsOnError: there is one.
    """
    secret = new_secret()
    encrypted = encrypt_secret(secret, user_id=user.id, settings=settings)
    if not await repository.keep_secret(session, user_id=user.id, encrypted_secret=encrypted):
        raise TwoStepIsOnError
    return _enrolment(secret, user, settings)


async def find_enrolment(
    session: AsyncSession, *, user: Principal, settings: Settings
) -> Enrolment | None:
    """Return what was begun, to be shown once more; nothing that was confirmed since."""
    found = await repository.find(session, user_id=user.id)
    if found is None or found.confirmed_at is not None:
        return None
    secret = decrypt_secret(found.encrypted_secret, user_id=user.id, settings=settings)
    return _enrolment(secret, user, settings) if secret is not None else None


async def confirm(
    session: AsyncSession, *, user_id: int, totp_code: str, now: datetime, settings: Settings
) -> list[str]:
    """Turn the second step on by its first code, and return the recovery codes.

    All sign-ins of the account end, for they were made without it.

    Raises:
        TwoStepIsOnError: it is on.
        TwoStepIsOffError: nothing was begun.
        SecondFactorInvalidError: the code is not of the secret.
    """
    found = await repository.find(session, user_id=user_id)
    if found is None:
        raise TwoStepIsOffError
    if found.confirmed_at is not None:
        raise TwoStepIsOnError
    encrypted = found.encrypted_secret
    secret = decrypt_secret(encrypted, user_id=user_id, settings=settings)
    if secret is None:
        raise TwoStepIsOffError
    step = matching_step(secret, totp_code, now=now)
    if step is None:
        raise SecondFactorInvalidError(field="totp_code")
    if not await repository.confirm(
        session, user_id=user_id, encrypted_secret=encrypted, step=step, now=now
    ):
        raise TwoStepIsOnError
    await delete_sessions(session, user_id=user_id)
    await delete_families(session, user_id=user_id)
    return await _renew_recovery_codes(session, user_id)


async def require(
    session: AsyncSession,
    *,
    user_id: int,
    totp_code: str | None,
    recovery_code: str | None,
    now: datetime,
    settings: Settings,
) -> None:
    """Let a sign-in whose first step is proved go on, if it needs no second or this is it.

    Raises:
        SecondFactorRequiredError: it needs a code, and none came along.
        SecondFactorInvalidError: the code is wrong or was used; the try is counted, and committed.
        TooManyCodesError: too many codes were wrong lately.
    """
    if not await repository.is_on(session, user_id=user_id):
        return
    if totp_code is None and recovery_code is None:
        raise SecondFactorRequiredError
    await prove(
        session,
        user_id=user_id,
        totp_code=totp_code,
        recovery_code=recovery_code,
        now=now,
        settings=settings,
    )


async def prove(
    session: AsyncSession,
    *,
    user_id: int,
    totp_code: str | None,
    recovery_code: str | None,
    now: datetime,
    settings: Settings,
) -> None:
    """Use a code up. What the transaction did before is committed even when the code is refused.

    Raises:
        SecondFactorInvalidError: it is wrong or was used.
        TooManyCodesError: too many codes were wrong lately.
        TwoStepIsOffError: there is no second step.
    """
    if totp_code is not None:
        refusal = await _try_totp_code(session, user_id, totp_code, now, settings)
    else:
        refusal = await _try_recovery_code(session, user_id, recovery_code or "")
    if refusal is not None:
        await end_transaction(session)  # the exception would undo the counting
        raise refusal


async def renew_recovery_codes(
    session: AsyncSession, *, user_id: int, factor: SecondFactor, now: datetime, settings: Settings
) -> list[str]:
    """Replace the recovery codes, used and unused, and return the new ones.

    Raises:
        SecondFactorInvalidError: the proof is wrong or was used.
        TooManyCodesError: too many codes were wrong lately.
        TwoStepIsOffError: there is no second step.
    """
    await prove(session, user_id=user_id, **factor.model_dump(), now=now, settings=settings)
    return await _renew_recovery_codes(session, user_id)


async def disable(
    session: AsyncSession, *, user_id: int, factor: SecondFactor, now: datetime, settings: Settings
) -> None:
    """Turn the second step off; the recovery codes go with it.

    Raises:
        SecondFactorInvalidError: the proof is wrong or was used.
        TooManyCodesError: too many codes were wrong lately.
        TwoStepIsOffError: there is none.
    """
    await prove(session, user_id=user_id, **factor.model_dump(), now=now, settings=settings)
    await repository.delete_two_step(session, user_id=user_id)


async def remove(session: AsyncSession, *, email: str) -> int | None:
    """Turn off the second step of an address's account unproved, for who has lost everything.

    Returns the account's id; ``None`` if there was no second step to turn off.
    """
    try:
        address = normalize_email(email)
    except ValueError:
        return None
    user = await find_user_by_email(session, email=address)
    if user is None or not await repository.delete_two_step(session, user_id=user.id):
        return None
    return user.id


async def encrypt_anew(session: AsyncSession, *, limit: int, settings: Settings) -> int:
    """Encrypt under the shop's present secret what a former one still reads; return how many.

    What no secret reads that the settings name stays as it is.
    """
    renewed = 0
    header = present_header(settings)
    for user_id, encrypted in await repository.list_encrypted_otherwise(
        session, header=header, limit=limit
    ):
        secret = decrypt_secret(encrypted, user_id=user_id, settings=settings)
        if secret is not None:
            await repository.replace_secret(
                session,
                user_id=user_id,
                present=encrypted,
                encrypted_secret=encrypt_secret(secret, user_id=user_id, settings=settings),
            )
            renewed += 1
    return renewed


async def authenticate(session: AsyncSession, *, token: str, now: datetime) -> Principal:
    """Return the account behind an access token, unless it must set up a second step first.

    Raises:
        TokenInvalidError: the token is wrong or expired, or its account is gone.
        AccountDeactivatedError: the account is closed.
        TwoStepRequiredError: it is staff's and has no second step, and the shop asks for one.
    """
    user = await authenticate_anybody(session, token=token, now=now)
    if await must_enrol(session, user=user):
        raise TwoStepRequiredError
    return user


async def must_enrol(session: AsyncSession, *, user: Principal) -> bool:
    """Tell whether the account may do nothing before it has set up a second step."""
    return (
        get_settings().staff_two_step is TwoStepRule.REQUIRED
        and user.role is not Role.USER
        and not await repository.is_on(session, user_id=user.id)
    )


async def _try_totp_code(
    session: AsyncSession, user_id: int, code: str, now: datetime, settings: Settings
) -> AppError | None:
    encrypted = await repository.count_try(
        session, user_id=user_id, limit=MAX_TRIES, since=now - TRIES_WINDOW, now=now
    )
    if encrypted is None:
        found = await repository.find(session, user_id=user_id)
        if found is None or found.confirmed_at is None:
            return TwoStepIsOffError()
        wait = (found.tries_since or now) + TRIES_WINDOW - now
        seconds = max(1, int(wait.total_seconds()))
        return TooManyCodesError(headers={"Retry-After": str(seconds)})
    secret = decrypt_secret(encrypted, user_id=user_id, settings=settings)
    step = matching_step(secret, code, now=now) if secret is not None else None
    if step is None or not await repository.use_step(session, user_id=user_id, step=step):
        return SecondFactorInvalidError(field="totp_code")
    return None


async def _try_recovery_code(session: AsyncSession, user_id: int, code: str) -> AppError | None:
    code_hash = hash_recovery_code(code)
    if await repository.use_recovery_code(session, user_id=user_id, code_hash=code_hash):
        return None
    return SecondFactorInvalidError(field="recovery_code")


async def _renew_recovery_codes(session: AsyncSession, user_id: int) -> list[str]:
    codes = new_recovery_codes()
    hashes = [hash_recovery_code(code) for code in codes]
    await repository.replace_recovery_codes(session, user_id=user_id, code_hashes=hashes)
    return codes


def _enrolment(secret: str, user: Principal, settings: Settings) -> Enrolment:
    uri = otpauth_uri(secret, account=user.email, settings=settings)
    return Enrolment(secret=secret, uri=uri, qr_svg=draw_qr_code(uri))
