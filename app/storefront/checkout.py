"""Checking out."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from app.account.service import find_default
from app.cart.schemas import CartOwner
from app.core.client_address import ClientAddress
from app.core.clock import Now
from app.core.config import GatewayName
from app.core.countries import country_names
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.rights import open_to_all
from app.core.schemas import Id, Text
from app.integrations.payments.demo import (
    APPROVED_CARD,
    ASKING_CARD,
    DECLINED_CARD,
    LATE_CARD,
    POOR_CARD,
    SILENT_CARD,
)
from app.orders.checkout import place_order
from app.orders.deps import Gateway
from app.orders.errors import IdempotencyKeyReusedError, OrderInProgressError
from app.orders.previews import preview
from app.orders.repeats import order_path
from app.orders.schemas import (
    Address,
    Buyer,
    CheckoutRequest,
    Code,
    ExpectedTotal,
    PaymentToken,
)
from app.promotions.guesses import Guesser, refuse_guessing
from app.storefront.cart import load_cart
from app.storefront.context import Page, PageContext
from app.storefront.forms import MARKED, SENTENCES, Form, read_form, undone_if_refused
from app.storefront.templating import render
from app.users.errors import TooManyAttemptsError
from app.users.schemas import Email

router = APIRouter(dependencies=[CsrfProtected])

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


ID_DIGITS = 10

WORK_OUT = "work_out"
"""The value of the button that only works the total out."""


CODE_FIELDS = ("coupon_code", "gift_card_code")
WITHOUT_CODES = "You can buy without a code meanwhile."


class CheckoutForm(Address):
    """The checkout page's fields. ``checkout_key`` makes a double click one order.

    ``expected_total`` is the total that the page showed; ``email`` is asked of guests.
    """

    email: Email | None = None
    shipping_method_id: Id | None = None
    coupon_code: Code | None = None
    gift_card_code: Code | None = None
    expected_total: ExpectedTotal = None
    payment_token: PaymentToken | None = None
    checkout_key: Annotated[Text, Field(min_length=16, max_length=64)]


@router.get("/checkout")
@open_to_all
async def checkout_page(
    request: Request, session: DbSession, page: Page, now: Now, settings: AppSettings
) -> Response:
    """Address and payment for what is in the basket; the default address stands there already."""
    cart = await load_cart(session, page, settings.currency)
    if not cart.items:
        return RedirectResponse("/cart", 303)
    typed: dict[str, str] = {}
    if page.visitor is not None:
        known = await find_default(session, user_id=page.visitor.id)
        typed = known.model_dump(include=set(Address.model_fields)) if known is not None else {}
    return await _checkout(request, session, page, now, settings, Form(typed=typed), status=200)


@router.post("/checkout")
@open_to_all
async def check_out(
    request: Request,
    session: DbSession,
    page: Page,
    now: Now,
    settings: AppSettings,
    gateway: Gateway,
    address: ClientAddress,
) -> Response:
    """Place the order, or say what is in its way and keep what was typed.

    Sent by the button that only works the total out, it shows that, at whatever is typed by then.
    """
    form: Form[CheckoutForm] = await read_form(request, CheckoutForm)
    owner = page.cart_owner
    if owner is None:
        return RedirectResponse("/cart", 303)
    email = page.visitor.email if page.visitor is not None else None
    try:
        async with undone_if_refused(session):
            await refuse_guessing(
                session,
                coupon_codes=_codes(form.typed.get("coupon_code")),
                gift_card_codes=_codes(form.typed.get("gift_card_code")),
                guesser=Guesser(email=email, address=address),
                now=now,
            )
    except TooManyAttemptsError as error:
        # Of the codes nothing is told now, and they need not stand in the way.
        typed = {name: value for name, value in form.typed.items() if name not in CODE_FIELDS}
        refused: Form[CheckoutForm] = Form(typed=typed, message=f"{error.detail} {WITHOUT_CODES}")
        answer = await _checkout(
            request, session, page, now, settings, refused, status=error.status
        )
        answer.headers.update(error.headers)
        return answer
    if form.typed.get("action") == WORK_OUT:
        shown: Form[CheckoutForm] = Form(typed=form.typed)
        return await _checkout(request, session, page, now, settings, shown, status=200)
    return await _buy(request, session, page, now, settings, gateway, form, owner=owner)


async def _buy(
    request: Request,
    session: DbSession,
    page: PageContext,
    now: Now,
    settings: AppSettings,
    gateway: Gateway,
    form: Form[CheckoutForm],
    *,
    owner: CartOwner,
) -> Response:
    """Place the order of a form whose codes were counted."""
    if form.data is not None and page.visitor is None and form.data.email is None:
        form = Form(typed=form.typed, errors={"email": SENTENCES["missing"]}, message=MARKED)
    if form.data is None:
        if form.errors.pop("checkout_key", None) is not None:  # no field that a reader could mend
            form.typed.pop("checkout_key", None)
            form.message = form.message if form.errors else SEND_AGAIN
        return await _checkout(request, session, page, now, settings, form, status=422)
    sent = form.data
    address = Address.model_validate(sent.model_dump(include=set(Address.model_fields)))
    try:
        async with undone_if_refused(session):
            order = await place_order(
                session,
                buyer=_buyer(page, owner, email=sent.email),
                request=CheckoutRequest(
                    email=sent.email,
                    shipping_address=address,
                    shipping_method_id=sent.shipping_method_id,
                    coupon_codes=_codes(sent.coupon_code),
                    gift_card_codes=_codes(sent.gift_card_code),
                    expected_total=sent.expected_total,
                    payment_token=sent.payment_token,
                ),
                idempotency_key=sent.checkout_key,
                now=now,
                settings=settings,
                gateway=gateway,
            )
    except OrderInProgressError:
        return RedirectResponse("/orders" if page.visitor else "/cart", 303)
    except AppError as error:
        form.message = SENT_BEFORE if isinstance(error, IdempotencyKeyReusedError) else error.detail
        form.typed.pop("checkout_key", None)
        return await _checkout(request, session, page, now, settings, form, status=error.status)
    asked = order.payment_action and order.payment_action.url
    return RedirectResponse(asked or order_path(order.id, is_guest=page.visitor is None), 303)


async def _checkout(
    request: Request,
    session: DbSession,
    page: PageContext,
    now: Now,
    settings: AppSettings,
    form: Form[CheckoutForm],
    *,
    status: int,
) -> Response:
    cart = await load_cart(session, page, settings.currency)
    seen = await preview(
        session,
        buyer=_buyer(page, page.cart_owner or CartOwner.guest(""), email=None),
        country=form.typed.get("country", ""),
        shipping_method_id=_number(form.typed.get("shipping_method_id", "")),
        coupon_codes=_codes(form.typed.get("coupon_code")),
        gift_card_codes=_codes(form.typed.get("gift_card_code")),
        now=now,
        settings=settings,
    )
    form.errors |= seen.errors
    return render(
        request,
        "checkout.html",
        status=status,
        page=page,
        cart=cart,
        quote=seen.quote,
        form=form,
        countries=country_names(settings.locale),
        test_cards=TEST_CARDS if settings.payment_gateway is GatewayName.DEMO else {},
        pays_in_shop=settings.payment_gateway is GatewayName.IN_SHOP,
        default_card=APPROVED_CARD,
        checkout_key=form.typed.get("checkout_key") or uuid4().hex,
    )


def _buyer(page: PageContext, owner: CartOwner, *, email: str | None) -> Buyer:
    if page.visitor is not None:
        return Buyer(user_id=page.visitor.id, email=page.visitor.email)
    return Buyer(guest_hash=owner.token_hash, email=email)


def _codes(code: str | None) -> list[str]:
    return [code.strip()] if code and code.strip() else []


def _number(typed: str) -> int | None:
    """Return an id that was typed; what is none chooses nothing here, and is refused at the end."""
    is_id = typed.isascii() and typed.isdigit() and len(typed) < ID_DIGITS
    return int(typed) if is_id else None
