"""The basket's page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from app.books.service import get_book
from app.cart import service
from app.cart.errors import BookOutOfStockError, CartFullError, CartItemNotFoundError
from app.cart.schemas import CartItemCreate, CartOwner, CartRead, Quantity
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.schemas import Id, WriteModel
from app.core.security import new_opaque_token
from app.storefront.context import Page, PageContext, set_cart_cookie
from app.storefront.forms import Form, read_form
from app.storefront.templating import render

router = APIRouter(dependencies=[CsrfProtected])


class ItemChange(WriteModel):
    """What shall become of an item."""

    action: Literal["update", "remove"]
    quantity: Quantity = 1


async def load_cart(session: DbSession, page: PageContext, currency: str) -> CartRead:
    """Return the visitor's basket, an empty one for who has none."""
    owner = page.cart_owner or CartOwner.guest("")
    return await service.get_cart(session, owner=owner, currency=currency)


@router.get("/cart")
async def show_cart(
    request: Request, session: DbSession, page: Page, settings: AppSettings
) -> Response:
    """What is in the basket, at today's prices."""
    cart = await load_cart(session, page, settings.currency)
    return render(request, "cart.html", page=page, cart=cart, notice=None)


@router.post("/cart/items")
async def add_to_cart(
    request: Request, session: DbSession, page: Page, settings: AppSettings
) -> Response:
    """Put copies of a book into the basket; a guest gets one with the first book."""
    form: Form[CartItemCreate] = await read_form(request, CartItemCreate)
    if form.data is None:
        return RedirectResponse("/cart", 303)
    token = page.cart_token or new_opaque_token()
    owner = page.cart_owner or CartOwner.guest(token)
    try:
        await service.add_copies(
            session, owner=owner, book_id=form.data.book_id, quantity=form.data.quantity
        )
    except (BookOutOfStockError, CartFullError) as error:
        form.message = error.detail
        book = await get_book(session, book_id=form.data.book_id)
        return render(request, "book.html", status=409, page=page, book=book, form=form)
    response = RedirectResponse("/cart", 303)
    if page.visitor is None:
        set_cart_cookie(response, token, settings)
    return response


@router.post("/cart/items/{item_id}")
async def change_item(
    request: Request,
    session: DbSession,
    page: Page,
    settings: AppSettings,
    item_id: Annotated[Id, Path()],
) -> Response:
    """Change how many copies it shall be, or take the book out."""
    form: Form[ItemChange] = await read_form(request, ItemChange)
    owner = page.cart_owner or CartOwner.guest("")
    notice = form.message
    if form.data is not None:
        try:
            if form.data.action == "remove":
                await service.remove_item(session, owner=owner, item_id=item_id)
            else:
                await service.update_item(
                    session, owner=owner, item_id=item_id, quantity=form.data.quantity
                )
        except CartItemNotFoundError:
            notice = None
        except BookOutOfStockError as error:
            notice = error.detail
    if notice is None:
        return RedirectResponse("/cart", 303)
    cart = await load_cart(session, page, settings.currency)
    return render(request, "cart.html", status=409, page=page, cart=cart, notice=notice)
