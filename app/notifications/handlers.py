"""Who hears of what."""

from uuid import UUID

from app.books.errors import BookNotFoundError
from app.books.events import BookRestocked
from app.books.service import get_book
from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.jobs.outbox import handles
from app.notifications.mailer import TOKEN_PLACE
from app.notifications.service import GIFT_CARD, write_mail
from app.orders.events import LateMoneyGivenBack, OrderCancelled, OrderConfirmed
from app.orders.service import get_order_of_shop
from app.prebooks.service import notify_waiting
from app.promotions.events import GiftCardIssued
from app.promotions.gift_cards import find_present
from app.users.service import get_emails


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
            link_id=present.key,
        )


@handles(BookRestocked)
async def tell_that_book_is_back(event: BookRestocked, *, event_id: UUID) -> None:
    """Tell everybody who waits for the book, once; they wait on if it was withdrawn meanwhile."""
    async with session_scope() as session:
        try:
            book = await get_book(session, book_id=event.book_id)
        except BookNotFoundError:
            return
        user_ids = await notify_waiting(session, book_id=event.book_id, now=utc_now())
        for email in await get_emails(session, user_ids=user_ids):
            await write_mail(
                session,
                event_id=event_id,
                recipient=email,
                template="book_restocked",
                values={"book": book},
                settings=get_settings(),
            )


async def _write_to_buyer(template: str, *, order_id: int, event_id: UUID) -> None:
    async with session_scope() as session:
        order = await get_order_of_shop(session, order_id=order_id)
        if order.email is None:
            return
        await write_mail(
            session,
            event_id=event_id,
            recipient=order.email,
            template=template,
            values={"order": order},
            settings=get_settings(),
        )
