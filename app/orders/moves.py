"""Where an order may go from where it stands: the one table, and the one way along it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import fulfilment_repository as repository
from app.orders.errors import MoveNotAllowedError, OrderNotFoundError
from app.orders.models import OrderStatus

S = OrderStatus

MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    S.PENDING: frozenset({S.CONFIRMED, S.CANCELLED, S.DECLINED}),
    S.CONFIRMED: frozenset(
        {
            S.PACKED,
            S.PARTLY_SHIPPED,
            S.SHIPPED,
            S.READY_TO_COLLECT,
            S.DELIVERED,
            S.CANCELLED,
        }
    ),
    S.PACKED: frozenset(
        {S.PARTLY_SHIPPED, S.SHIPPED, S.READY_TO_COLLECT, S.DELIVERED, S.CANCELLED}
    ),
    S.PARTLY_SHIPPED: frozenset({S.PARTLY_SHIPPED, S.SHIPPED}),
    S.SHIPPED: frozenset({S.DELIVERED, S.RETURNED}),
    S.READY_TO_COLLECT: frozenset({S.DELIVERED, S.CANCELLED}),
    S.DELIVERED: frozenset({S.RETURNED}),
    S.CANCELLED: frozenset(),
    S.RETURNED: frozenset(),
    S.DECLINED: frozenset(),
}
"""For each state those that may follow it. A second parcel leaves an order partly shipped."""

PAID = frozenset(S) - {S.PENDING, S.DECLINED, S.CANCELLED}
"""States of an order whose copies are the buyer's, whether they have left the shop or come back."""


class MovedOrder(NamedTuple):
    """Whose basket it was that became the order that was moved: an account's or a guest's."""

    user_id: int | None
    guest_hash: bytes | None


async def move(session: AsyncSession, *, order_id: int, to: OrderStatus, **values: Any) -> None:
    """Take an order to a state, and lock it, if the table allows that from where it stands.

    Raises:
        OrderNotFoundError: there is none.
        MoveNotAllowedError: the table does not; it names both states.
    """
    sources = sources_of(to)
    if await repository.move(session, order_id=order_id, sources=sources, to=to, values=values):
        return
    await refuse_move(session, order_id=order_id, to=to)


async def move_pending(
    session: AsyncSession, *, order_id: int, to: OrderStatus, **values: Any
) -> MovedOrder | None:
    """Settle a pending order; ``None`` where it is settled already, whatever it became."""
    sources = sources_of(to) & {S.PENDING}
    moved = await repository.move(session, order_id=order_id, sources=sources, to=to, values=values)
    return MovedOrder(moved.user_id, moved.guest_hash) if moved is not None else None


async def refuse_move(session: AsyncSession, *, order_id: int, to: OrderStatus) -> NoReturn:
    """Say why an order cannot go to a state.

    Raises:
        OrderNotFoundError, MoveNotAllowedError: always one of them.
    """
    status = await repository.read_status(session, order_id=order_id)
    if status is None:
        raise OrderNotFoundError
    raise MoveNotAllowedError(now=status, wanted=to)


def sources_of(status: OrderStatus) -> frozenset[OrderStatus]:
    """Return the states from which an order may come to one."""
    return frozenset(source for source, targets in MOVES.items() if status in targets)
