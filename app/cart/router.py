"""The basket of a signed-in reader, as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from app.cart import service
from app.cart.schemas import CartItemCreate, CartItemRead, CartItemUpdate, CartOwner, CartRead
from app.core.deps import AppSettings, CurrentUser, DbSession, ShopMarket
from app.core.rights import of_its_owner
from app.core.schemas import Id

router = APIRouter(prefix="/cart", tags=["cart"])

UNSALEABLE: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "CART_BOOK_OUT_OF_STOCK, CART_ITEM_DUPLICATE, CART_FULL; BOOK_EMBARGOED: "
        "not on sale before its day; BOOK_NOT_SOLD_IN_COUNTRY: its publisher gave no right to it"
    }
}

ItemId = Annotated[Id, Path()]


@router.get("", summary="My basket")
async def read_cart(session: DbSession, user: CurrentUser, settings: AppSettings) -> CartRead:
    """Return the basket at today's prices."""
    return await service.get_cart(
        session, owner=CartOwner.account(user.id), currency=settings.currency
    )


@router.post(
    "/items",
    status_code=status.HTTP_201_CREATED,
    summary="Put a book into the basket",
    responses=UNSALEABLE,
)
async def create_item(
    session: DbSession, user: CurrentUser, item: CartItemCreate, market: ShopMarket
) -> CartItemRead:
    """Add a book that is not in the basket yet and of which enough copies are in stock.

    One that is not on sale yet, or may not be sold in the shop's country, is refused.
    """
    return await service.add_item(
        session,
        owner=CartOwner.account(user.id),
        book_id=item.book_id,
        quantity=item.quantity,
        market=market,
    )


@router.put("/items/{item_id}", summary="Change how many copies")
@of_its_owner()
async def update_item(
    session: DbSession,
    user: CurrentUser,
    item_id: ItemId,
    change: CartItemUpdate,
    market: ShopMarket,
) -> CartItemRead:
    """Set how many copies of a book shall be in the basket."""
    return await service.update_item(
        session,
        owner=CartOwner.account(user.id),
        item_id=item_id,
        quantity=change.quantity,
        market=market,
    )


@router.delete(
    "/items/{item_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Take a book out"
)
@of_its_owner()
async def delete_item(session: DbSession, user: CurrentUser, item_id: ItemId) -> None:
    """Take an item out of the basket."""
    await service.remove_item(session, owner=CartOwner.account(user.id), item_id=item_id)
