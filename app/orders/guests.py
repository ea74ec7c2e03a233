"""The link with which somebody without an account sees their order, and nobody else's."""

from itsdangerous import BadSignature
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.signing import signer
from app.orders.errors import OrderNotFoundError
from app.orders.schemas import OrderRead
from app.orders.service import get_order_of_shop, has_account

PURPOSE = "order link"
MAX_TOKEN_CHARACTERS = 200


def order_token(order_id: int, settings: Settings) -> str:
    """Return what the link carries. It holds as long as the secret that signed it is known."""
    return str(signer(PURPOSE, settings).dumps(order_id))


async def order_link(session: AsyncSession, *, order: OrderRead, settings: Settings) -> str:
    """Return the address at which the order's buyer sees it; a guest need not sign in."""
    if await has_account(session, order_id=order.id):
        return f"{settings.public_url}/orders/{order.id}"
    return f"{settings.public_url}/orders/by-link?token={order_token(order.id, settings)}"


async def get_order_by_link(session: AsyncSession, *, token: str, settings: Settings) -> OrderRead:
    """Return the order that a link leads to.

    Raises:
        OrderNotFoundError: it is no such link, or of an account that was deleted.
    """
    try:
        order_id = signer(PURPOSE, settings).loads(token)
    except BadSignature:
        raise OrderNotFoundError from None
    order = await get_order_of_shop(session, order_id=order_id)
    if order.email is None:
        raise OrderNotFoundError
    return order
