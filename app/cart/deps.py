"""Whose basket a request is about."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from app.cart.schemas import CartOwner
from app.cart.service import GUEST_CART_LIFETIME
from app.core.clock import Now
from app.core.cookies import Cookie
from app.core.csrf import refuse_foreign_requests
from app.core.deps import (
    AppSettings,
    DbSession,
    NotSignedInError,
    Principal,
    bearer,
    get_current_user,
)
from app.core.security import new_opaque_token

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
        CsrfError: another site's page had a browser send its cookie.
    """
    if credentials is not None:
        user = await get_current_user(request, session, now, credentials)
        return Customer(cart=CartOwner.account(user.id), account=user)
    token = CART.read(request, settings)
    if not token:
        raise NotSignedInError(headers={"WWW-Authenticate": "Bearer"})
    refuse_foreign_requests(request)
    return Customer(cart=CartOwner.guest(token))


CurrentCustomer = Annotated[Customer, Depends(get_customer, scope="function")]
"""Who buys, by access token or basket cookie. The cookie is ``SameSite=Lax``, bodies are JSON, and
where a browser says that it was not the shop's own page, nothing is changed in a guest's name."""


async def get_shopper(
    request: Request,
    response: Response,
    session: DbSession,
    now: Now,
    settings: AppSettings,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Customer:
    """Return who buys; who has neither an access token nor a basket becomes a guest with a cookie.

    A guest's cookie is sent with the answer, and lives on from then.

    Raises:
        CsrfError: another site's page had a browser send this.
    """
    if credentials is not None:
        return await get_customer(request, session, now, settings, credentials)
    refuse_foreign_requests(request)
    token = CART.read(request, settings) or new_opaque_token()
    CART.write(response, token, settings, seconds=int(GUEST_CART_LIFETIME.total_seconds()))
    return Customer(cart=CartOwner.guest(token))


Shopper = Annotated[Customer, Depends(get_shopper, scope="function")]
"""Who is to have a basket: everybody, but nobody by a token that is not good."""
