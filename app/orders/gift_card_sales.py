"""Gift cards that were bought: made once they are paid, and mailed to who bought them."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import repository
from app.promotions import gift_cards

ISSUER = "an order"


async def issue_gift_cards(session: AsyncSession, *, order_id: int) -> None:
    """Issue a gift card for each copy of the order's lines that are gift cards.

    Call it once for an order, in the transaction that writes down that its payment was captured.
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
