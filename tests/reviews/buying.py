"""Readers who have bought a book, without the whole of a purchase."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import Order, OrderLine, OrderStatus

_numbers = count(1)


async def buy(
    session: AsyncSession,
    *,
    user_id: int,
    book_id: int,
    status: OrderStatus = OrderStatus.CONFIRMED,
    sent: int = 0,
    returned: int = 0,
) -> Order:
    """Write an order of one copy, and commit."""
    now = datetime.now(UTC)
    order = Order(
        number=f"R{next(_numbers)}",
        user_id=user_id,
        email="buyer@example.com",
        status=status,
        currency="USD",
        total=Decimal(5),
        idempotency_key=f"r{next(_numbers)}",
        request_hash=b"",
        reserved_until=now,
        settle_after=now,
    )
    session.add(order)
    await session.flush()  # the line needs the order's id
    session.add(
        OrderLine(
            order_id=order.id,
            book_id=book_id,
            title="A book",
            author="Somebody",
            unit_price=Decimal(5),
            quantity=1,
            sent=sent,
            returned=returned,
        )
    )
    await session.commit()
    return order
