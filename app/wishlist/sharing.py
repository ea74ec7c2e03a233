"""The link with which others see a reader's wish list, until the reader withdraws it.

The token is the share's random key, signed: it cannot be guessed, a copy of the database holds no
link, and one that was withdrawn leads nowhere, for a new share has another key.
"""

from uuid import UUID, uuid4

from itsdangerous import BadSignature
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.signing import signer
from app.wishlist import repository
from app.wishlist.errors import WishlistNotSharedError
from app.wishlist.models import WishlistShare
from app.wishlist.schemas import ShareRead

PURPOSE = "wish list"
MAX_TOKEN_CHARACTERS = 200


async def share(
    session: AsyncSession, *, user_id: int, settings: Settings
) -> tuple[ShareRead, bool]:
    """Share the account's list; return its link, and whether it is new."""
    made = await repository.insert_share(session, user_id=user_id, key=uuid4())
    if made is not None:
        return _read(made, settings), True
    return await get_share(session, user_id=user_id, settings=settings), False


async def get_share(session: AsyncSession, *, user_id: int, settings: Settings) -> ShareRead:
    """Return the link to the account's list.

    Raises:
        WishlistNotSharedError: there is none.
    """
    found = await repository.find_share(session, user_id=user_id)
    if found is None:
        raise WishlistNotSharedError
    return _read(found, settings)


async def withdraw(session: AsyncSession, *, user_id: int) -> None:
    """End the sharing; the link leads nowhere from then on. Once more does nothing."""
    await repository.delete_share(session, user_id=user_id)


async def find_owner(session: AsyncSession, *, token: str, settings: Settings) -> int:
    """Return whose list a link leads to.

    Raises:
        WishlistNotSharedError: it is no such link, or it was withdrawn.
    """
    try:
        key = UUID(hex=signer(PURPOSE, settings).loads(token))
    except BadSignature:
        raise WishlistNotSharedError from None
    user_id = await repository.find_sharing(session, key=key)
    if user_id is None:
        raise WishlistNotSharedError
    return user_id


def _read(share: WishlistShare, settings: Settings) -> ShareRead:
    token = signer(PURPOSE, settings).dumps(share.key.hex)
    return ShareRead(
        url=f"{settings.public_url}/wishlist/shared?token={token}",
        created_at=share.created_at,
    )
