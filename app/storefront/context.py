"""What every page needs to know of the one who looks at it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.cart import service as cart
from app.cart.deps import CART
from app.cart.schemas import CartOwner
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


async def get_page(
    request: Request,
    session: DbSession,
    visitor: Visitor,
    csrf_token: CsrfToken,
    settings: AppSettings,
) -> PageContext:
    """Collect what the page's frame shows."""
    token = CART.read(request, settings)
    page = PageContext(visitor=visitor, cart_token=token, copies=0, csrf_token=csrf_token)
    if page.cart_owner is None:
        return page
    copies = await cart.count_copies(session, owner=page.cart_owner)
    return PageContext(visitor=visitor, cart_token=token, copies=copies, csrf_token=csrf_token)


Page = Annotated[PageContext, Depends(get_page, scope="function")]
