"""What clients send and are told about orders."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from app.core.countries import Country
from app.core.schemas import OneLine, ReadModel, Text, WriteModel
from app.orders.models import Order, OrderLine, OrderStatus, PaymentStatus

Line = Annotated[OneLine, Field(min_length=1, max_length=120)]


class Address(WriteModel):
    """Where a parcel goes. The country is an ISO 3166-1 alpha-2 code."""

    name: Line
    street: Line
    postal_code: Annotated[OneLine, Field(max_length=20)] = ""
    city: Line
    country: Country


class OrderAddress(ReadModel):
    """Where an order went. Of one whose account was deleted only the country is left."""

    name: str
    street: str
    postal_code: str
    city: str
    country: str


PaymentToken = Annotated[Text, Field(min_length=1, max_length=200)]
"""What stands for the card at the gateway."""


class CheckoutRequest(WriteModel):
    """How the basket is to be paid and where it goes.

    ``payment_token`` stands for the card at the gateway; for the demo gateway it is one of its
    test cards, and without one it approves. ``force_payment_failure`` is honoured by the demo
    gateway only.
    """

    shipping_address: Address | None = None
    payment_token: PaymentToken | None = None
    force_payment_failure: bool = False


class OrderBook(ReadModel):
    """The book as it was when it was bought."""

    id: int
    title: str
    author: str
    cover_image_url: str | None
    price: Decimal


class OrderItemRead(ReadModel):
    """So many copies of a book at the price of that day."""

    id: int
    book_id: int
    quantity: int
    unit_price: Decimal
    line_total: Decimal
    book: OrderBook

    @classmethod
    def from_line(cls, line: OrderLine) -> "OrderItemRead":
        """Read it from the stored line."""
        return cls(
            id=line.id,
            book_id=line.book_id,
            quantity=line.quantity,
            unit_price=line.unit_price,
            line_total=line.unit_price * line.quantity,
            book=OrderBook(
                id=line.book_id,
                title=line.title,
                author=line.author,
                cover_image_url=line.cover_image_url,
                price=line.unit_price,
            ),
        )


class PaymentAction(ReadModel):
    """What the buyer has to do before their order is paid.

    Go to ``url``, the bank's or the gateway's page, which leads back to the order; or let the
    gateway's own script finish with ``client_secret``. It is worth nothing to anybody but the
    buyer, and is not kept.
    """

    url: str | None
    client_secret: str | None


class OrderRead(ReadModel):
    """An order as its buyer sees it. Without ``email`` it is of an account that was deleted.

    ``payment_action`` is there in answers of the checkout whose ``payment_status`` is
    ``needs_action``.
    """

    id: int
    number: str
    status: OrderStatus
    payment_status: PaymentStatus
    payment_action: PaymentAction | None = None
    created_at: datetime
    confirmed_at: datetime | None
    email: str | None
    shipping_address: OrderAddress | None
    items: list[OrderItemRead]
    total_price: Decimal
    currency: str

    @classmethod
    def from_order(cls, order: Order) -> "OrderRead":
        """Read it from the stored order, whose lines and payment were loaded."""
        return cls.from_parts(order, order.lines, order.payment.status)

    @classmethod
    def from_parts(
        cls, order: Order, lines: Sequence[OrderLine], payment_status: PaymentStatus
    ) -> "OrderRead":
        """Read it from the stored order and its lines, in the order of their ids."""
        return cls(
            id=order.id,
            number=order.number,
            status=order.status,
            payment_status=payment_status,
            created_at=order.created_at,
            confirmed_at=order.confirmed_at,
            email=order.email,
            shipping_address=(
                OrderAddress.model_validate(order.shipping_address)
                if order.shipping_address
                else None
            ),
            items=[OrderItemRead.from_line(line) for line in lines],
            total_price=order.total,
            currency=order.currency,
        )


class PaymentCopy(ReadModel):
    """The charge of an order, as it is kept."""

    gateway: str
    reference: str
    amount: Decimal
    currency: str
    status: PaymentStatus
    failure: str | None
    created_at: datetime


class OrderCopy(OrderRead):
    """An order with its payment, for who takes away a copy of everything."""

    payment: PaymentCopy

    @classmethod
    def copy_of(cls, order: Order) -> "OrderCopy":
        """Read it from the stored order, whose lines and payment were loaded."""
        read = OrderRead.from_order(order)
        return cls(**dict(read), payment=PaymentCopy.model_validate(order.payment))
