"""SQL for second steps."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.users.models import User
from app.users.two_step.models import PendingSignIn, RecoveryCode, TwoStep


class PendingTry(NamedTuple):
    """A sign-in for which one more code may be looked at."""

    user_id: int
    password_digest: bytes


async def find(session: AsyncSession, *, user_id: int) -> TwoStep | None:
    """Return an account's second step as it is now, confirmed or begun."""
    statement = select(TwoStep).where(TwoStep.user_id == user_id)
    return (
        await session.scalars(statement.execution_options(populate_existing=True))
    ).one_or_none()


async def is_on(session: AsyncSession, *, user_id: int) -> bool:
    """Tell whether an account has a confirmed second step."""
    statement = select(TwoStep.user_id).where(
        TwoStep.user_id == user_id, TwoStep.confirmed_at.is_not(None)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def keep_secret(session: AsyncSession, *, user_id: int, encrypted_secret: str) -> bool:
    """Write a secret that is to be confirmed, in place of another such; not of one in use."""
    statement = (
        insert(TwoStep)
        .values(user_id=user_id, encrypted_secret=encrypted_secret)
        .on_conflict_do_update(
            index_elements=[TwoStep.user_id],
            set_={"encrypted_secret": encrypted_secret},
            where=TwoStep.confirmed_at.is_(None),
        )
        .returning(TwoStep.user_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def list_encrypted_otherwise(
    session: AsyncSession, *, header: str, limit: int
) -> Sequence[tuple[int, str]]:
    """Return accounts and their encrypted secrets that do not begin so."""
    statement = (
        select(TwoStep.user_id, TwoStep.encrypted_secret)
        .where(func.starts_with(TwoStep.encrypted_secret, header).is_(False))
        .order_by(TwoStep.user_id)
        .limit(limit)
    )
    return [(row.user_id, row.encrypted_secret) for row in await session.execute(statement)]


async def replace_secret(
    session: AsyncSession, *, user_id: int, present: str, encrypted_secret: str
) -> None:
    """Keep the same secret in other words, unless it is another by now."""
    await session.execute(
        update(TwoStep)
        .where(TwoStep.user_id == user_id, TwoStep.encrypted_secret == present)
        .values(encrypted_secret=encrypted_secret)
        .execution_options(synchronize_session=False)
    )


async def confirm(
    session: AsyncSession, *, user_id: int, encrypted_secret: str, step: int, now: datetime
) -> bool:
    """Turn on the second step that was begun with this secret; of several at once, one does."""
    statement = (
        update(TwoStep)
        .where(
            TwoStep.user_id == user_id,
            TwoStep.encrypted_secret == encrypted_secret,
            TwoStep.confirmed_at.is_(None),
        )
        .values(confirmed_at=now, last_step=step)
        .returning(TwoStep.user_id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def use_step(session: AsyncSession, *, user_id: int, step: int) -> bool:
    """Take the code of a time step, unless it or a later one was taken."""
    statement = (
        update(TwoStep)
        .where(
            TwoStep.user_id == user_id,
            TwoStep.confirmed_at.is_not(None),
            TwoStep.last_step < step,
        )
        .values(last_step=step)
        .returning(TwoStep.user_id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def delete_two_step(session: AsyncSession, *, user_id: int) -> bool:
    """Forget an account's second step, with its recovery codes."""
    statement = delete(TwoStep).where(TwoStep.user_id == user_id).returning(TwoStep.user_id)
    return (await session.scalars(statement)).one_or_none() is not None


async def replace_recovery_codes(
    session: AsyncSession, *, user_id: int, code_hashes: Collection[bytes]
) -> None:
    """Give an account these recovery codes instead of those that it had."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await session.execute(
        insert(RecoveryCode).values([{"user_id": user_id, "code_hash": h} for h in code_hashes])
    )


async def use_recovery_code(session: AsyncSession, *, user_id: int, code_hash: bytes) -> bool:
    """Use a recovery code up; of several who try at once, one does."""
    statement = (
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash)
        .returning(RecoveryCode.user_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def count_recovery_codes(session: AsyncSession, *, user_id: int) -> int:
    """Return how many recovery codes are left."""
    statement = select(func.count()).where(RecoveryCode.user_id == user_id)
    return (await session.scalars(statement)).one()


async def lock_user(session: AsyncSession, *, user_id: int) -> User | None:
    """Return the account, unchanged until the transaction ends."""
    statement = (
        select(User)
        .where(User.id == user_id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_pending(
    session: AsyncSession,
    *,
    token_hash: bytes,
    user_id: int,
    password_digest: bytes,
    tries: int,
    expires_at: datetime,
) -> None:
    """Note who is half-way in."""
    await session.execute(
        insert(PendingSignIn).values(
            token_hash=token_hash,
            user_id=user_id,
            password_digest=password_digest,
            tries_left=tries,
            expires_at=expires_at,
        )
    )


async def count_pending_try(
    session: AsyncSession, *, token_hash: bytes, now: datetime
) -> PendingTry | None:
    """Use up one of the tries of who is half-way in; ``None`` when there is none, or it is late."""
    statement = (
        update(PendingSignIn)
        .where(
            PendingSignIn.token_hash == token_hash,
            PendingSignIn.expires_at > now,
            PendingSignIn.tries_left > 0,
        )
        .values(tries_left=PendingSignIn.tries_left - 1)
        .returning(PendingSignIn.user_id, PendingSignIn.password_digest)
        .execution_options(synchronize_session=False)
    )
    row = (await session.execute(statement)).one_or_none()
    return PendingTry(*row) if row is not None else None


async def has_pending(session: AsyncSession, *, token_hash: bytes, now: datetime) -> bool:
    """Tell whether somebody is half-way in with this token."""
    statement = select(PendingSignIn.user_id).where(
        PendingSignIn.token_hash == token_hash,
        PendingSignIn.expires_at > now,
        PendingSignIn.tries_left > 0,
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def delete_pending(session: AsyncSession, *, token_hash: bytes) -> None:
    """Forget who was half-way in."""
    await session.execute(delete(PendingSignIn).where(PendingSignIn.token_hash == token_hash))


async def delete_expired_pending(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Forget those who stayed half-way, up to a limit; return how many."""
    expired = (
        select(PendingSignIn.token_hash)
        .where(PendingSignIn.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = delete(PendingSignIn).where(PendingSignIn.token_hash.in_(expired))
    return len((await session.scalars(statement.returning(PendingSignIn.user_id))).all())
