"""Payments that are due in the shop."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import repository
from app.orders.errors import PaymentNotDueError
from app.orders.gift_card_sales import issue_gift_cards


async def record_payment(session: AsyncSession, *, order_id: int) -> None:
    """Write that the buyer has paid at the counter. Who calls this records who says so.

    Raises:
        PaymentNotDueError: there is nothing to be paid in the shop, or it was paid.
    """
    if not await record_payment_if_due(session, order_id=order_id):
        raise PaymentNotDueError


async def record_payment_if_due(session: AsyncSession, *, order_id: int) -> bool:
    """Write that the buyer has paid at the counter, if that was due; tell whether it was."""
    if not await repository.mark_paid(session, order_id=order_id):
        return False
    await issue_gift_cards(session, order_id=order_id)
    return True
