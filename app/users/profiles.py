"""What a reader sees and says of their own account."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import TokenInvalidError
from app.users import account_repository, link_repository
from app.users.account_schemas import AccountRead, ProfileUpdate
from app.users.models import User
from app.users.service import to_principal


async def get_account(session: AsyncSession, *, user_id: int, now: datetime) -> AccountRead:
    """Return the account as its reader sees it.

    Raises:
        TokenInvalidError: it is gone.
    """
    user = await account_repository.find_account(session, user_id=user_id)
    if user is None:
        raise TokenInvalidError
    return await _read(session, user, now=now)


async def change_profile(
    session: AsyncSession, *, user_id: int, profile: ProfileUpdate, now: datetime
) -> AccountRead:
    """Give the account another name or language, or none; what is left out stays.

    Raises:
        TokenInvalidError: it is gone.
    """
    user = await account_repository.change_profile(
        session, user_id=user_id, changes=profile.model_dump(exclude_unset=True)
    )
    if user is None:
        raise TokenInvalidError
    return await _read(session, user, now=now)


async def stop_review_invitations(session: AsyncSession, *, email: str) -> None:
    """Take back the consent to be asked for reviews of the account with an address."""
    await account_repository.end_review_invitations(session, email=email)


async def _read(session: AsyncSession, user: User, *, now: datetime) -> AccountRead:
    change = await link_repository.find_change(session, user_id=user.id, now=now)
    return AccountRead(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified_at is not None,
        new_email=change.new_email if change is not None else None,
        full_name=user.full_name,
        language=user.language,
        review_invitations=user.review_invitations,
        display_name=to_principal(user).display_name,
        has_password=user.password_hash is not None,
        role=user.role,
        created_at=user.created_at,
    )
