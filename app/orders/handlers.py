"""What orders do about what happens elsewhere."""

from uuid import UUID

from app.db.session import session_scope
from app.jobs.outbox import handles
from app.orders.buyers import claim_orders
from app.orders.fulfilment.shipments import deliver_gift_cards
from app.promotions.events import GiftCardIssued
from app.users.events import AddressProved


@handles(AddressProved)
async def claim_orders_of_guest(event: AddressProved, *, event_id: UUID) -> None:
    """Give the account the orders that its reader placed as a guest."""
    del event_id
    async with session_scope() as session:
        await claim_orders(session, user_id=event.user_id)


@handles(GiftCardIssued)
async def deliver_order_of_gift_cards(event: GiftCardIssued, *, event_id: UUID) -> None:
    """Deliver an order of gift cards alone, which the same event has mailed."""
    del event_id
    async with session_scope() as session:
        await deliver_gift_cards(session, gift_card_id=event.gift_card_id)
