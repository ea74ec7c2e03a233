"""Who hears of what."""

from uuid import UUID

from app.books.events import BookRestocked
from app.books.service import get_book
from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.jobs.outbox import handles
from app.notifications.service import write_mail
from app.orders.events import OrderConfirmed
from app.orders.service import get_order_of_shop
from app.prebooks.service import notify_waiting
from app.users.service import get_emails


@handles(OrderConfirmed)
async def confirm_order_by_mail(event: OrderConfirmed, *, event_id: UUID) -> None:
    """Tell the buyer that the order is theirs."""
    async with session_scope() as session:
        order = await get_order_of_shop(session, order_id=event.order_id)
        await write_mail(
            session,
            event_id=event_id,
            recipient=order.email,
            template="order_confirmed",
            values={"order": order},
            settings=get_settings(),
        )


@handles(BookRestocked)
async def tell_that_book_is_back(event: BookRestocked, *, event_id: UUID) -> None:
    """Tell everybody who waits for the book, once."""
    async with session_scope() as session:
        user_ids = await notify_waiting(session, book_id=event.book_id, now=utc_now())
        if not user_ids:
            return
        book = await get_book(session, book_id=event.book_id)
        for email in await get_emails(session, user_ids=user_ids):
            await write_mail(
                session,
                event_id=event_id,
                recipient=email,
                template="book_restocked",
                values={"book": book},
                settings=get_settings(),
            )
