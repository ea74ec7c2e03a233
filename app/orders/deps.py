"""What the orders' endpoints depend on."""

from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import Depends, Header, Query, Request

from app.cart.deps import CurrentCustomer
from app.core.client_address import ClientAddress
from app.core.deps import AppSettings, DbSession
from app.integrations.payments.gateway import PaymentGateway
from app.orders import guests
from app.orders.keys import read_key
from app.orders.schemas import OrderRead
from app.promotions.guesses import Guesser

CHECKOUT_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {
        "model": OrderRead,
        "description": "Pending: the buyer has to act (`payment_action`), the gateway has not "
        "answered, or its answer is not written down yet. The buyer will be written to.",
    },
    400: {"description": "IDEMPOTENCY_KEY_INVALID"},
    402: {"description": "ORDER_PAYMENT_FAILED: declined; the basket stays"},
    404: {"description": "GIFT_CARD_NOT_FOUND"},
    409: {
        "description": "ORDER_INSUFFICIENT_STOCK, ORDER_ITEMS_UNAVAILABLE, "
        "ORDER_TOO_MANY_TITLES, ORDER_IN_PROGRESS; BOOK_EMBARGOED: not on sale before its day; "
        "BOOK_NOT_SOLD_IN_COUNTRY: not sold where the parcel goes; ORDER_PRICE_CHANGED: not "
        "the total that the buyer saw; COUPON_REFUSED, GIFT_CARD_SPENT, "
        "SHIPPING_METHOD_NOT_OFFERED, ORDER_NOT_DELIVERABLE"
    },
    422: {
        "description": "ORDER_CART_EMPTY, ORDER_EMAIL_NEEDED, IDEMPOTENCY_KEY_REUSED, "
        "VALIDATION_ERROR"
    },
    429: {"description": "AUTH_TOO_MANY_ATTEMPTS: too many wrong codes lately; see Retry-After"},
}
"""What the last step of a checkout may be answered besides the order."""


async def get_gateway(request: Request) -> PaymentGateway:
    """Return the payment gateway that the application was put together with."""
    return cast(PaymentGateway, request.app.state.gateway)


Gateway = Annotated[PaymentGateway, Depends(get_gateway)]


async def get_guesser(customer: CurrentCustomer, address: ClientAddress) -> Guesser:
    """Return whose wrong codes are counted together."""
    email = customer.account.email if customer.account is not None else None
    return Guesser(email=email, address=address)


CurrentGuesser = Annotated[Guesser, Depends(get_guesser, scope="function")]


async def get_given_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="A key of the client's own, such as a UUID, bare or in double quotes. A "
            "request that is repeated with it has one effect and one answer, for a day at least.",
            examples=['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
        ),
    ] = None,
) -> str | None:
    """Return the request's key, if it names one.

    Raises:
        BadIdempotencyKeyError: the header cannot be read.
    """
    return None if idempotency_key is None else read_key(idempotency_key)


GivenIdempotencyKey = Annotated[str | None, Depends(get_given_key)]


async def get_idempotency_key(given: GivenIdempotencyKey) -> str:
    """Return the request's key; a request that names none is never known again."""
    return given or uuid4().hex


IdempotencyKey = Annotated[str, Depends(get_idempotency_key)]


async def get_linked_order(
    session: DbSession,
    settings: AppSettings,
    token: Annotated[
        str,
        Query(max_length=guests.MAX_TOKEN_CHARACTERS, description="Of the link in the mails."),
    ],
) -> OrderRead:
    """Return the order that a mailed link leads to."""
    return await guests.get_order_by_link(session, token=token, settings=settings)


LinkedOrder = Annotated[OrderRead, Depends(get_linked_order, scope="function")]
