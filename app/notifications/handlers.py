"""Who hears of what."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from app.books.errors import BookNotFoundError
from app.books.events import BookRestocked
from app.books.service import get_book
from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.jobs.outbox import handles
from app.jobs.queue import enqueue
from app.notifications.invitations import INVITE, READING_TIME
from app.notifications.mailer import TOKEN_PLACE
from app.notifications.service import GIFT_CARD, write_mail
from app.orders.events import (
    LateMoneyGivenBack,
    OrderCalledOff,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderReadyToCollect,
    OrderShipped,
    PreorderMoved,
    PreorderReleased,
    RefundPaid,
)
from app.orders.fulfilment.progress import describe, find_refund, find_shipment
from app.orders.guests import order_link
from app.orders.service import get_language_of_giver, get_language_of_order, get_order_of_shop
from app.prebooks.service import notify_waiting
from app.promotions.events import GiftCardIssued
from app.promotions.gift_cards import find_present
from app.users.service import get_recipients
from app.wishlist.notices import find_hoping


@handles(OrderConfirmed)
async def confirm_order_by_mail(event: OrderConfirmed, *, event_id: UUID) -> None:
    """Tell the buyer that the order is theirs, unless they have deleted their account since."""
    await _write_to_buyer("order_confirmed", order_id=event.order_id, event_id=event_id)


@handles(OrderCancelled)
async def cancel_order_by_mail(event: OrderCancelled, *, event_id: UUID) -> None:
    """Tell the buyer, who was left waiting, that the order came to nothing."""
    await _write_to_buyer("order_cancelled", order_id=event.order_id, event_id=event_id)


@handles(LateMoneyGivenBack)
async def announce_late_money_by_mail(event: LateMoneyGivenBack, *, event_id: UUID) -> None:
    """Tell the buyer, who was told that nothing was charged, why money came and went."""
    await _write_to_buyer("late_money", order_id=event.order_id, event_id=event_id)


@handles(GiftCardIssued)
async def mail_gift_card(event: GiftCardIssued, *, event_id: UUID) -> None:
    """Bring a gift card to whom it is for, if anybody was named."""
    async with session_scope() as session:
        present = await find_present(session, gift_card_id=event.gift_card_id)
        if present is None:
            return
        await write_mail(
            session,
            event_id=event_id,
            recipient=present.recipient_email,
            template=GIFT_CARD,
            values={"card": present, "code": TOKEN_PLACE},
            settings=get_settings(),
            language=await get_language_of_giver(session, gift_card_id=event.gift_card_id),
            link_id=present.key,
        )


@handles(OrderCalledOff)
async def call_order_off_by_mail(event: OrderCalledOff, *, event_id: UUID) -> None:
    """Tell the buyer that the order is cancelled, and that the money goes back."""
    await _write_to_buyer("order_called_off", order_id=event.order_id, event_id=event_id)


@handles(OrderShipped)
async def ship_order_by_mail(event: OrderShipped, *, event_id: UUID) -> None:
    """Tell the buyer what is under way, and where to follow it."""
    await _write_to_buyer(
        "order_shipped", order_id=event.order_id, event_id=event_id, shipment_id=event.shipment_id
    )


@handles(OrderReadyToCollect)
async def ready_to_collect_by_mail(event: OrderReadyToCollect, *, event_id: UUID) -> None:
    """Tell the buyer that the books wait at the counter."""
    await _write_to_buyer("order_ready_to_collect", order_id=event.order_id, event_id=event_id)


@handles(OrderDelivered)
async def invite_to_review_later(event: OrderDelivered, *, event_id: UUID) -> None:
    """Let the buyer be asked for a review when there was time to read."""
    async with session_scope() as session:
        await enqueue(
            session,
            INVITE,
            run_at=utc_now() + READING_TIME,
            unique=f"{INVITE.name}:{event_id}",
            order_id=event.order_id,
            event_id=str(event_id),
        )


@handles(PreorderReleased)
async def release_preorder_by_mail(event: PreorderReleased, *, event_id: UUID) -> None:
    """Tell the buyer that what was ordered in advance is on sale."""
    await _write_to_buyer(
        "preorder_released", order_id=event.order_id, event_id=event_id, line_ids=event.line_ids
    )


@handles(PreorderMoved)
async def move_preorder_by_mail(event: PreorderMoved, *, event_id: UUID) -> None:
    """Tell the buyer that the day of what was ordered in advance is another one now."""
    await _write_to_buyer(
        "preorder_moved",
        order_id=event.order_id,
        event_id=event_id,
        line_ids=[event.line_id],
        before=date.fromisoformat(event.before),
        after=date.fromisoformat(event.after),
    )


@handles(RefundPaid)
async def refund_by_mail(event: RefundPaid, *, event_id: UUID) -> None:
    """Tell the buyer how much money is on its way back."""
    await _write_to_buyer(
        "order_refunded", order_id=event.order_id, event_id=event_id, refund_id=event.refund_id
    )


@handles(BookRestocked)
async def tell_that_book_is_back(event: BookRestocked, *, event_id: UUID) -> None:
    """Tell everybody who waits for the book, or wants to hear of it on their wish list, once.

    They wait on if it was withdrawn meanwhile, all copies are gone again, or are not sold yet.
    """
    async with session_scope() as session:
        try:
            book = await get_book(session, book_id=event.book_id)
        except BookNotFoundError:
            return
        if not book.availability.can_be_bought:
            return
        user_ids = await notify_waiting(session, book_id=event.book_id, now=utc_now())
        hoping = await find_hoping(session, book_id=event.book_id)
        for reader in await get_recipients(session, user_ids={*user_ids, *hoping}):
            await write_mail(
                session,
                event_id=event_id,
                recipient=reader.email,
                template="preorder_opened" if book.availability.is_open else "book_restocked",
                values={"book": book},
                settings=get_settings(),
                language=reader.language,
            )


async def _write_to_buyer(
    template: str,
    *,
    order_id: int,
    event_id: UUID,
    shipment_id: int | None = None,
    refund_id: int | None = None,
    line_ids: Collection[int] = (),
    **facts: Any,
) -> None:
    settings = get_settings()
    async with session_scope() as session:
        order = await get_order_of_shop(session, order_id=order_id)
        if order.email is None:
            return
        values: dict[str, Any] = {
            "order": order,
            "order_link": await order_link(session, order=order, settings=settings),
            "lines": [item for item in order.items if item.id in line_ids],
            **facts,
        }
        if shipment_id is not None or refund_id is not None:
            fulfilment = await describe(session, order=order)
            if shipment_id is not None:
                shipment = find_shipment(fulfilment, shipment_id)
                sent = {line.order_line_id: line.quantity for line in shipment.lines}
                values["shipment"] = shipment
                values["lines"] = [
                    item.model_copy(update={"quantity": sent[item.id]})
                    for item in order.items
                    if item.id in sent
                ]
            if refund_id is not None:
                values["refund"] = find_refund(fulfilment, refund_id)
        await write_mail(
            session,
            event_id=event_id,
            recipient=order.email,
            template=template,
            values=values,
            settings=settings,
            language=await get_language_of_order(session, order_id=order_id),
        )
