"""An order's time line: everything that happened to it, written with it."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import ListQuery, Slice
from app.orders import fulfilment_repository as repository
from app.orders.fulfilment_models import EventKind
from app.orders.fulfilment_schemas import OrderEventRead

BUYER = "buyer"
SHOP = "shop"
"""Who acted where it was nobody of the staff."""


async def write_event(
    session: AsyncSession, *, order_id: int, kind: EventKind, actor: str, **data: Any
) -> None:
    """Write down what happens to an order, in the transaction that it happens in.

    ``data`` are plain JSON values; what is ``None`` is left out.
    """
    facts = {name: value for name, value in data.items() if value is not None}
    await repository.insert_event(session, order_id=order_id, kind=kind, actor=actor, data=facts)


async def list_events(
    session: AsyncSession, *, order_id: int, is_staff: bool, query: ListQuery
) -> Slice[OrderEventRead]:
    """Return an order's time line, the oldest first.

    Buyers are shown neither the staff's notes nor who of the staff it was.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.OLDEST_FIRST.name)
    found = await repository.list_events(
        session, order_id=order_id, with_notes=is_staff, window=window
    )
    events = found.map(OrderEventRead.model_validate)
    if is_staff:
        return events
    return events.map(
        lambda event: event.model_copy(
            update={"actor": event.actor if event.actor == BUYER else SHOP}
        )
    )
