"""Books that are bought before they are on sale.

They are paid for and taken from the stock like others: the copies that are announced are the
allotment, and the stock's own rule, first come, first served, is how it is shared out. What is
different is the day: no copy leaves the shop before it, its buyer hears when it has come, and when
it has become another one.
"""

from collections.abc import Collection
from datetime import datetime
from itertools import groupby

from babel.dates import format_date
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import Settings, get_settings
from app.core.market import shop_market
from app.jobs.outbox import publish
from app.orders import preorder_repository as repository
from app.orders.errors import OrderEmbargoedError
from app.orders.events import PreorderMoved, PreorderReleased
from app.orders.models import OrderStatus

WAITING = frozenset(
    {
        OrderStatus.CONFIRMED,
        OrderStatus.PACKED,
        OrderStatus.PARTLY_SHIPPED,
        OrderStatus.READY_TO_COLLECT,
    }
)
"""Orders with copies that may still be to be sent."""


async def find_embargoed(session: AsyncSession, *, order_id: int) -> set[int]:
    """Return the lines of an order of which no copy may leave the shop today."""
    return {line.line_id for line in await _list_embargoed(session, order_id=order_id)}


async def refuse_embargoed(
    session: AsyncSession, *, order_id: int, line_ids: Collection[int] | None = None
) -> None:
    """Keep copies in the shop whose on-sale date is still to come.

    Args:
        session: the caller's.
        order_id: the order.
        line_ids: of what would leave; None is everything.

    Raises:
        OrderEmbargoedError: some may not leave yet; it names them.
    """
    held = [
        line
        for line in await _list_embargoed(session, order_id=order_id)
        if line_ids is None or line.line_id in line_ids
    ]
    if held:
        first = held[0]
        day = format_date(first.on_sale_date, "d MMMM y", locale="en")
        raise OrderEmbargoedError(
            f"“{first.title}” may not leave the shop before {day}.",
            extra={
                "items": [
                    {"line_id": line.line_id, "on_sale_date": str(line.on_sale_date)}
                    for line in held
                ]
            },
        )


async def _list_embargoed(
    session: AsyncSession, *, order_id: int
) -> list[repository.EmbargoedLine]:
    today = shop_market(now=utc_now(), settings=get_settings()).today
    return await repository.list_embargoed(session, order_id=order_id, today=today)


async def release_due(
    session: AsyncSession, *, now: datetime, limit: int, settings: Settings
) -> int:
    """Note of some lines that they are on sale, each once; return how many.

    Publishes ``PreorderReleased`` for each of their orders.
    """
    today = shop_market(now=now, settings=settings).today
    released = await repository.release(
        session, statuses=WAITING, today=today, now=now, limit=limit
    )
    for order_id, lines in groupby(released, key=lambda line: line.order_id):
        await publish(
            session,
            PreorderReleased(order_id=order_id, line_ids=[line.line_id for line in lines]),
        )
    return len(released)


async def follow_moved(session: AsyncSession, *, limit: int) -> int:
    """Note of some lines that their day has become another one; return how many.

    Publishes ``PreorderMoved`` for each.
    """
    moved = await repository.follow_dates(session, statuses=WAITING, limit=limit)
    for line in moved:
        await publish(
            session,
            PreorderMoved(
                order_id=line.order_id,
                line_id=line.line_id,
                before=line.before.isoformat(),
                after=line.after.isoformat(),
            ),
        )
    return len(moved)
