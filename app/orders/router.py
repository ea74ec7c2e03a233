"""Checkout and orders as JSON."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status

from app.cart.deps import CurrentCustomer
from app.core.clock import Now
from app.core.deps import AppSettings, CurrentUser, DbSession
from app.core.pagination import ListParams, link_pages
from app.core.rights import Right, of_its_owner
from app.core.schemas import Id
from app.orders import service
from app.orders.checkout import place_order
from app.orders.deps import CHECKOUT_RESPONSES, CurrentGuesser, Gateway, IdempotencyKey
from app.orders.models import OrderStatus
from app.orders.schemas import Buyer, CheckoutRequest, OrderRead
from app.promotions.guesses import refuse_guessing

router = APIRouter(prefix="/orders", tags=["orders"])


@router.post(
    "/checkout",
    status_code=status.HTTP_201_CREATED,
    summary="Buy what is in the basket",
    responses=CHECKOUT_RESPONSES,
)
async def checkout(
    session: DbSession,
    customer: CurrentCustomer,
    guesser: CurrentGuesser,
    checkout_request: CheckoutRequest,
    response: Response,
    now: Now,
    settings: AppSettings,
    gateway: Gateway,
    idempotency_key: IdempotencyKey,
) -> OrderRead:
    """Reserve the copies, charge the card, confirm the order.

    A guest, who has a basket's cookie and no token, says an e-mail address besides.

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
    await refuse_guessing(
        session,
        coupon_codes=checkout_request.coupon_codes,
        gift_card_codes=checkout_request.gift_card_codes,
        guesser=guesser,
        now=now,
    )
    order = await place_order(
        session,
        buyer=Buyer.of(customer, email=checkout_request.email),
        request=checkout_request,
        idempotency_key=idempotency_key,
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
