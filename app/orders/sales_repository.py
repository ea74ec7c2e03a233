"""SQL for what was sold, as other packages count it."""

from datetime import datetime

from sqlalchemy import Text, case, cast, func, literal, select
from sqlalchemy.orm import aliased

from app.books.models import Book
from app.core.keyset import AnySelect
from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus
from app.users.models import User

CALLED_OFF = (OrderStatus.CANCELLED, OrderStatus.DECLINED)


def purchases(*, since: datetime, until: datetime) -> AnySelect:
    """Return a statement; ``app.orders.sales.purchases`` says of what."""
    owner = aliased(User)
    account = func.coalesce(Order.user_id, owner.id)
    reader = case(
        (account.is_not(None), literal("account ").concat(cast(account, Text))),
        else_=func.lower(Order.email),
    )
    copies = OrderLine.quantity - OrderLine.dropped - OrderLine.returned
    return (
        select(
            reader.label("reader"),
            Book.work_id,
            OrderLine.book_id,
            Book.is_sold.label("is_sold"),
            copies.label("copies"),
            Order.confirmed_at.label("bought_at"),
        )
        .select_from(Order)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Book, Book.id == OrderLine.book_id)
        .join(Payment, Payment.order_id == Order.id)
        .outerjoin(owner, Order.user_id.is_(None) & (owner.email == func.lower(Order.email)))
        .where(
            Order.confirmed_at >= since,
            Order.confirmed_at <= until,
            Order.status.not_in(CALLED_OFF),
            Payment.status == PaymentStatus.CAPTURED,
            copies > 0,
            ~OrderLine.is_gift_card,
        )
    )
