"""Gift cards that are bought: made once they are paid, and mailed to who bought them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import repository
from app.orders.fulfilment_repository import Copies
from app.promotions import gift_cards

ISSUER = "an order"


async def issue_gift_cards(session: AsyncSession, *, order_id: int) -> None:
    """Issue a gift card for each copy of the order's lines that are gift cards.

    Call it once for an order, in the transaction that writes down that its payment was captured.
    Copies that were dropped before are none any more.
    """
    for line in await repository.list_gift_card_lines(session, order_id=order_id):
        for _ in range(line.quantity):
            await gift_cards.issue(
                session,
                amount=line.unit_price,
                currency=line.currency,
                actor=ISSUER,
                order_line_id=line.id,
                recipient_email=line.email,
            )


async def withdraw_gift_cards(
    session: AsyncSession, *, order_id: int, copies: Iterable[Copies], now: datetime
) -> None:
    """End the gift cards among copies of an order's lines that come back.

    Raises:
        GiftCardUsedError: of fewer of them nothing was spent.
    """
    bought = {line.id for line in await repository.list_gift_card_lines(session, order_id=order_id)}
    for each in copies:
        if each.line_id in bought:
            await gift_cards.withdraw(
                session, order_line_id=each.line_id, quantity=each.quantity, now=now
            )
