"""The basket of a signed-in reader or a guest, as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from app.cart import service
from app.cart.deps import CurrentCustomer, Shopper
from app.cart.schemas import CartItemCreate, CartItemRead, CartItemUpdate, CartRead
from app.core.deps import AppSettings, DbSession, ShopMarket
from app.core.rights import of_its_owner
from app.core.schemas import Id

router = APIRouter(prefix="/cart", tags=["cart"])

UNSALEABLE: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "CART_BOOK_OUT_OF_STOCK, CART_ITEM_DUPLICATE, CART_FULL; BOOK_EMBARGOED: "
        "not on sale before its day; BOOK_NOT_SOLD_IN_COUNTRY: its publisher gave no right to it"
    }
}

WHO: dict[int | str, dict[str, Any]] = {
    401: {
        "description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: a token that is not good, or "
        "neither a token nor a guest's cookie"
    }
}
WHO_CHANGES: dict[int | str, dict[str, Any]] = WHO | {
    403: {"description": "CSRF_REFUSED: another site's page sent this with a guest's cookie"}
}

ItemId = Annotated[Id, Path()]


@router.get("", summary="My basket", responses=WHO)
async def read_cart(
    session: DbSession, customer: CurrentCustomer, settings: AppSettings
) -> CartRead:
    """Return the basket at today's prices.

    It is the account's of the access token; without a token it is the guest's of the cookie `cart`
    (`__Host-cart` over HTTPS).
    """
    return await service.get_cart(session, owner=customer.cart, currency=settings.currency)


@router.post("", summary="Begin a guest's basket", responses=WHO_CHANGES)
async def begin_cart(session: DbSession, shopper: Shopper, settings: AppSettings) -> CartRead:
    """Return the basket, and send a guest the cookie that it is known by from now on.

    Pages and the checkout know the basket by the same cookie. Who has one already keeps it; an
    access token's account has a basket without.
    """
    return await service.get_cart(session, owner=shopper.cart, currency=settings.currency)


@router.post(
    "/items",
    status_code=status.HTTP_201_CREATED,
    summary="Put a book into the basket",
    responses=UNSALEABLE | WHO_CHANGES,
)
async def create_item(
    session: DbSession, customer: CurrentCustomer, item: CartItemCreate, market: ShopMarket
) -> CartItemRead:
    """Add a book that is not in the basket yet and of which enough copies are in stock.

    One that is not on sale yet, or may not be sold in the shop's country, is refused.
    """
    return await service.add_item(
        session,
        owner=customer.cart,
        book_id=item.book_id,
        quantity=item.quantity,
        market=market,
    )


@router.put("/items/{item_id}", summary="Change how many copies", responses=WHO_CHANGES)
@of_its_owner()
async def update_item(
    session: DbSession,
    customer: CurrentCustomer,
    item_id: ItemId,
    change: CartItemUpdate,
    market: ShopMarket,
) -> CartItemRead:
    """Set how many copies of a book shall be in the basket."""
    return await service.update_item(
        session,
        owner=customer.cart,
        item_id=item_id,
        quantity=change.quantity,
        market=market,
    )


@router.delete(
    "/items/{item_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take a book out",
    responses=WHO_CHANGES,
)
@of_its_owner()
async def delete_item(session: DbSession, customer: CurrentCustomer, item_id: ItemId) -> None:
    """Take an item out of the basket."""
    await service.remove_item(session, owner=customer.cart, item_id=item_id)
