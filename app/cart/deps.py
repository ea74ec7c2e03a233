"""Whose basket a request is about."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from app.cart.schemas import CartOwner
from app.core.clock import Now
from app.core.cookies import Cookie
from app.core.deps import (
    AppSettings,
    DbSession,
    NotSignedInError,
    Principal,
    bearer,
    get_current_user,
)

CART = Cookie("cart")
"""Holds the token of a guest's basket."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """An account, or a guest whose browser holds a basket's token: who buys."""

    cart: CartOwner
    account: Principal | None = None


async def get_customer(
    request: Request,
    session: DbSession,
    now: Now,
    settings: AppSettings,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Customer:
    """Return the account of the access token; without one, the guest of the basket's cookie.

    A token that is not good is refused, whatever cookie comes with it.

    Raises:
        NotSignedInError: there is neither.
    """
    token = CART.read(request, settings)
    if credentials is None and token:
        return Customer(cart=CartOwner.guest(token))
    if credentials is None:
        raise NotSignedInError(headers={"WWW-Authenticate": "Bearer"})
    user = await get_current_user(request, session, now, credentials)
    return Customer(cart=CartOwner.account(user.id), account=user)


CurrentCustomer = Annotated[Customer, Depends(get_customer, scope="function")]
"""Who buys, by access token or basket cookie. The cookie is ``SameSite=Lax`` and bodies are JSON,
so that no other site can send such a request in a reader's name."""
