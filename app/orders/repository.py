"""SQL for orders."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    Case,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload, selectinload

from app.cart.schemas import Copies
from app.core.keyset import Order as RowOrder
from app.core.keyset import read_objects
from app.core.pagination import Slice, Window
from app.integrations.payments.gateway import GatewayEvent
from app.orders.fulfilment_schemas import OrderFilter
from app.orders.models import (
    Order,
    OrderDiscount,
    OrderLine,
    OrderStatus,
    OrderTax,
    Payment,
    PaymentStatus,
    ReportedEvent,
)
from app.orders.schemas import Buyer, NewOrder
from app.promotions.models import GiftCardPayment
from app.users.models import User

PAUSES = {attempts: timedelta(minutes=2**attempts) for attempts in range(3)}
LONGEST_PAUSE = timedelta(minutes=5)
"""So that no order is much later than that when a gateway is back."""

LOOK_AGAIN = timedelta(seconds=55)
"""How often a gateway is asked about an order whose reservation still holds: at each run of the
schedule, which comes every minute."""


NEWEST_FIRST = RowOrder(name="orders by id", keys=(Order.id.expression,), is_descending=True)

BOUGHT = (
    OrderStatus.CONFIRMED,
    OrderStatus.PACKED,
    OrderStatus.PARTLY_SHIPPED,
    OrderStatus.SHIPPED,
    OrderStatus.READY_TO_COLLECT,
    OrderStatus.DELIVERED,
)
"""Where an order stands that its buyer has, or is about to get."""


class UnsettledOrder(NamedTuple):
    """A pending order, which charge to ask whom about, and whether its reservation has run out."""

    id: int
    gateway: str
    reference: str
    is_overdue: bool


def _with_everything() -> Select[Order]:
    return (
        select(Order)
        .options(
            selectinload(Order.lines),
            selectinload(Order.discounts),
            selectinload(Order.taxes),
            joinedload(Order.payment),
        )
        .execution_options(populate_existing=True)
    )


async def find_order(session: AsyncSession, order_id: int) -> Order | None:
    """Return an order with its lines, discounts, taxes and payment."""
    return await session.scalar(_with_everything().where(Order.id == order_id))


async def find_language(
    session: AsyncSession, *, order_id: int | None = None, line_id: int | None = None
) -> str | None:
    """Return the language that an order, or that of a line, was placed in."""
    statement = select(Order.language)
    if line_id is not None:
        statement = statement.join(OrderLine).where(OrderLine.id == line_id)
    else:
        statement = statement.where(Order.id == order_id)
    return await session.scalar(statement)


def _confirmed(first: datetime, after: datetime) -> ColumnElement[bool]:
    return and_(Order.confirmed_at >= first, Order.confirmed_at < after)


async def count_confirmed(session: AsyncSession, *, first: datetime, after: datetime) -> int:
    """Return how many orders were confirmed from a moment to another."""
    statement = select(func.count()).select_from(Order).where(_confirmed(first, after))
    return int((await session.scalars(statement)).one())


async def list_confirmed(
    session: AsyncSession, *, first: datetime, after: datetime, limit: int
) -> list[NewOrder]:
    """Return the newest orders that were confirmed from a moment to another."""
    copies = (
        select(func.sum(OrderLine.quantity)).where(OrderLine.order_id == Order.id).scalar_subquery()
    )
    statement = (
        select(Order.number, copies, Order.total, Order.currency)
        .where(_confirmed(first, after))
        .order_by(Order.confirmed_at.desc(), Order.id.desc())
        .limit(limit)
    )
    return [NewOrder(*row) for row in await session.execute(statement)]


ID_BY_ACCOUNTS_KEY = select(Order.id).where(
    Order.user_id == bindparam("user_id"), Order.idempotency_key == bindparam("key")
)
ID_BY_GUESTS_KEY = select(Order.id).where(
    Order.guest_hash == bindparam("guest_hash"), Order.guest_key == bindparam("key")
)
"""Made once, as whatever every checkout sends; hardly ever is there such an order."""


async def find_by_key(session: AsyncSession, *, buyer: Buyer, key: str) -> Order | None:
    """Return the order that a buyer placed with an idempotency key.

    A guest finds it also when an account has claimed it since.
    """
    order_id = await (
        session.scalar(ID_BY_ACCOUNTS_KEY, {"user_id": buyer.user_id, "key": key})
        if buyer.user_id is not None
        else session.scalar(ID_BY_GUESTS_KEY, {"guest_hash": buyer.guest_hash, "key": key})
    )
    return None if order_id is None else await find_order(session, order_id)


async def find_order_id(session: AsyncSession, *, number: str) -> int | None:
    """Return the id of the order with a number."""
    return await session.scalar(select(Order.id).where(Order.number == number))


async def has_account(session: AsyncSession, *, order_id: int) -> bool:
    """Tell whether an account has the order."""
    statement = select(exists().where(Order.id == order_id, Order.user_id.is_not(None)))
    return bool((await session.scalars(statement)).one())


async def list_orders(
    session: AsyncSession,
    *,
    user_id: int | None,
    window: Window,
    with_declined: bool = False,
    wanted: OrderFilter | None = None,
) -> Slice[Order]:
    """Return orders, the newest first, of one account or of all.

    Attempts that were declined at once are left out, unless they are asked for.
    """
    statement = _with_everything()
    if wanted is not None:
        statement = statement.where(*_conditions(wanted))
        with_declined = with_declined or wanted.status is OrderStatus.DECLINED
    if not with_declined:
        statement = statement.where(Order.status != OrderStatus.DECLINED)
    if user_id is not None:
        statement = statement.where(Order.user_id == user_id)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


def _conditions(wanted: OrderFilter) -> list[ColumnElement[bool]]:
    found = []
    if wanted.status is not None:
        found.append(Order.status == wanted.status)
    if wanted.number is not None:
        found.append(Order.number == wanted.number.upper())
    if wanted.email is not None:
        found.append(Order.email == wanted.email)
    if wanted.since is not None:
        found.append(Order.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(Order.created_at < wanted.until)
    return found


async def set_payment(
    session: AsyncSession,
    *,
    order_id: int,
    status: PaymentStatus,
    failure: str | None = None,
    gateway_reference: str | None = None,
) -> None:
    """Write what the gateway said; what it calls the charge stays where it does not say it."""
    await session.execute(
        update(Payment)
        .where(Payment.order_id == order_id)
        .values(
            status=status,
            failure=failure,
            gateway_reference=func.coalesce(gateway_reference, Payment.gateway_reference),
        )
        .execution_options(synchronize_session=False)
    )


async def await_buyer(
    session: AsyncSession, *, order_id: int, gateway_reference: str | None
) -> None:
    """Write that the buyer has to act before an order's payment, unless it was settled by now."""
    await session.execute(
        update(Payment)
        .where(Payment.order_id == order_id, Payment.status == PaymentStatus.PENDING)
        .values(status=PaymentStatus.NEEDS_ACTION, gateway_reference=gateway_reference)
        .execution_options(synchronize_session=False)
    )


async def mark_paid(session: AsyncSession, *, order_id: int) -> bool:
    """Turn a payment that is due into a captured one; tell whether it was due."""
    statement = (
        update(Payment)
        .where(Payment.order_id == order_id, Payment.status == PaymentStatus.DUE)
        .values(status=PaymentStatus.CAPTURED)
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def void_payment(session: AsyncSession, *, order_id: int) -> None:
    """Let a payment that is due be due no more."""
    await session.execute(
        update(Payment)
        .where(Payment.order_id == order_id, Payment.status == PaymentStatus.DUE)
        .values(status=PaymentStatus.VOIDED)
        .execution_options(synchronize_session=False)
    )


async def mark_late(session: AsyncSession, *, order_id: int, now: datetime) -> bool:
    """Write that money came for an order that had been given up; tell whether that is news."""
    statement = (
        update(Payment)
        .where(
            Payment.order_id == order_id,
            Payment.status == PaymentStatus.FAILED,
            Payment.late_since.is_(None),
        )
        .values(late_since=now)
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


class LateMoney(NamedTuple):
    """A charge that is to go back."""

    gateway: str
    reference: str
    amount: Decimal
    currency: str


async def find_late(session: AsyncSession, *, order_id: int) -> LateMoney | None:
    """Return the late money of an order, unless it was given back."""
    statement = select(Payment.gateway, Payment.reference, Payment.amount, Payment.currency).where(
        Payment.order_id == order_id,
        Payment.late_since.is_not(None),
        Payment.given_back_at.is_(None),
    )
    row = (await session.execute(statement)).one_or_none()
    return LateMoney(*row) if row is not None else None


async def mark_given_back(session: AsyncSession, *, order_id: int, now: datetime) -> bool:
    """Write that late money went back; tell whether that is news."""
    statement = (
        update(Payment)
        .where(Payment.order_id == order_id, Payment.given_back_at.is_(None))
        .values(given_back_at=now)
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def list_late_before(
    session: AsyncSession, *, before: datetime, limit: int
) -> Sequence[Payment]:
    """Return payments whose money came late before a moment and is still here."""
    statement = (
        select(Payment)
        .where(Payment.late_since < before, Payment.given_back_at.is_(None))
        .order_by(Payment.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def insert_event(session: AsyncSession, *, gateway: str, event: GatewayEvent) -> bool:
    """Write a gateway's message down; tell whether it is new."""
    statement = (
        insert(ReportedEvent)
        .values(
            gateway=gateway,
            event_id=event.id,
            type=event.type,
            occurred_at=event.occurred_at,
            charge_reference=event.charge_reference,
        )
        .on_conflict_do_nothing()
        .returning(ReportedEvent.event_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def delete_events(session: AsyncSession, *, before: datetime) -> None:
    """Delete the messages of gateways that came before a moment."""
    await session.execute(delete(ReportedEvent).where(ReportedEvent.created_at < before))


async def find_charged_order(session: AsyncSession, *, gateway: str, reference: str) -> int | None:
    """Return the order that a gateway was asked to charge under a reference."""
    statement = select(Payment.order_id).where(
        Payment.gateway == gateway, Payment.reference == reference
    )
    return (await session.scalars(statement)).one_or_none()


async def list_copies(session: AsyncSession, *, order_id: int) -> dict[int, Copies]:
    """Return an order's copies by book, at the price that the buyer saw."""
    statement = select(OrderLine.book_id, OrderLine.quantity, OrderLine.unit_price).where(
        OrderLine.order_id == order_id
    )
    return {
        row.book_id: Copies(row.quantity, row.unit_price)
        for row in await session.execute(statement)
    }


class GiftCardLine(NamedTuple):
    """Gift cards that were bought: how many, each worth how much, and who may be written to."""

    id: int
    quantity: int
    unit_price: Decimal
    currency: str
    email: str | None


async def list_gift_card_lines(session: AsyncSession, *, order_id: int) -> list[GiftCardLine]:
    """Return an order's lines that are gift cards, with the copies that are not dropped."""
    copies = OrderLine.quantity - OrderLine.dropped
    statement = (
        select(OrderLine.id, copies, OrderLine.unit_price, Order.currency, Order.email)
        .join(Order, Order.id == OrderLine.order_id)
        .where(OrderLine.order_id == order_id, OrderLine.is_gift_card)
        .order_by(OrderLine.id)
    )
    return [GiftCardLine(*row) for row in await session.execute(statement)]


async def claim_unsettled(
    session: AsyncSession, *, now: datetime, limit: int
) -> list[UnsettledOrder]:
    """Take pending orders that are to be asked about, those that waited longest first.

    Taking one puts it off: until the next run or the end of its reservation, and after that for
    longer each time. Whatever happens to it then, others have their turn before it comes again.
    """
    due = (
        select(Order.id)
        .where(Order.status == OrderStatus.PENDING, Order.settle_after < now)
        .order_by(Order.settle_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    is_overdue = Order.reserved_until < now
    pause = case(PAUSES, value=Order.settle_attempts, else_=LONGEST_PAUSE)
    look_again = func.least(literal(now) + LOOK_AGAIN, Order.reserved_until)
    statement = (
        update(Order)
        .where(Order.id == due.c.id, Payment.order_id == Order.id)
        .values(
            settle_attempts=Order.settle_attempts + case((is_overdue, 1), else_=0),
            settle_after=case((is_overdue, literal(now) + pause), else_=look_again),
        )
        .returning(Order.id, Payment.gateway, Payment.reference, is_overdue)
        .execution_options(synchronize_session=False)
    )
    return [UnsettledOrder(*row) for row in await session.execute(statement)]


CLAIM_GUEST_ORDERS = (
    update(Order)
    .where(
        User.id == bindparam("account"),
        User.is_active,
        User.email_verified_at.is_not(None),
        Order.user_id.is_(None),
        Order.email == User.email,
    )
    .values(user_id=User.id, idempotency_key=cast(func.gen_random_uuid(), Text))
    .returning(Order.id)
    .execution_options(synchronize_session=False)
)


async def claim_guest_orders(session: AsyncSession, *, user_id: int) -> int:
    """Give an active account with a proved address the orders that no account has; count them.

    Their idempotency keys were the guest's and could be the account's too.
    """
    return len((await session.scalars(CLAIM_GUEST_ORDERS, {"account": user_id})).all())


async def has_pending_orders(session: AsyncSession, *, user_id: int) -> bool:
    """Tell whether an order of the account is pending."""
    statement = select(
        exists().where(Order.user_id == user_id, Order.status == OrderStatus.PENDING)
    )
    return bool((await session.scalars(statement)).one())


async def has_bought(session: AsyncSession, *, user_id: int, book_ids: Collection[int]) -> bool:
    """Tell whether an account has, or is about to get, a copy of one of the books."""
    statement = (
        select(OrderLine.id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            Order.user_id == user_id,
            Order.status.in_(BOUGHT),
            OrderLine.book_id.in_(book_ids),
            OrderLine.is_gift_card.is_(False),
            OrderLine.dropped + OrderLine.returned < OrderLine.quantity,
        )
        .limit(1)
    )
    return await session.scalar(statement) is not None


async def list_order_emails(session: AsyncSession, *, user_id: int) -> set[str]:
    """Return the addresses in the account's orders."""
    statement = select(Order.email).where(Order.user_id == user_id).distinct()
    return {email for email in await session.scalars(statement) if email is not None}


async def forget_buyer(session: AsyncSession, *, user_id: int) -> None:
    """Take the person out of an account's orders; of addresses the country stays."""

    def only_the_country(address: InstrumentedAttribute[dict[str, Any] | None]) -> Case[Any]:
        nowhere = func.jsonb_build_object(
            *("name", "", "street", "", "postal_code", "", "city", ""),
            "country",
            address["country"],
        )
        return case((func.jsonb_typeof(address) == "object", nowhere), else_=address)

    await session.execute(
        update(Order)
        .where(Order.user_id == user_id)
        .values(
            user_id=None,
            email=None,
            request_hash=b"",
            guest_hash=None,
            guest_key=None,
            shipping_address=only_the_country(Order.shipping_address),
            billing_address=only_the_country(Order.billing_address),
        )
        .execution_options(synchronize_session=False)
    )


class OrderAndPayment(NamedTuple):
    """An order and what its payment says; ``None`` where it has none."""

    id: int
    status: OrderStatus
    total: Decimal
    currency: str
    payment_status: PaymentStatus | None
    amount: Decimal | None
    payment_currency: str | None


def was_confirmed() -> ColumnElement[bool]:
    """Return the condition that an order was paid at some time, whatever became of it then."""
    unpaid = [OrderStatus.PENDING, OrderStatus.DECLINED, OrderStatus.CANCELLED]
    return or_(Order.status.not_in(unpaid), Order.confirmed_at.is_not(None))


async def list_wrongly_paid(session: AsyncSession, *, limit: int) -> list[OrderAndPayment]:
    """Return confirmed orders without captured or due payment of their total, and the reverse.

    Of an order that was called off before it was paid in the shop, the payment is voided.
    """
    is_confirmed = was_confirmed()
    is_captured = func.coalesce(
        or_(
            Payment.status.in_([PaymentStatus.CAPTURED, PaymentStatus.DUE]),
            and_(Payment.status == PaymentStatus.VOIDED, Order.status == OrderStatus.CANCELLED),
        ),
        false(),
    )
    statement = (
        select(
            Order.id,
            Order.status,
            Order.total,
            Order.currency,
            Payment.status,
            Payment.amount,
            Payment.currency,
        )
        .outerjoin(Payment, Payment.order_id == Order.id)
        .where(
            or_(
                is_confirmed != is_captured,
                Order.total - Order.gift_card_total != Payment.amount,
                Order.currency != Payment.currency,
            )
        )
        .order_by(Order.id)
        .limit(limit)
    )
    return [OrderAndPayment(*row) for row in await session.execute(statement)]


class OrderSums(NamedTuple):
    """An order's amounts, each beside what its rows come to."""

    id: int
    subtotal: Decimal
    lines: Decimal
    discount_total: Decimal
    line_discounts: Decimal
    discounts: Decimal
    tax_total: Decimal
    line_taxes: Decimal
    taxes: Decimal


async def list_wrong_sums(session: AsyncSession, *, limit: int) -> list[OrderSums]:
    """Return orders whose lines, discounts or taxes do not add up to their amounts."""
    lines = (
        select(
            OrderLine.order_id,
            func.sum(OrderLine.unit_price * OrderLine.quantity).label("amount"),
            func.sum(OrderLine.discount).label("discount"),
            func.sum(OrderLine.tax).label("tax"),
        )
        .group_by(OrderLine.order_id)
        .subquery()
    )
    discounts = (
        select(OrderDiscount.order_id, func.sum(OrderDiscount.amount).label("amount"))
        .group_by(OrderDiscount.order_id)
        .subquery()
    )
    taxes = (
        select(OrderTax.order_id, func.sum(OrderTax.tax).label("amount"))
        .group_by(OrderTax.order_id)
        .subquery()
    )

    def or_nothing(amount: ColumnElement[Any]) -> ColumnElement[Decimal]:
        return func.coalesce(amount, 0)

    amount, line_discount, line_tax, discount, tax = map(
        or_nothing,
        (lines.c.amount, lines.c.discount, lines.c.tax, discounts.c.amount, taxes.c.amount),
    )
    with_shipping = line_tax + Order.shipping_tax
    statement = (
        select(
            Order.id,
            *(Order.subtotal, amount),
            *(Order.discount_total, line_discount, discount),
            *(Order.tax_total, with_shipping, tax),
        )
        .outerjoin(lines, lines.c.order_id == Order.id)
        .outerjoin(discounts, discounts.c.order_id == Order.id)
        .outerjoin(taxes, taxes.c.order_id == Order.id)
        .where(
            or_(
                Order.subtotal != amount,
                Order.discount_total != line_discount,
                Order.discount_total != discount,
                Order.tax_total != with_shipping,
                Order.tax_total != tax,
            )
        )
        .order_by(Order.id)
        .limit(limit)
    )
    return [OrderSums(*row) for row in await session.execute(statement)]


class CardsAndOrder(NamedTuple):
    """What gift cards paid of an order, and what it says that they did."""

    id: int
    gift_card_total: Decimal
    spent: Decimal


async def list_wrongly_spent(session: AsyncSession, *, limit: int) -> list[CardsAndOrder]:
    """Return orders of whose total gift cards paid another part than they say.

    Of a given-up order all went back; one that was confirmed may have had some given back.
    """
    paid = (
        select(
            GiftCardPayment.order_id,
            func.sum(GiftCardPayment.spent).label("spent"),
            func.sum(GiftCardPayment.spent - GiftCardPayment.given_back).label("kept"),
        )
        .group_by(GiftCardPayment.order_id)
        .subquery()
    )
    spent: ColumnElement[Decimal] = func.coalesce(paid.c.spent, 0)
    kept: ColumnElement[Decimal] = func.coalesce(paid.c.kept, 0)
    given_up = and_(
        Order.status.in_([OrderStatus.DECLINED, OrderStatus.CANCELLED]),
        Order.confirmed_at.is_(None),
    )
    statement = (
        select(Order.id, Order.gift_card_total, spent)
        .outerjoin(paid, paid.c.order_id == Order.id)
        .where(or_(Order.gift_card_total != spent, and_(given_up, kept != 0)))
        .order_by(Order.id)
        .limit(limit)
    )
    return [CardsAndOrder(*row) for row in await session.execute(statement)]


async def list_reserved_before(
    session: AsyncSession, *, before: datetime, limit: int
) -> Sequence[Order]:
    """Return orders that are still pending although their reservation ended before a moment."""
    statement = (
        select(Order)
        .where(Order.status == OrderStatus.PENDING, Order.reserved_until < before)
        .order_by(Order.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


class CopiesTaken(NamedTuple):
    """Copies of a book in the lines of pending orders, and of those that were confirmed."""

    book_id: int
    pending: int
    confirmed: int


async def count_copies_taken(session: AsyncSession) -> list[CopiesTaken]:
    """Return the copies in the lines of pending orders and of those that were confirmed, by book.

    Copies that came back are counted too: to the stock they are sold and returned.
    """
    is_pending = Order.status == OrderStatus.PENDING

    def copies(of_orders: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(OrderLine.quantity).filter(of_orders), 0)

    statement = (
        select(OrderLine.book_id, copies(is_pending), copies(was_confirmed()))
        .join(Order, Order.id == OrderLine.order_id)
        .where(or_(is_pending, was_confirmed()))
        .group_by(OrderLine.book_id)
    )
    return [CopiesTaken(*row) for row in await session.execute(statement)]
