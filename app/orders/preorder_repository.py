"""SQL for what was bought before it was on sale."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book
from app.core.keyset import AnySelect
from app.orders.models import Order, OrderLine, OrderStatus


class EmbargoedLine(NamedTuple):
    """A line whose copies may not leave the shop yet."""

    line_id: int
    title: str
    on_sale_date: date


class ReleasedLine(NamedTuple):
    """A line whose day has come."""

    line_id: int
    order_id: int


class MovedLine(NamedTuple):
    """A line whose day is another one than its buyer was told."""

    line_id: int
    order_id: int
    before: date
    after: date


async def list_embargoed(
    session: AsyncSession, *, order_id: int, today: date
) -> list[EmbargoedLine]:
    """Return the lines of an order with copies that may not leave before a later day."""
    statement = (
        select(OrderLine.id, OrderLine.title, Book.on_sale_date)
        .join(Book, Book.id == OrderLine.book_id)
        .where(
            OrderLine.order_id == order_id,
            OrderLine.sent + OrderLine.dropped < OrderLine.quantity,
            Book.on_sale_date > today,
        )
        .order_by(OrderLine.id)
    )
    return [
        EmbargoedLine(line_id, title, day)
        for line_id, title, day in await session.execute(statement)
        if day is not None
    ]


async def release(
    session: AsyncSession,
    *,
    statuses: Collection[OrderStatus],
    today: date,
    now: datetime,
    limit: int,
) -> Sequence[ReleasedLine]:
    """Write down of lines that their day has come, and return them by order."""
    due = _in_advance(statuses, or_(Book.on_sale_date.is_(None), Book.on_sale_date <= today), limit)
    statement = (
        update(OrderLine)
        .where(OrderLine.id.in_(due))
        .values(released_at=now)
        .returning(OrderLine.id, OrderLine.order_id)
        .execution_options(synchronize_session=False)
    )
    found = [ReleasedLine(*row) for row in await session.execute(statement)]
    return sorted(found, key=lambda line: (line.order_id, line.line_id))


async def follow_dates(
    session: AsyncSession, *, statuses: Collection[OrderStatus], limit: int
) -> Sequence[MovedLine]:
    """Write another day than was told into lines, and return them with both."""
    moved = _in_advance(statuses, Book.on_sale_date != OrderLine.on_sale_date, limit)
    lines = (
        moved.add_columns(
            OrderLine.order_id,
            OrderLine.on_sale_date.label("before"),
            Book.on_sale_date.label("after"),
        )
    ).cte("moved")
    statement = (
        update(OrderLine)
        .where(OrderLine.id == lines.c.id)
        .values(on_sale_date=lines.c.after)
        .returning(lines.c.id, lines.c.order_id, lines.c.before, lines.c.after)
        .execution_options(synchronize_session=False)
    )
    found = [MovedLine(*row) for row in await session.execute(statement)]
    return sorted(found, key=lambda line: line.line_id)


def _in_advance(
    statuses: Collection[OrderStatus], condition: ColumnElement[bool], limit: int
) -> AnySelect:
    """Return some lines that were bought in advance, are still to be sent, and await their day."""
    return (
        select(OrderLine.id)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Book, Book.id == OrderLine.book_id)
        .where(
            OrderLine.on_sale_date.is_not(None),
            OrderLine.released_at.is_(None),
            OrderLine.sent + OrderLine.dropped < OrderLine.quantity,
            Order.status.in_(statuses),
            condition,
        )
        .order_by(OrderLine.order_id, OrderLine.id)
        .limit(limit)
        .with_for_update(of=OrderLine, skip_locked=True)
    )
