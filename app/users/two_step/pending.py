"""Half-way in: everything is proved but the second step.

The browser or program holds a random token, the database its hash, how many tries are left, and
by which password it came.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.deps import Principal
from app.core.security import hash_token, new_opaque_token
from app.db.session import end_transaction
from app.users.errors import AccountDeactivatedError
from app.users.limits import Client
from app.users.service import to_principal
from app.users.two_step import repository
from app.users.two_step.codes import digest_password_hash
from app.users.two_step.errors import SecondFactorRequiredError, SignInExpiredError
from app.users.two_step.schemas import SecondFactor
from app.users.two_step.service import is_on, prove

LIFETIME = timedelta(minutes=10)
TRIES = 5


async def start(session: AsyncSession, *, user_id: int, now: datetime) -> str:
    """Note that the account's first step is proved, and return the token for the second.

    Raises:
        SignInExpiredError: the account is gone.
    """
    user = await repository.lock_user(session, user_id=user_id)
    if user is None:
        raise SignInExpiredError
    token = new_opaque_token()
    await repository.insert_pending(
        session,
        token_hash=hash_token(token),
        user_id=user_id,
        password_digest=digest_password_hash(user.password_hash),
        tries=TRIES,
        expires_at=now + LIFETIME,
    )
    return token


async def ask_for_second_step(session: AsyncSession, *, user_id: int, now: datetime) -> None:
    """Do nothing for an account without a second step, else refuse with a token for it.

    Raises:
        SecondFactorRequiredError: its ``sign_in_token`` begins the second step, which is committed.
    """
    if not await is_on(session, user_id=user_id):
        return
    token = await start(session, user_id=user_id, now=now)
    await end_transaction(session)  # the exception would undo what the token stands for
    raise SecondFactorRequiredError(extra={"sign_in_token": token})


async def is_open(session: AsyncSession, *, token: str, now: datetime) -> bool:
    """Tell whether the token's second step can still be taken."""
    return await repository.has_pending(session, token_hash=hash_token(token), now=now)


async def finish(
    session: AsyncSession,
    *,
    token: str,
    factor: SecondFactor,
    client: Client,
    now: datetime,
    settings: Settings,
) -> Principal:
    """Prove the second step and return the account, which stays as it is in this transaction.

    Raises:
        SignInExpiredError: unknown, late, out of tries, or the password is another by now.
        AccountDeactivatedError: the account was closed meanwhile.
        SecondFactorInvalidError: the code is wrong or was used; the try is counted, and committed.
        TooManyCodesError: too many codes were wrong lately.
    """
    token_hash = hash_token(token)
    pending = await repository.count_pending_try(session, token_hash=token_hash, now=now)
    if pending is None:
        raise SignInExpiredError
    user = await repository.lock_user(session, user_id=pending.user_id)
    if user is None or digest_password_hash(user.password_hash) != pending.password_digest:
        raise SignInExpiredError
    if not user.is_active:
        raise AccountDeactivatedError
    principal = to_principal(user)
    await prove(
        session,
        user=principal,
        totp_code=factor.totp_code,
        recovery_code=factor.recovery_code,
        client=client,
        now=now,
        settings=settings,
    )
    await repository.delete_pending(session, token_hash=token_hash)
    return principal


async def forget_expired(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete those who stayed half-way, up to a limit; return how many."""
    return await repository.delete_expired_pending(session, now=now, limit=limit)
