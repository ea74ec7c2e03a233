"""Checking out, and the orders that came of it."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from app.account.service import find_default
from app.core.clock import Now
from app.core.config import GatewayName
from app.core.countries import country_names
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.pagination import MAX_CURSOR, ListQuery
from app.core.rights import Right, of_its_owner
from app.core.schemas import Id, Text
from app.integrations.payments.demo import (
    APPROVED_CARD,
    ASKING_CARD,
    DECLINED_CARD,
    LATE_CARD,
    POOR_CARD,
    SILENT_CARD,
)
from app.orders import service
from app.orders.checkout import place_order
from app.orders.deps import Gateway
from app.orders.errors import IdempotencyKeyReusedError, OrderInProgressError
from app.orders.schemas import Address, CheckoutRequest, PaymentToken
from app.storefront.cart import load_cart
from app.storefront.context import Page, PageContext
from app.storefront.forms import Form, read_form, undone_if_refused
from app.storefront.templating import render
from app.users.deps import SignedInVisitor

router = APIRouter(dependencies=[CsrfProtected])

ORDERS_PER_PAGE = 20
SEND_AGAIN = "This page was no longer complete. Please look it over and send it once more."
TEST_CARDS = {
    APPROVED_CARD: "4242 4242 4242 4242: is approved",
    DECLINED_CARD: "4000 0000 0000 0002: is declined",
    POOR_CARD: "4000 0000 0000 9995: has too little money",
    ASKING_CARD: "4000 0027 6000 3184: asks whether it is you",
    LATE_CARD: "4000 0000 0000 0077: is approved a little later",
    SILENT_CARD: "4000 0000 0000 0044: never answers",
}


SENT_BEFORE = (
    "You sent this page before, with other details. Please see whether it is among your orders "
    "already; if it is not, send it again."
)


class CheckoutForm(Address):
    """The checkout page's fields. ``checkout_key`` makes a double click one order."""

    payment_token: PaymentToken | None = None
    checkout_key: Annotated[Text, Field(min_length=16, max_length=64)]


@router.get("/checkout")
async def checkout_page(
    request: Request, session: DbSession, page: Page, buyer: SignedInVisitor, settings: AppSettings
) -> Response:
    """Address and payment for what is in the basket; the default address stands there already."""
    cart = await load_cart(session, page, settings.currency)
    if not cart.items:
        return RedirectResponse("/cart", 303)
    known = await find_default(session, user_id=buyer.id)
    typed = known.model_dump(include=set(Address.model_fields)) if known is not None else {}
    return await _checkout(request, session, page, settings, Form(typed=typed), status=200)


@router.post("/checkout")
async def check_out(
    request: Request,
    session: DbSession,
    page: Page,
    buyer: SignedInVisitor,
    now: Now,
    settings: AppSettings,
    gateway: Gateway,
) -> Response:
    """Place the order, or say what is in its way and keep what was typed."""
    form: Form[CheckoutForm] = await read_form(request, CheckoutForm)
    if form.data is None:
        if form.errors.pop("checkout_key", None) is not None:  # no field that a reader could mend
            form.typed.pop("checkout_key", None)
            form.message = form.message if form.errors else SEND_AGAIN
        return await _checkout(request, session, page, settings, form, status=422)
    sent = form.data
    address = Address.model_validate(sent.model_dump(include=set(Address.model_fields)))
    try:
        async with undone_if_refused(session):
            order = await place_order(
                session,
                buyer=buyer,
                request=CheckoutRequest(shipping_address=address, payment_token=sent.payment_token),
                idempotency_key=sent.checkout_key,
                now=now,
                settings=settings,
                gateway=gateway,
            )
    except OrderInProgressError:
        return RedirectResponse("/orders", 303)
    except AppError as error:
        form.message = SENT_BEFORE if isinstance(error, IdempotencyKeyReusedError) else error.detail
        form.typed.pop("checkout_key", None)
        return await _checkout(request, session, page, settings, form, status=error.status)
    asked = order.payment_action and order.payment_action.url
    return RedirectResponse(asked or f"/orders/{order.id}", 303)


@router.get("/orders")
async def list_orders(
    request: Request,
    session: DbSession,
    page: Page,
    buyer: SignedInVisitor,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
) -> Response:
    """The reader's orders, the newest first."""
    query = ListQuery(limit=ORDERS_PER_PAGE, cursor=cursor)
    found = await service.list_orders(session, user_id=buyer.id, query=query)
    return render(request, "orders.html", page=page, orders=found.rows, older=found.next_cursor)


@router.get("/orders/{order_id}")
@of_its_owner(or_staff=Right.ORDERS)
async def show_order(
    request: Request,
    session: DbSession,
    page: Page,
    buyer: SignedInVisitor,
    settings: AppSettings,
    order_id: Annotated[Id, Path()],
) -> Response:
    """One order: the confirmation, and what became of it."""
    order = await service.get_order(session, order_id=order_id, reader=buyer)
    shows_folder = not settings.is_production and settings.smtp_host is None
    return render(
        request,
        "order.html",
        page=page,
        order=order,
        mail_directory=settings.mail_directory.resolve() if shows_folder else None,
    )


async def _checkout(
    request: Request,
    session: DbSession,
    page: PageContext,
    settings: AppSettings,
    form: Form[CheckoutForm],
    *,
    status: int,
) -> Response:
    cart = await load_cart(session, page, settings.currency)
    return render(
        request,
        "checkout.html",
        status=status,
        page=page,
        cart=cart,
        form=form,
        countries=country_names(settings.locale),
        test_cards=TEST_CARDS if settings.payment_gateway is GatewayName.DEMO else {},
        pays_in_shop=settings.payment_gateway is GatewayName.IN_SHOP,
        default_card=APPROVED_CARD,
        checkout_key=form.typed.get("checkout_key") or uuid4().hex,
    )
