"""Checking out in steps: the buyer chooses, looks at what it comes to, and buys at the end.

A checkout keeps choices, not books: these stay in the basket, where they can be changed meanwhile.
Every step asks ``quoting``, and the last one goes the way of ``place_order``.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.cart import service as cart
from app.core.config import Settings
from app.core.exceptions import AppError
from app.core.pagination import ListQuery, Slice
from app.integrations.payments.gateway import PaymentGateway
from app.orders import checkout_repository as repository
from app.orders.checkout import place_order
from app.orders.checkout_models import Checkout
from app.orders.checkout_schemas import (
    CheckoutCompletion,
    CheckoutCopy,
    CheckoutRead,
    CheckoutUpdate,
    QuoteRead,
)
from app.orders.errors import (
    CheckoutCompletedError,
    CheckoutNotFoundError,
    EmailNeededError,
    IdempotencyKeyReusedError,
)
from app.orders.quoting import (
    Choices,
    Quote,
    find_offers,
    prove_gift_cards,
    refuse_short_stock,
    refuse_unsaleable_books,
    refuse_what_was_chosen_in_vain,
    work_out_quote,
)
from app.orders.schemas import Address, Buyer, CheckoutRequest, OrderRead

LIFETIME = timedelta(hours=24)
"""How long a checkout is kept after its last step."""

GRACE = timedelta(hours=1)

SHOWN = {
    "subtotal",
    "discount_total",
    "shipping_total",
    "tax_total",
    "total_price",
    "gift_card_total",
}
"""What is remembered of that which the buyer was told."""


async def begin_checkout(
    session: AsyncSession,
    *,
    buyer: Buyer,
    chosen: CheckoutUpdate,
    now: datetime,
    settings: Settings,
) -> CheckoutRead:
    """Begin a checkout of the buyer's basket.

    Raises:
        CartEmptyError, TooManyTitlesError, ItemsUnavailableError: nothing can be bought.
        GiftCardNotFoundError: a gift card's code is wrong.
    """
    await find_offers(session, copies=await cart.list_copies(session, owner=buyer.cart))
    checkout = await repository.insert_checkout(
        session,
        await _values(session, chosen, now=now)
        | {
            "user_id": buyer.user_id,
            "guest_hash": buyer.guest_hash,
            "email": buyer.email or chosen.email,
        },
    )
    return await _remember(session, checkout, buyer=buyer, now=now, settings=settings)


async def get_checkout(
    session: AsyncSession, *, buyer: Buyer, checkout_id: int, now: datetime, settings: Settings
) -> CheckoutRead:
    """Return a buyer's checkout at today's prices.

    Raises:
        CheckoutNotFoundError: there is none, it is somebody else's, or it has expired.
    """
    checkout = await _find(session, buyer=buyer, checkout_id=checkout_id, now=now)
    return await _read(session, checkout, buyer=buyer, now=now, settings=settings)


async def update_checkout(
    session: AsyncSession,
    *,
    buyer: Buyer,
    checkout_id: int,
    chosen: CheckoutUpdate,
    now: datetime,
    settings: Settings,
) -> CheckoutRead:
    """Change what was chosen; the total that this comes to is what the buyer is taken to have seen.

    Raises:
        CheckoutNotFoundError: there is none, it is somebody else's, or it has expired.
        CheckoutCompletedError: it has become an order.
        GiftCardNotFoundError: a gift card's code is wrong.
    """
    await _find(session, buyer=buyer, checkout_id=checkout_id, now=now)
    order_id = await repository.find_order_of_checkout(session, checkout_id=checkout_id)
    if order_id is not None:
        raise CheckoutCompletedError(extra={"order_id": order_id})
    values = await _values(session, chosen, now=now)
    if buyer.user_id is not None:
        values.pop("email", None)  # an account has its own
    checkout = await repository.update_checkout(
        session, buyer=buyer, checkout_id=checkout_id, values=values, now=now
    )
    if checkout is None:  # swept since
        raise CheckoutNotFoundError
    return await _remember(session, checkout, buyer=buyer, now=now, settings=settings)


async def complete(
    session: AsyncSession,
    *,
    buyer: Buyer,
    checkout_id: int,
    completion: CheckoutCompletion,
    idempotency_key: str | None,
    now: datetime,
    settings: Settings,
    gateway: PaymentGateway,
) -> OrderRead:
    """Buy what is in the basket, as it was chosen and at the total that was seen.

    A checkout becomes one order, however often this is called; after a payment that was declined
    it can be tried again.

    Raises:
        CheckoutNotFoundError: there is none, it is somebody else's, or it has expired.
        CheckoutCompletedError: it became an order by another request.
        AppError: whatever ``place_order`` refuses.
    """
    checkout = await _find(session, buyer=buyer, checkout_id=checkout_id, now=now)
    attempt = await repository.count_attempts(session, checkout_id=checkout_id)
    key = f"checkout {checkout_id} {idempotency_key or attempt}"
    order_id = await repository.find_order_of_checkout(
        session, checkout_id=checkout_id, other_than=key
    )
    if order_id is not None:
        raise CheckoutCompletedError(extra={"order_id": order_id})
    expected = completion.expected_total
    if expected is None:
        expected = (checkout.shown or {}).get("total_price")
    request = CheckoutRequest.model_validate(
        {
            "email": checkout.email,
            "shipping_address": checkout.shipping_address,
            "billing_address": checkout.billing_address,
            "shipping_method_id": checkout.shipping_method_id,
            "coupon_codes": checkout.coupon_codes,
            "expected_total": expected,
            "payment_token": completion.payment_token,
            "force_payment_failure": completion.force_payment_failure,
        }
    )
    try:
        return await place_order(
            session,
            buyer=_reached(buyer, checkout),
            request=request,
            idempotency_key=key,
            now=now,
            settings=settings,
            gateway=gateway,
            gift_card_ids=checkout.gift_card_ids,
            checkout_id=checkout_id,
        )
    except IdempotencyKeyReusedError:
        order_id = await repository.find_order_of_checkout(session, checkout_id=checkout_id)
        if order_id is None:
            raise
        raise CheckoutCompletedError(extra={"order_id": order_id}) from None


async def list_for_export(
    session: AsyncSession, *, user_id: int, query: ListQuery
) -> Slice[CheckoutCopy]:
    """Return the account's checkouts that are still kept, the newest first.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_checkouts(session, user_id=user_id, window=window)
    return found.map(CheckoutCopy.copy_of)


async def forget_expired(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete checkouts that expired a while ago, up to a limit; return how many.

    One whose last step began just in time is left alone.
    """
    return await repository.delete_expired(session, before=now - GRACE, limit=limit)


async def _find(
    session: AsyncSession, *, buyer: Buyer, checkout_id: int, now: datetime
) -> Checkout:
    checkout = await repository.find_checkout(
        session, buyer=buyer, checkout_id=checkout_id, now=now
    )
    if checkout is None:
        raise CheckoutNotFoundError
    return checkout


async def _values(
    session: AsyncSession, chosen: CheckoutUpdate, *, now: datetime
) -> dict[str, Any]:
    """Return the columns that a step sets."""
    values = chosen.model_dump(exclude_unset=True)
    if "coupon_codes" in values:
        values["coupon_codes"] = chosen.coupon_codes or []
    if "gift_card_codes" in values:
        del values["gift_card_codes"]
        values["gift_card_ids"] = await prove_gift_cards(
            session, codes=chosen.gift_card_codes or [], now=now
        )
    return values | {"expires_at": now + LIFETIME}


async def _remember(
    session: AsyncSession, checkout: Checkout, *, buyer: Buyer, now: datetime, settings: Settings
) -> CheckoutRead:
    """Return the checkout, and write down what the buyer is told that it comes to."""
    read = await _read(session, checkout, buyer=buyer, now=now, settings=settings)
    shown = None if read.quote is None else read.quote.model_dump(mode="json", include=SHOWN)
    await repository.update_checkout(
        session, buyer=buyer, checkout_id=checkout.id, values={"shown": shown}, now=now
    )
    return read


async def _read(
    session: AsyncSession, checkout: Checkout, *, buyer: Buyer, now: datetime, settings: Settings
) -> CheckoutRead:
    order_id = await repository.find_order_of_checkout(session, checkout_id=checkout.id)
    if order_id is not None:
        return CheckoutRead.of(checkout, quote=None, problems=[], order_id=order_id)
    reached = _reached(buyer, checkout)
    choices = Choices(
        shipping_address=_address(checkout.shipping_address),
        billing_address=_address(checkout.billing_address),
        shipping_method_id=checkout.shipping_method_id,
        coupon_codes=checkout.coupon_codes,
        gift_card_ids=checkout.gift_card_ids,
        needs_destination=True,
    )
    copies = await cart.list_copies(session, owner=buyer.cart)
    try:
        offers = await find_offers(session, copies=copies)
    except AppError as error:
        return CheckoutRead.of(checkout, quote=None, problems=[error], order_id=None)
    quote = await work_out_quote(
        session,
        copies=copies,
        offers=offers,
        choices=choices,
        buyer=reached,
        now=now,
        settings=settings,
    )
    problems = find_problems(quote, choices, now=now, settings=settings)
    if reached.email is None:
        problems.append(EmailNeededError(field="email"))
    return CheckoutRead.of(
        checkout,
        quote=QuoteRead.of(quote, currency=settings.currency),
        problems=problems,
        order_id=None,
    )


def find_problems(
    quote: Quote, choices: Choices, *, now: datetime, settings: Settings
) -> list[AppError]:
    """Return what the last step would refuse."""
    checks: tuple[Callable[[], None], ...] = (
        partial(refuse_short_stock, quote.offers, quote.copies),
        partial(refuse_unsaleable_books, quote, now=now, settings=settings),
        partial(refuse_what_was_chosen_in_vain, quote, choices, settings=settings),
    )
    problems = []
    for check in checks:
        try:
            check()
        except AppError as error:
            problems.append(error)
    return problems


def _reached(buyer: Buyer, checkout: Checkout) -> Buyer:
    """Return the buyer with the address that the checkout knows."""
    return Buyer(
        user_id=buyer.user_id,
        guest_hash=buyer.guest_hash,
        email=buyer.email or checkout.email,
    )


def _address(address: dict[str, Any] | None) -> Address | None:
    return None if address is None else Address.model_validate(address)
