"""Coupons, gift cards and orders that tests of races need, here and over sockets."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import Order, OrderLine
from app.promotions import coupons, gift_cards
from app.promotions.discounts import Discount, DiscountKind, Discounts
from app.promotions.schemas import CouponCreate, CouponRead, IssuedGiftCard
from app.promotions.terms import CouponKind
from tests.factories import make_book

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)

_numbers = count(1)


async def make_coupon(session: AsyncSession, **values: Any) -> CouponRead:
    """Write a coupon of 10 percent, unless told otherwise."""
    terms: dict[str, Any] = {
        "code": f"CODE-{next(_numbers)}",
        "title": "Ten percent off",
        "kind": CouponKind.PERCENT,
        "percent": Decimal(10),
    }
    coupon = CouponCreate(**terms | values)
    return await coupons.create_coupon(session, coupon=coupon, currency="USD")


async def make_gift_card(session: AsyncSession, amount: str, **values: Any) -> IssuedGiftCard:
    """Issue a gift card."""
    return await gift_cards.issue(
        session, amount=Decimal(amount), currency="USD", actor="a test", **values
    )


async def make_orders(session: AsyncSession, how_many: int = 1) -> list[int]:
    """Write pending orders without lines; return their ids."""
    rows = [
        {
            "number": f"P{next(_numbers)}-{NOW:%f}",
            "email": "guest@example.com",
            "currency": "USD",
            "total": Decimal("10.00"),
            "idempotency_key": f"key-{next(_numbers)}",
            "request_hash": b"",
            "reserved_until": NOW,
            "settle_after": NOW,
        }
        for _ in range(how_many)
    ]
    return list(await session.scalars(insert(Order).returning(Order.id), rows))


async def make_order_line(session: AsyncSession, order_id: int) -> int:
    """Write a line of an order; return its id."""
    book = await make_book(session)
    line = OrderLine(
        order_id=order_id,
        book_id=book.id,
        title="Gift card",
        author="",
        unit_price=Decimal("25.00"),
        quantity=1,
    )
    session.add(line)
    await session.flush()  # the id is wanted
    return line.id


def used(coupon: CouponRead, amount: str = "1.00") -> Discounts:
    """Return discounts in which a coupon takes something off."""
    discount = Discount(
        kind=DiscountKind.COUPON,
        title=coupon.title,
        amount=Decimal(amount),
        allocations=(),
        coupon_id=coupon.id,
        code=coupon.code,
    )
    return Discounts(items=(discount,))
