"""Checkouts in steps, as JSON."""

from typing import Annotated

from fastapi import APIRouter, Path, Response, status

from app.cart.deps import CurrentCustomer
from app.core.clock import Now
from app.core.deps import AppSettings, DbSession
from app.core.rights import of_its_owner
from app.core.schemas import Id
from app.orders import checkouts
from app.orders.checkout_schemas import CheckoutCompletion, CheckoutRead, CheckoutUpdate
from app.orders.deps import CHECKOUT_RESPONSES, CurrentGuesser, Gateway, GivenIdempotencyKey
from app.orders.models import OrderStatus
from app.orders.schemas import Buyer, OrderRead
from app.promotions.guesses import refuse_guessing

router = APIRouter(prefix="/checkouts", tags=["checkout"])

CheckoutId = Annotated[Id, Path()]

TOO_MANY_CODES = CHECKOUT_RESPONSES[429]
NOT_FOUND = {"description": "CHECKOUT_NOT_FOUND: or it has expired; GIFT_CARD_NOT_FOUND"}


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Begin a checkout",
    responses={
        404: {"description": "GIFT_CARD_NOT_FOUND"},
        409: {"description": "ORDER_ITEMS_UNAVAILABLE, ORDER_TOO_MANY_TITLES"},
        422: {"description": "ORDER_CART_EMPTY, VALIDATION_ERROR"},
        429: TOO_MANY_CODES,
    },
)
async def begin_checkout(
    session: DbSession,
    customer: CurrentCustomer,
    guesser: CurrentGuesser,
    chosen: CheckoutUpdate,
    now: Now,
    settings: AppSettings,
) -> CheckoutRead:
    """Begin to buy what is in the basket, with as much as the buyer has chosen by now.

    The books stay in the basket, and nothing is set aside before the last step. A checkout is kept
    for a day after its last change.
    """
    await refuse_guessing(
        session,
        coupon_codes=chosen.coupon_codes or [],
        gift_card_codes=chosen.gift_card_codes or [],
        guesser=guesser,
        now=now,
    )
    return await checkouts.begin_checkout(
        session, buyer=Buyer.of(customer), chosen=chosen, now=now, settings=settings
    )


@router.get("/{checkout_id}", summary="A checkout as it stands", responses={404: NOT_FOUND})
@of_its_owner()
async def read_checkout(
    session: DbSession,
    customer: CurrentCustomer,
    checkout_id: CheckoutId,
    now: Now,
    settings: AppSettings,
) -> CheckoutRead:
    """Return what was chosen, what the basket comes to now, and what is in the way of buying it."""
    return await checkouts.get_checkout(
        session, buyer=Buyer.of(customer), checkout_id=checkout_id, now=now, settings=settings
    )


@router.patch(
    "/{checkout_id}",
    summary="Take a step",
    responses={
        404: NOT_FOUND,
        409: {"description": "CHECKOUT_COMPLETED: it is an order, `order_id`"},
        429: TOO_MANY_CODES,
    },
)
@of_its_owner()
async def update_checkout(
    session: DbSession,
    customer: CurrentCustomer,
    guesser: CurrentGuesser,
    checkout_id: CheckoutId,
    chosen: CheckoutUpdate,
    now: Now,
    settings: AppSettings,
) -> CheckoutRead:
    """Change what was chosen, in any order. The total in the answer is the one that is agreed to.

    To agree to a total that has changed, send ``{}`` and look at the answer.
    """
    await refuse_guessing(
        session,
        coupon_codes=chosen.coupon_codes or [],
        gift_card_codes=chosen.gift_card_codes or [],
        guesser=guesser,
        now=now,
    )
    return await checkouts.update_checkout(
        session,
        buyer=Buyer.of(customer),
        checkout_id=checkout_id,
        chosen=chosen,
        now=now,
        settings=settings,
    )


@router.post(
    "/{checkout_id}/complete",
    status_code=status.HTTP_201_CREATED,
    summary="Buy",
    responses=CHECKOUT_RESPONSES | {404: NOT_FOUND},
)
@of_its_owner()
async def complete_checkout(
    session: DbSession,
    customer: CurrentCustomer,
    checkout_id: CheckoutId,
    completion: CheckoutCompletion,
    response: Response,
    now: Now,
    settings: AppSettings,
    gateway: Gateway,
    idempotency_key: GivenIdempotencyKey,
) -> OrderRead:
    """Reserve the copies, charge the card, confirm the order, as ``POST /orders/checkout`` does.

    A checkout becomes one order, with an ``Idempotency-Key`` or without. After a payment that was
    declined it can be tried again, with another key if any.
    """
    order = await checkouts.complete(
        session,
        buyer=Buyer.of(customer),
        checkout_id=checkout_id,
        completion=completion,
        idempotency_key=idempotency_key,
        now=now,
        settings=settings,
        gateway=gateway,
    )
    if order.status is OrderStatus.PENDING:
        response.status_code = status.HTTP_202_ACCEPTED
    return order
