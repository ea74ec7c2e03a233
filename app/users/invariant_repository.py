"""SQL that looks for sign-ins and credentials which break a promise."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.users.account_models import AccountLink
from app.users.models import RefreshToken, TokenFamily, User, UserSession

DIGEST_BYTES = 32
"""Of SHA-256."""


class SplitFamily(NamedTuple):
    """A sign-in with several refresh tokens that were not used."""

    id: UUID
    user_id: int
    unused: int


class ClearCredential(NamedTuple):
    """Where credentials are that are no digests, and how many."""

    where: str
    rows: int


async def list_split_families(session: AsyncSession, *, limit: int) -> list[SplitFamily]:
    """Return sign-ins that have not ended with more than one unused refresh token."""
    unused = func.count()
    statement = (
        select(TokenFamily.id, TokenFamily.user_id, unused)
        .join(RefreshToken, RefreshToken.family_id == TokenFamily.id)
        .where(RefreshToken.used_at.is_(None), TokenFamily.revoked_at.is_(None))
        .group_by(TokenFamily.id)
        .having(unused > 1)
        .limit(limit)
    )
    return [SplitFamily(*row) for row in await session.execute(statement)]


async def list_clear_credentials(session: AsyncSession) -> list[ClearCredential]:
    """Return where passwords are not Argon2's, or tokens not of a digest's length."""
    rows = func.count().label("rows")
    places = [
        select(literal("password of an account").label("where"), rows).where(
            User.password_hash.not_like("$argon2id$%")
        ),
        *(
            select(literal(name), rows).where(func.octet_length(column) != DIGEST_BYTES)
            for name, column in (
                ("session", UserSession.token_hash),
                ("refresh token", RefreshToken.token_hash),
                ("mailed link", AccountLink.token_hash),
            )
        ),
    ]
    found = union_all(*places).subquery()
    statement = select(found.c.where, found.c.rows).where(found.c.rows > 0)
    return [ClearCredential(*row) for row in await session.execute(statement)]
