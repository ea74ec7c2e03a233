"""The rules of second steps: setting one up, proving it, turning it off."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, TwoStepRule, get_settings
from app.core.deps import Principal
from app.core.exceptions import AppError
from app.core.security import Role
from app.db.session import end_transaction
from app.users import limits, links
from app.users.errors import TooManyAttemptsError
from app.users.limits import Client, Purpose
from app.users.links import Notice
from app.users.passwords import prove_owner, prove_owner_of_address
from app.users.repository import delete_families, delete_sessions, find_user_by_email
from app.users.schemas import normalize_email
from app.users.service import authenticate as authenticate_anybody
from app.users.two_step import repository
from app.users.two_step.codes import (
    decrypt_secret,
    draw_qr_code,
    encrypt_secret,
    has_begun,
    hash_recovery_code,
    matching_step,
    new_recovery_codes,
    new_secret,
    otpauth_uri,
    present_header,
    sign_enrolment,
)
from app.users.two_step.errors import (
    EnrolmentLateError,
    SecondFactorInvalidError,
    SecondFactorRequiredError,
    TooManyCodesError,
    TwoStepIsOffError,
    TwoStepIsOnError,
    TwoStepRequiredError,
)
from app.users.two_step.schemas import Enrolment, SecondFactor, TwoStepRead

TOO_MANY_FROM_HERE = "Too many codes were tried from here. Please wait."


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


async def enrol(
    session: AsyncSession,
    *,
    user: Principal,
    password: str,
    now: datetime,
    settings: Settings,
) -> Enrolment:
    """Begin to set up a second step, anew where one was begun; it is off until confirmed.

    Raises:
        AddressUnprovedError: the account's address is not proved.
        PasswordMissingError, WrongPasswordError, SignInStaleError, TooManyAttemptsError: it is not
            proved that the owner asks.
        TwoStepIsOnError: there is one.
    """
    await prove_owner_of_address(session, user=user, password=password, now=now)
    secret = new_secret()
    encrypted = encrypt_secret(secret, user_id=user.id, settings=settings)
    if not await repository.keep_secret(session, user_id=user.id, encrypted_secret=encrypted):
        raise TwoStepIsOnError
    token = sign_enrolment(encrypted, user_id=user.id, now=now, settings=settings)
    return _enrolment(secret, token, user, settings)


async def find_enrolment(
    session: AsyncSession, *, user: Principal, token: str, now: datetime, settings: Settings
) -> Enrolment | None:
    """Return what was begun, to be shown once more to who has begun it; not if confirmed since."""
    found = await repository.find(session, user_id=user.id)
    if found is None or found.confirmed_at is not None:
        return None
    encrypted = found.encrypted_secret
    if not has_begun(token, encrypted, user_id=user.id, now=now, settings=settings):
        return None
    secret = decrypt_secret(encrypted, user_id=user.id, settings=settings)
    return _enrolment(secret, token, user, settings) if secret is not None else None


async def confirm(
    session: AsyncSession,
    *,
    user: Principal,
    token: str,
    totp_code: str,
    now: datetime,
    settings: Settings,
) -> list[str]:
    """Turn the second step on by its first code, and return the recovery codes.

    All sign-ins of the account end, for they were made without it. Its owner is told by mail.

    Raises:
        TwoStepIsOnError: it is on.
        TwoStepIsOffError: nothing was begun.
        EnrolmentLateError: the token is not of what was begun last, or too old.
        SecondFactorInvalidError: the code is not of the secret.
    """
    found = await repository.find(session, user_id=user.id)
    if found is None:
        raise TwoStepIsOffError
    if found.confirmed_at is not None:
        raise TwoStepIsOnError
    encrypted = found.encrypted_secret
    if not has_begun(token, encrypted, user_id=user.id, now=now, settings=settings):
        raise EnrolmentLateError
    secret = decrypt_secret(encrypted, user_id=user.id, settings=settings)
    if secret is None:
        raise TwoStepIsOffError
    step = matching_step(secret, totp_code, now=now)
    if step is None:
        raise SecondFactorInvalidError(field="totp_code")
    if not await repository.confirm(
        session, user_id=user.id, encrypted_secret=encrypted, step=step, now=now
    ):
        raise TwoStepIsOnError
    await delete_sessions(session, user_id=user.id)
    await delete_families(session, user_id=user.id)
    await links.send_notice(session, notice=Notice.TWO_STEP_ON, recipient=user.email)
    return await _renew_recovery_codes(session, user.id)


async def require(
    session: AsyncSession,
    *,
    user: Principal,
    totp_code: str | None,
    recovery_code: str | None,
    client: Client,
    now: datetime,
    settings: Settings,
) -> None:
    """Let a sign-in whose first step is proved go on, if it needs no second or this is it.

    What the transaction did before (the password that was right and does not count) is committed
    whenever this refuses.

    Raises:
        SecondFactorRequiredError: it needs a code, and none came along.
        SecondFactorInvalidError: the code is wrong or was used; the try is counted.
        TooManyCodesError: too many codes were wrong lately.
    """
    if not await repository.is_on(session, user_id=user.id):
        return
    if totp_code is None and recovery_code is None:
        await end_transaction(session)
        raise SecondFactorRequiredError
    await prove(
        session,
        user=user,
        totp_code=totp_code,
        recovery_code=recovery_code,
        client=client,
        now=now,
        settings=settings,
    )


async def prove(
    session: AsyncSession,
    *,
    user: Principal,
    totp_code: str | None,
    recovery_code: str | None,
    client: Client,
    now: datetime,
    settings: Settings,
) -> None:
    """Use a code up. What the transaction did before is committed even when the code is refused.

    Codes of an app are counted by account and by the client's address; recovery codes, which are
    too long to be guessed, by the address alone, so that nobody's failures keep the owner out.

    Raises:
        SecondFactorInvalidError: it is wrong or was used.
        TooManyCodesError: too many codes were wrong lately.
        TwoStepIsOffError: there is no second step.
    """
    if totp_code is not None:
        refusal = await _try_totp_code(session, user, totp_code, client, now, settings)
    else:
        refusal = await _try_recovery_code(session, user, recovery_code or "", client, now)
    if refusal is not None:
        await end_transaction(session)  # the exception would undo the counting
        raise refusal


async def renew_recovery_codes(
    session: AsyncSession,
    *,
    user: Principal,
    password: str,
    factor: SecondFactor,
    client: Client,
    now: datetime,
    settings: Settings,
) -> list[str]:
    """Replace the recovery codes, used and unused, and return the new ones.

    Raises:
        PasswordMissingError, WrongPasswordError, SignInStaleError, TooManyAttemptsError: it is not
            proved that the owner asks.
        SecondFactorInvalidError: the code is wrong or was used.
        TooManyCodesError: too many codes were wrong lately.
        TwoStepIsOffError: there is no second step.
    """
    await _prove_both(session, user, password, factor, client, now, settings)
    await links.send_notice(session, notice=Notice.RECOVERY_CODES_RENEWED, recipient=user.email)
    return await _renew_recovery_codes(session, user.id)


async def disable(
    session: AsyncSession,
    *,
    user: Principal,
    password: str,
    factor: SecondFactor,
    client: Client,
    now: datetime,
    settings: Settings,
) -> None:
    """Turn the second step off; the recovery codes go with it.

    Raises:
        PasswordMissingError, WrongPasswordError, SignInStaleError, TooManyAttemptsError: it is not
            proved that the owner asks.
        SecondFactorInvalidError: the code is wrong or was used.
        TooManyCodesError: too many codes were wrong lately.
        TwoStepIsOffError: there is none.
    """
    await _prove_both(session, user, password, factor, client, now, settings)
    await repository.delete_two_step(session, user_id=user.id)
    await links.send_notice(session, notice=Notice.TWO_STEP_OFF, recipient=user.email)


async def remove(session: AsyncSession, *, email: str) -> int | None:
    """Turn off the second step of an address's account unproved, for who has lost everything.

    The owner is told by mail.

    Returns the account's id; ``None`` if there was no second step to turn off.
    """
    try:
        address = normalize_email(email)
    except ValueError:
        return None
    user = await find_user_by_email(session, email=address)
    if user is None or not await repository.delete_two_step(session, user_id=user.id):
        return None
    await links.send_notice(session, notice=Notice.TWO_STEP_OFF, recipient=user.email)
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


async def _prove_both(
    session: AsyncSession,
    user: Principal,
    password: str,
    factor: SecondFactor,
    client: Client,
    now: datetime,
    settings: Settings,
) -> None:
    """Prove the password and use a code up. The account stays as it is in this transaction."""
    await prove_owner(session, user=user, password=password, now=now)
    await prove(
        session,
        user=user,
        totp_code=factor.totp_code,
        recovery_code=factor.recovery_code,
        client=client,
        now=now,
        settings=settings,
    )


async def _try_totp_code(
    session: AsyncSession,
    user: Principal,
    code: str,
    client: Client,
    now: datetime,
    settings: Settings,
) -> AppError | None:
    found = await repository.find(session, user_id=user.id)
    if found is None or found.confirmed_at is None:
        return TwoStepIsOffError()
    try:
        async with session.begin_nested():  # of what is refused nothing is counted
            spent = await limits.count(
                session,
                purpose=Purpose.SECOND_FACTOR,
                email=user.email,
                address=client.address,
                now=now,
            )
    except TooManyAttemptsError as error:
        return TooManyCodesError(headers=error.headers)
    secret = decrypt_secret(found.encrypted_secret, user_id=user.id, settings=settings)
    step = matching_step(secret, code, now=now) if secret is not None else None
    if step is None or not await repository.use_step(session, user_id=user.id, step=step):
        return SecondFactorInvalidError(field="totp_code")
    await limits.give_back(session, spent)
    return None


async def _try_recovery_code(
    session: AsyncSession, user: Principal, code: str, client: Client, now: datetime
) -> AppError | None:
    try:
        async with session.begin_nested():
            spent = await limits.count(
                session, purpose=Purpose.SECOND_FACTOR, address=client.address, now=now
            )
    except TooManyAttemptsError as error:
        return TooManyCodesError(TOO_MANY_FROM_HERE, headers=error.headers)
    code_hash = hash_recovery_code(code)
    if not await repository.use_recovery_code(session, user_id=user.id, code_hash=code_hash):
        return SecondFactorInvalidError(field="recovery_code")
    await limits.give_back(session, spent)
    await links.send_notice(session, notice=Notice.RECOVERY_CODE_USED, recipient=user.email)
    return None


async def _renew_recovery_codes(session: AsyncSession, user_id: int) -> list[str]:
    codes = new_recovery_codes()
    hashes = [hash_recovery_code(code) for code in codes]
    await repository.replace_recovery_codes(session, user_id=user_id, code_hashes=hashes)
    return codes


def _enrolment(secret: str, token: str, user: Principal, settings: Settings) -> Enrolment:
    uri = otpauth_uri(secret, account=user.email, settings=settings)
    return Enrolment(secret=secret, uri=uri, qr_svg=draw_qr_code(uri), enrolment_token=token)
