"""Orders that were paid, written as plainly as can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import stock
from app.integrations.payments.demo import DemoCharge
from app.integrations.payments.gateway import ChargeState
from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus
from tests.factories import make_book

PRICE = Decimal("10.00")

_numbers = count(1)


@dataclass(frozen=True)
class Bought:
    """An order, its lines and the books in them, in the same order."""

    id: int
    number: str
    lines: Sequence[int]
    books: Sequence[int]


async def make_order(
    session: AsyncSession,
    *copies: int,
    user_id: int | None = None,
    email: str = "ada@example.com",
    number: str | None = None,
    titles: Sequence[str] = (),
    now: datetime | None = None,
) -> Bought:
    """Write an order of so many copies of a book each, at ``PRICE``, paid to the demo bank."""
    moment = now or datetime.now(UTC)
    name = number or f"T{next(_numbers)}"
    quantities = copies or (1,)
    total = PRICE * sum(quantities)
    books = []
    for quantity, title in zip(quantities, titles or ["Emma"] * len(quantities), strict=True):
        book = await make_book(session, title=title, price=str(PRICE), copies=quantity)
        books.append(book.id)
    order = Order(
        number=name,
        user_id=user_id,
        email=email,
        status=OrderStatus.CONFIRMED,
        currency="USD",
        total=total,
        shipping_address={
            "name": "Ada Lovelace",
            "street": "1 Road",
            "postal_code": "SW1",
            "city": "London",
            "country": "GB",
        },
        idempotency_key=name,
        request_hash=b"",
        reserved_until=moment,
        settle_after=moment,
        confirmed_at=moment,
    )
    session.add(order)
    await session.flush()  # the rest needs the id
    sold = dict(zip(books, quantities, strict=True))
    await stock.reserve(session, quantities=sold, order_id=order.id)
    await stock.sell(session, quantities=sold, order_id=order.id)
    lines = [
        OrderLine(
            order_id=order.id,
            book_id=book_id,
            title=title,
            author="Jane Austen",
            unit_price=PRICE,
            quantity=quantity,
        )
        for book_id, quantity, title in zip(
            books, quantities, titles or ["Emma"] * len(quantities), strict=True
        )
    ]
    payment = Payment(
        order_id=order.id,
        gateway="demo",
        reference=f"charge-{name}",
        amount=total,
        currency="USD",
        status=PaymentStatus.CAPTURED,
    )
    charge = DemoCharge(
        reference=payment.reference, amount=total, currency="USD", state=ChargeState.CAPTURED
    )
    session.add_all([*lines, payment, charge])
    await session.commit()
    session.expunge_all()
    return Bought(order.id, name, [line.id for line in lines], books)


async def stock_of(session: AsyncSession, book_id: int) -> tuple[int, int, int]:
    """Return how many copies of a book are on hand, sold and returned."""
    row = await session.execute(
        text("SELECT on_hand, sold, returned FROM stock WHERE book_id = :id"), {"id": book_id}
    )
    on_hand, sold, returned = row.one()
    return on_hand, sold, returned
