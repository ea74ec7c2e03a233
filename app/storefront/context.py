"""What every page needs to know of the one who looks at it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from app.cart import service as cart
from app.cart.schemas import CartOwner
from app.core.config import Settings
from app.core.csrf import CsrfToken
from app.core.deps import AppSettings, DbSession, Principal
from app.users.deps import Visitor


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """The visitor, what is in the basket, and the token that forms carry."""

    visitor: Principal | None
    cart_token: str | None
    copies: int
    csrf_token: str

    @property
    def cart_owner(self) -> CartOwner | None:
        """Whose basket to look into; ``None`` for a guest who has put nothing into one."""
        if self.visitor is not None:
            return CartOwner.account(self.visitor.id)
        return CartOwner.guest(self.cart_token) if self.cart_token else None


def cart_cookie(settings: Settings) -> str:
    """Return the name of the cookie that holds a guest's basket."""
    return "__Host-cart" if settings.uses_secure_cookies else "cart"


def set_cart_cookie(response: Response, token: str, settings: Settings) -> None:
    """Let the browser keep a guest's basket."""
    response.set_cookie(
        cart_cookie(settings),
        token,
        max_age=int(cart.GUEST_CART_LIFETIME.total_seconds()),
        path="/",
        secure=settings.uses_secure_cookies,
        httponly=True,
        samesite="lax",
    )


def clear_cart_cookie(response: Response, settings: Settings) -> None:
    """Let the browser forget a guest's basket."""
    response.delete_cookie(
        cart_cookie(settings),
        path="/",
        secure=settings.uses_secure_cookies,
        httponly=True,
        samesite="lax",
    )


async def get_page(
    request: Request,
    session: DbSession,
    visitor: Visitor,
    csrf_token: CsrfToken,
    settings: AppSettings,
) -> PageContext:
    """Collect what the page's frame shows."""
    token = request.cookies.get(cart_cookie(settings))
    page = PageContext(visitor=visitor, cart_token=token, copies=0, csrf_token=csrf_token)
    if page.cart_owner is None:
        return page
    copies = await cart.count_copies(session, owner=page.cart_owner)
    return PageContext(visitor=visitor, cart_token=token, copies=copies, csrf_token=csrf_token)


Page = Annotated[PageContext, Depends(get_page, scope="function")]
