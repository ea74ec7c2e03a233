"""The basket's page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from app.books.errors import (
    BookEmbargoedError,
    BookNotFoundError,
    BookNotSoldInCountryError,
)
from app.books.service import get_book
from app.cart import service
from app.cart.deps import CART
from app.cart.errors import BookOutOfStockError, CartFullError, CartItemNotFoundError
from app.cart.schemas import MAX_QUANTITY, CartItemCreate, CartOwner, CartRead, Quantity
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession, ShopMarket
from app.core.exceptions import NOT_UNDERSTOOD
from app.core.rights import of_its_owner, open_to_all
from app.core.schemas import Id, WriteModel
from app.core.security import new_opaque_token
from app.storefront.books import show_book
from app.storefront.context import Page, PageContext
from app.storefront.forms import Form, read_form, undone_if_refused
from app.storefront.templating import render

router = APIRouter(dependencies=[CsrfProtected])

NO_SUCH_BOOK = "There is no such book."
WRONG_QUANTITY = f"Please choose between 1 and {MAX_QUANTITY} copies."


class ItemChange(WriteModel):
    """What shall become of an item."""

    action: Literal["update", "remove"]
    quantity: Quantity = 1


async def load_cart(session: DbSession, page: PageContext, currency: str) -> CartRead:
    """Return the visitor's basket, an empty one for who has none."""
    owner = page.cart_owner or CartOwner.guest("")
    return await service.get_cart(session, owner=owner, currency=currency)


@router.get("/cart")
@open_to_all
async def show_cart(
    request: Request, session: DbSession, page: Page, settings: AppSettings
) -> Response:
    """What is in the basket, at today's prices."""
    cart = await load_cart(session, page, settings.currency)
    return render(request, "cart.html", page=page, cart=cart, notice=None)


@router.post("/cart/items")
@open_to_all
async def add_to_cart(
    request: Request, session: DbSession, page: Page, settings: AppSettings, market: ShopMarket
) -> Response:
    """Put copies of a book into the basket; a guest gets one with the first book."""
    form: Form[CartItemCreate] = await read_form(request, CartItemCreate)
    if form.data is None:
        return await _refuse_item(request, session, page, settings, form)
    token = page.cart_token or new_opaque_token()
    owner = page.cart_owner or CartOwner.guest(token)
    try:
        async with undone_if_refused(session):
            await service.add_copies(
                session,
                owner=owner,
                book_id=form.data.book_id,
                quantity=form.data.quantity,
                market=market,
            )
    except (
        BookEmbargoedError,
        BookNotSoldInCountryError,
        BookOutOfStockError,
        CartFullError,
    ) as error:
        form.message = error.detail
        book = await get_book(session, book_id=form.data.book_id)
        return await show_book(request, session, page, settings, book, form=form, status=409)
    response = RedirectResponse("/cart", 303)
    if page.visitor is None:
        CART.write(
            response, token, settings, seconds=int(service.GUEST_CART_LIFETIME.total_seconds())
        )
    return response


@router.post("/cart/items/{item_id}")
@open_to_all
@of_its_owner()
async def change_item(
    request: Request,
    session: DbSession,
    page: Page,
    settings: AppSettings,
    market: ShopMarket,
    item_id: Annotated[Id, Path()],
) -> Response:
    """Change how many copies it shall be, or take the book out."""
    form: Form[ItemChange] = await read_form(request, ItemChange)
    owner = page.cart_owner or CartOwner.guest("")
    if form.data is None:
        return await _show_cart(request, session, page, settings, status=422, notice=_fault(form))
    try:
        async with undone_if_refused(session):
            if form.data.action == "remove":
                await service.remove_item(session, owner=owner, item_id=item_id)
            else:
                await service.update_item(
                    session,
                    owner=owner,
                    item_id=item_id,
                    quantity=form.data.quantity,
                    market=market,
                )
    except (
        BookEmbargoedError,
        BookNotSoldInCountryError,
        BookOutOfStockError,
        BookNotFoundError,
    ) as error:
        return await _show_cart(
            request, session, page, settings, status=error.status, notice=error.detail
        )
    except CartItemNotFoundError:  # it is out of the basket already, as the basket shows
        pass
    return RedirectResponse("/cart", 303)


async def _refuse_item(
    request: Request,
    session: DbSession,
    page: PageContext,
    settings: AppSettings,
    form: Form[CartItemCreate],
) -> Response:
    """Say what is wrong beside the book, or above the basket where even that is not known."""
    if "book_id" in form.errors:
        return await _show_cart(request, session, page, settings, status=422, notice=NO_SUCH_BOOK)
    form.message = _fault(form)
    book = await get_book(session, book_id=int(form.typed["book_id"]))
    return await show_book(request, session, page, settings, book, form=form, status=422)


async def _show_cart(
    request: Request,
    session: DbSession,
    page: PageContext,
    settings: AppSettings,
    *,
    status: int,
    notice: str,
) -> Response:
    cart = await load_cart(session, page, settings.currency)
    return render(request, "cart.html", status=status, page=page, cart=cart, notice=notice)


def _fault(form: Form[CartItemCreate] | Form[ItemChange]) -> str:
    """Return the sentence on a malformed form, whose pages have no place beside the field."""
    return WRONG_QUANTITY if "quantity" in form.errors else NOT_UNDERSTOOD
