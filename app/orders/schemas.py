"""What clients send and are told about orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple, Self

from pydantic import ConfigDict, Field

from app.cart.deps import Customer
from app.cart.schemas import CartOwner
from app.core.countries import Country
from app.core.schemas import Id, OneLine, ReadModel, Text, WriteModel
from app.orders.models import (
    Order,
    OrderDiscount,
    OrderLine,
    OrderStatus,
    OrderTax,
    PaymentStatus,
)
from app.promotions.service import MAX_CODES
from app.users.schemas import Email

MAX_GIFT_CARDS = 5
"""How many gift cards can pay one order."""

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


@dataclass(frozen=True, kw_only=True)
class Buyer:
    """Who buys and can be written to: an account, or a guest by the digest of the basket's token.

    A guest's address is known once they have said it.
    """

    user_id: int | None = None
    guest_hash: bytes | None = None
    email: str | None = None

    @classmethod
    def of(cls, customer: Customer, *, email: str | None = None) -> Self:
        """Return the buyer that a customer is; an account has its own address."""
        if customer.account is not None:
            return cls(user_id=customer.account.id, email=customer.account.email)
        return cls(guest_hash=customer.cart.token_hash, email=email)

    @property
    def cart(self) -> CartOwner:
        """Whose basket it is."""
        return CartOwner(user_id=self.user_id, token_hash=self.guest_hash)


Code = Annotated[OneLine, Field(min_length=1, max_length=100)]
"""A coupon's or a gift card's, as it was typed."""

Total = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2, allow_inf_nan=False)]

CouponCodes = Annotated[list[Code], Field(max_length=MAX_CODES, examples=[["WELCOME10"]])]
GiftCardCodes = Annotated[
    list[Code], Field(max_length=MAX_GIFT_CARDS, examples=[["7Q2XD-8MZKC-01V9R-HJ4TN"]])
]
ExpectedTotal = Annotated[
    Total | None,
    Field(
        description="The total that the buyer saw. Where the order would come to another, it is "
        "refused with ORDER_PRICE_CHANGED and the new total."
    ),
]


class CheckoutRequest(WriteModel):
    """How the basket is to be paid and where it goes. Whatever is left out has a plain meaning.

    A guest, whose basket is known by its cookie, says ``email``; of an account it is not asked.
    Without ``shipping_address`` nothing is sent anywhere and shipping costs nothing; with one and
    without ``shipping_method_id`` it is the cheapest way there. ``payment_token`` stands for the
    card at the gateway; for the demo gateway it is one of its test cards, and without one it
    approves. ``force_payment_failure`` is honoured by the demo gateway only.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {},
                {
                    "email": "ada@example.com",
                    "shipping_address": {
                        "name": "Ada Lovelace",
                        "street": "12 St James's Square",
                        "postal_code": "SW1Y 4JH",
                        "city": "London",
                        "country": "GB",
                    },
                    "shipping_method_id": 1,
                    "coupon_codes": ["WELCOME10"],
                    "payment_token": "4242424242424242",
                    "expected_total": "24.99",
                },
            ]
        }
    )

    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method_id: Id | None = None
    coupon_codes: CouponCodes = Field(default_factory=list)
    gift_card_codes: GiftCardCodes = Field(default_factory=list)
    expected_total: ExpectedTotal = None
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
    """So many copies of a book at the price of that day.

    ``line_total`` is before ``discount``, the line's part of all discounts. ``tax``, at
    ``tax_rate`` per cent, is in the rest or comes on top, as the order says.
    """

    id: int
    book_id: int
    quantity: int
    unit_price: Decimal
    line_total: Decimal
    discount: Decimal
    tax_rate: Decimal
    tax: Decimal
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
            discount=line.discount,
            tax_rate=line.tax_rate,
            tax=line.tax,
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


class DiscountRead(ReadModel):
    """What an offer or a coupon took off. Free shipping alone has no amount."""

    kind: str
    code: str | None
    title: str
    amount: Decimal
    free_shipping: bool


class TaxRead(ReadModel):
    """The tax at one rate, in per cent, on what is ``net`` without it."""

    rate: Decimal
    net: Decimal
    tax: Decimal


class OrderRead(ReadModel):
    """An order as its buyer sees it. Without ``email`` it is of an account that was deleted.

    ``total_price`` is ``subtotal`` less ``discount_total`` and with ``shipping_total``;
    ``tax_total`` is in these where ``prices_include_tax``, and else on top. Gift cards paid
    ``gift_card_total`` of it, and the payment is ``amount_due``, be it paid by now or not.

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
    billing_address: OrderAddress | None
    shipping_method: str | None
    items: list[OrderItemRead]
    subtotal: Decimal
    discounts: list[DiscountRead]
    discount_total: Decimal
    shipping_total: Decimal
    taxes: list[TaxRead]
    tax_total: Decimal
    prices_include_tax: bool
    total_price: Decimal
    gift_card_total: Decimal
    amount_due: Decimal
    currency: str

    @classmethod
    def from_order(cls, order: Order) -> "OrderRead":
        """Read it from the stored order, with which everything else was loaded."""
        return cls.from_parts(
            order,
            order.lines,
            order.payment.status,
            discounts=order.discounts,
            taxes=order.taxes,
        )

    @classmethod
    def from_parts(
        cls,
        order: Order,
        lines: Sequence[OrderLine],
        payment_status: PaymentStatus,
        *,
        discounts: Sequence[OrderDiscount],
        taxes: Sequence[OrderTax],
    ) -> "OrderRead":
        """Read it from the stored order and its rows, in the order of their ids and rates."""
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
            billing_address=(
                OrderAddress.model_validate(order.billing_address)
                if order.billing_address
                else None
            ),
            shipping_method=order.shipping_method,
            items=[OrderItemRead.from_line(line) for line in lines],
            subtotal=order.subtotal,
            discounts=[DiscountRead.model_validate(discount) for discount in discounts],
            discount_total=order.discount_total,
            shipping_total=order.shipping_total,
            taxes=[TaxRead.model_validate(tax) for tax in taxes],
            tax_total=order.tax_total,
            prices_include_tax=order.prices_include_tax,
            total_price=order.total,
            gift_card_total=order.gift_card_total,
            amount_due=order.total - order.gift_card_total,
            currency=order.currency,
        )


class NewOrder(NamedTuple):
    """An order in a line."""

    number: str
    copies: int
    total: Decimal
    currency: str


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
