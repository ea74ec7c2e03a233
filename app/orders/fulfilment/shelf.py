"""Copies that come back to the shop: the one place that puts them on the shelf again."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.orders.fulfilment_models import Reason


async def put_on_shelf(
    session: AsyncSession,
    *,
    order_id: int,
    quantities: Mapping[int, int],
    actor: str,
    reason: Reason,
) -> None:
    """Put copies, by book, that an order had bought back on the shelf. The stock comes last."""
    if quantities:
        await stock.take_back(
            session, quantities=quantities, order_id=order_id, actor=actor, reason=reason
        )
