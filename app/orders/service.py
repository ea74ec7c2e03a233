"""Reading orders."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.core.pagination import ListQuery, Slice
from app.core.rights import Right
from app.orders import repository
from app.orders.errors import OrderNotFoundError
from app.orders.fulfilment_schemas import OrderQuery
from app.orders.schemas import NewOrder, OrderRead
from app.promotions import gift_cards


async def get_order(session: AsyncSession, *, order_id: int, reader: Principal) -> OrderRead:
    """Return an order to its buyer or to staff with the right ``orders``.

    Raises:
        OrderNotFoundError: there is none, or it is somebody else's.
    """
    order = await repository.find_order(session, order_id)
    if order is None or not (reader.may(Right.ORDERS) or order.user_id == reader.id):
        raise OrderNotFoundError
    return OrderRead.from_order(order)


async def get_order_of_guest(
    session: AsyncSession, *, order_id: int, guest_hash: bytes | None
) -> OrderRead:
    """Return an order to the guest in whose browser it was placed.

    Raises:
        OrderNotFoundError: there is none, or it is somebody else's.
    """
    order = await repository.find_order(session, order_id)
    if order is None or guest_hash is None or order.guest_hash != guest_hash:
        raise OrderNotFoundError
    return OrderRead.from_order(order)


async def get_own_order(session: AsyncSession, *, order_id: int, buyer: Principal) -> OrderRead:
    """Return an order to its buyer alone.

    Raises:
        OrderNotFoundError: there is none, or it is somebody else's.
    """
    order = await repository.find_order(session, order_id)
    if order is None or order.user_id != buyer.id:
        raise OrderNotFoundError
    return OrderRead.from_order(order)


async def get_order_of_shop(session: AsyncSession, *, order_id: int) -> OrderRead:
    """Return any order, for the shop's own work such as mails.

    Raises:
        OrderNotFoundError: there is none.
    """
    order = await repository.find_order(session, order_id)
    if order is None:
        raise OrderNotFoundError
    return OrderRead.from_order(order)


async def get_language_of_order(session: AsyncSession, *, order_id: int) -> str | None:
    """Return the language that an order's buyer is written to in; None is the shop's."""
    return await repository.find_language(session, order_id=order_id)


async def get_language_of_giver(session: AsyncSession, *, gift_card_id: int) -> str | None:
    """Return the language of who bought a gift card; None is the shop's, or staff issued it."""
    line_id = await gift_cards.find_order_line(session, gift_card_id=gift_card_id)
    return None if line_id is None else await repository.find_language(session, line_id=line_id)


async def summarize_orders(
    session: AsyncSession, *, first: datetime, after: datetime, limit: int
) -> tuple[int, list[NewOrder]]:
    """Return how many orders were confirmed from a moment to another, and the newest of them."""
    count = await repository.count_confirmed(session, first=first, after=after)
    newest = await repository.list_confirmed(session, first=first, after=after, limit=limit)
    return count, newest


async def list_orders(session: AsyncSession, *, user_id: int, query: ListQuery) -> Slice[OrderRead]:
    """Return orders of an account, the newest first.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    orders = await repository.list_orders(session, user_id=user_id, window=window)
    return orders.map(OrderRead.from_order)


async def list_all_orders(session: AsyncSession, *, query: OrderQuery) -> Slice[OrderRead]:
    """Return everybody's orders that are asked for, the newest first.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    orders = await repository.list_orders(session, user_id=None, window=window, wanted=query)
    return orders.map(OrderRead.from_order)


async def find_order_id(session: AsyncSession, *, number: str) -> int:
    """Return the id of the order that people call so.

    Raises:
        OrderNotFoundError: there is none.
    """
    order_id = await repository.find_order_id(session, number=number.strip().upper())
    if order_id is None:
        raise OrderNotFoundError
    return order_id


async def has_account(session: AsyncSession, *, order_id: int) -> bool:
    """Tell whether an order is an account's, and no guest's."""
    return await repository.has_account(session, order_id=order_id)
