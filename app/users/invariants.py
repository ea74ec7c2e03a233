"""What is always true of sign-ins and credentials at rest, and looking for where it is not."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.findings import SHOWN, Finding
from app.users import invariant_repository as repository


async def find_breaches(session: AsyncSession) -> list[Finding]:
    """Return every breach of an invariant of accounts."""
    return [*await find_split_families(session), *await find_clear_credentials(session)]


async def find_split_families(session: AsyncSession) -> list[Finding]:
    """Return sign-ins of programs that could be prolonged by more than one refresh token."""
    return [
        Finding(
            invariant="a sign-in has one refresh token that was not used",
            subject=f"family {family.id}",
            detail=f"{family.unused} unused ones, of account {family.user_id}",
        )
        for family in await repository.list_split_families(session, limit=SHOWN)
    ]


async def find_clear_credentials(session: AsyncSession) -> list[Finding]:
    """Return credentials that are not stored as the digests that they should be.

    A password is Argon2's, a token 256 bits of SHA-256. What is there instead is not told.
    """
    return [
        Finding(
            invariant="no credential is stored in clear",
            subject=credential.where,
            detail=f"{credential.rows} rows that are no digest",
        )
        for credential in await repository.list_clear_credentials(session)
    ]
