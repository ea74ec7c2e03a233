"""What endpoints depend on: the request's transaction, the settings, who is asking."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Protocol, cast
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import Now
from app.core.config import Settings, get_settings
from app.core.exceptions import AppError
from app.core.market import Market, shop_market
from app.core.rights import Right
from app.core.security import Role
from app.db.session import session_scope


async def get_db() -> AsyncIterator[AsyncSession]:
    """Yield the request's session: committed when the endpoint returns, undone when it raises."""
    async with session_scope() as session:
        yield session


DbSession = Annotated[AsyncSession, Depends(get_db, scope="function")]
"""The request's one transaction. ``scope="function"`` ends it *before* the response leaves."""


async def current_settings() -> Settings:
    """Return the settings. Asynchronous, since FastAPI runs what is not in a thread."""
    return get_settings()


AppSettings = Annotated[Settings, Depends(current_settings)]


async def current_market(settings: AppSettings, now: Now) -> Market:
    """Return the shop's country and its day."""
    return shop_market(now=now, settings=settings)


ShopMarket = Annotated[Market, Depends(current_market)]
"""Where and when a book is sold, before it is known where it goes."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who is asking, as the database knows the account now, and by which sign-in, if by any."""

    id: int
    email: str
    display_name: str
    role: Role
    rights: frozenset[Right] = frozenset()
    sign_in_id: UUID | None = None
    signed_in_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the account may run the shop."""
        return self.role is Role.ADMIN

    def may(self, right: Right) -> bool:
        """Tell whether the account may work in an area: an admin may in all of them."""
        return self.is_admin or right in self.rights


class Authenticator(Protocol):
    """Finds the account behind an access token; the users' package provides it."""

    async def __call__(self, session: AsyncSession, *, token: str, now: datetime) -> Principal:
        """Return the active account.

        Raises:
            AppError: 401 for a bad token, 403 for a deactivated account.
        """


class NotSignedInError(AppError):
    """The endpoint needs to know who is asking."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_TOKEN_INVALID"
    detail = "Please sign in."


class ForbiddenError(AppError):
    """The account is known and may not do this."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "AUTH_FORBIDDEN"
    detail = "This account may not do that."


bearer = HTTPBearer(auto_error=False, description="Access token from /api/v1/auth/login")


async def get_current_user(
    request: Request,
    session: DbSession,
    now: Now,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal:
    """Return the account that the request's access token belongs to."""
    if credentials is None:
        raise NotSignedInError(headers={"WWW-Authenticate": "Bearer"})
    authenticate = cast(Authenticator, request.app.state.authenticate)
    return await authenticate(session, token=credentials.credentials, now=now)


CurrentUser = Annotated[Principal, Depends(get_current_user, scope="function")]


async def get_user_if_any(
    request: Request,
    session: DbSession,
    now: Now,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal | None:
    """Return the account that the access token belongs to; without a token nobody asks."""
    if credentials is None:
        return None
    return await get_current_user(request, session, now, credentials)


UserIfAny = Annotated[Principal | None, Depends(get_user_if_any, scope="function")]
"""For what everybody may see, and some see more of. A bad token is refused all the same."""


async def get_current_admin(user: CurrentUser) -> Principal:
    """Return the account, which may run the shop."""
    if not user.is_admin:
        raise ForbiddenError
    return user


CurrentAdmin = Annotated[Principal, Depends(get_current_admin, scope="function")]
"""For what no right of staff allows, such as giving rights."""


@dataclass(frozen=True)
class StaffFor:
    """Lets staff pass who have a right, and admins."""

    right: Right

    async def __call__(self, user: CurrentUser) -> Principal:
        """Return the account."""
        if not user.may(self.right):
            raise ForbiddenError
        return user


CatalogueStaff = Annotated[Principal, Depends(StaffFor(Right.CATALOGUE), scope="function")]
OrdersStaff = Annotated[Principal, Depends(StaffFor(Right.ORDERS), scope="function")]
CustomersStaff = Annotated[Principal, Depends(StaffFor(Right.CUSTOMERS), scope="function")]
SettingsStaff = Annotated[Principal, Depends(StaffFor(Right.SETTINGS), scope="function")]
PromotionsStaff = Annotated[Principal, Depends(StaffFor(Right.PROMOTIONS), scope="function")]
ReviewsStaff = Annotated[Principal, Depends(StaffFor(Right.REVIEWS), scope="function")]
