"""Checkout and orders as JSON."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Header, Path, Request, Response, status

from app.core.clock import Now
from app.core.deps import AppSettings, CurrentUser, DbSession, OrdersStaff
from app.core.pagination import ListParams, link_pages
from app.core.rights import Right, of_its_owner
from app.core.schemas import Id
from app.orders import service
from app.orders.checkout import place_order
from app.orders.deps import Gateway
from app.orders.models import OrderStatus
from app.orders.schemas import CheckoutRequest, OrderRead

router = APIRouter(prefix="/orders", tags=["orders"])
admin_router = APIRouter(prefix="/admin/orders", tags=["admin"])

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$", alias="Idempotency-Key"),
]


@router.post(
    "/checkout",
    status_code=status.HTTP_201_CREATED,
    summary="Buy what is in the basket",
    responses={
        202: {
            "model": OrderRead,
            "description": "Pending: the buyer has to act (`payment_action`), the gateway has not "
            "answered, or its answer is not written down yet. The buyer will be written to.",
        },
        402: {"description": "ORDER_PAYMENT_FAILED: declined; the basket stays"},
        409: {
            "description": "ORDER_INSUFFICIENT_STOCK, ORDER_ITEMS_UNAVAILABLE, "
            "ORDER_TOO_MANY_TITLES, ORDER_IN_PROGRESS; BOOK_EMBARGOED: not on sale before its day; "
            "BOOK_NOT_SOLD_IN_COUNTRY: not sold where the parcel goes"
        },
        422: {"description": "ORDER_CART_EMPTY, IDEMPOTENCY_KEY_REUSED, VALIDATION_ERROR"},
    },
)
async def checkout(
    session: DbSession,
    user: CurrentUser,
    checkout_request: CheckoutRequest,
    response: Response,
    now: Now,
    settings: AppSettings,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> OrderRead:
    """Reserve the copies, charge the card, confirm the order.

    Send an ``Idempotency-Key`` of your own and repeat the request with it as often as you like:
    it is one order, one charge and one answer. While the gateway is asked, a repetition is told
    409; an order that could not be decided in that time is answered as pending, with 202, until
    it is settled.

    Where the buyer has to act first, at their bank for instance, the answer is 202 as well, and
    ``payment_action`` says what: send them to its ``url``, or give its ``client_secret`` to the
    gateway's own script. Repeat the request to learn it again, or what came of it.

    Test cards of the demo gateway: 4242424242424242 is approved, 4000000000000002 and
    4000000000009995 are declined, 4000002760003184 asks the buyer, 4000000000000077 is approved
    a little later, 4000000000000044 is never answered.
    """
    order = await place_order(
        session,
        buyer=user,
        request=checkout_request,
        idempotency_key=idempotency_key or uuid4().hex,
        now=now,
        settings=settings,
        gateway=gateway,
    )
    if order.status is OrderStatus.PENDING:
        response.status_code = status.HTTP_202_ACCEPTED
    return order


@router.get("", summary="My orders, the newest first")
async def list_orders(
    request: Request,
    response: Response,
    session: DbSession,
    user: CurrentUser,
    query: ListParams,
) -> list[OrderRead]:
    """Return the newest orders; the ``Link`` header leads to older and newer ones.

    Attempts that were declined at once are no orders, and are not among them.
    """
    found = await service.list_orders(session, user_id=user.id, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.get("/{order_id}", summary="One of my orders")
@of_its_owner(or_staff=Right.ORDERS)
async def read_order(
    session: DbSession, user: CurrentUser, order_id: Annotated[Id, Path()]
) -> OrderRead:
    """Return an order of the account; staff see every order."""
    return await service.get_order(session, order_id=order_id, reader=user)


@admin_router.get("", summary="All orders, the newest first")
async def list_all_orders(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: OrdersStaff,
    query: ListParams,
) -> list[OrderRead]:
    """Return the newest orders of everybody; the ``Link`` header leads to older and newer ones."""
    found = await service.list_orders(session, user_id=None, query=query)
    link_pages(request, response, found)
    return list(found.rows)
