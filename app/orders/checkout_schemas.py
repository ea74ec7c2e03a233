"""What clients send and are told about checkouts in steps."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from pydantic import ConfigDict

from app.core.exceptions import AppError
from app.core.schemas import Id, ReadModel, WriteModel
from app.orders.checkout_models import Checkout
from app.orders.quoting import Quote
from app.orders.schemas import (
    Address,
    CouponCodes,
    DiscountRead,
    ExpectedTotal,
    GiftCardCodes,
    OrderAddress,
    OrderBook,
    PaymentToken,
    TaxRead,
)
from app.shipping.schemas import ShippingOptionRead
from app.users.schemas import Email


class CheckoutUpdate(WriteModel):
    """What the buyer chooses in this step; what is left out stays, and ``null`` clears it.

    Lists are taken whole. A gift card's code is looked up and not kept.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "ada@example.com",
                    "shipping_address": {
                        "name": "Ada Lovelace",
                        "street": "12 St James's Square",
                        "postal_code": "SW1Y 4JH",
                        "city": "London",
                        "country": "GB",
                    },
                },
                {"shipping_method_id": 1, "coupon_codes": ["WELCOME10"]},
            ]
        }
    )

    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method_id: Id | None = None
    coupon_codes: CouponCodes | None = None
    gift_card_codes: GiftCardCodes | None = None


class CheckoutCompletion(WriteModel):
    """How the checkout is paid. Without ``expected_total`` it is the total that was told last."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"payment_token": "4242424242424242"}]}
    )

    payment_token: PaymentToken | None = None
    expected_total: ExpectedTotal = None
    force_payment_failure: bool = False


class QuoteItem(ReadModel):
    """So many copies of a book, and what they come to."""

    book_id: int
    quantity: int
    unit_price: Decimal
    line_total: Decimal
    discount: Decimal
    tax_rate: Decimal
    tax: Decimal
    book: OrderBook


class QuoteRead(ReadModel):
    """What the basket comes to now; amounts as in orders.

    ``shipping_options`` are the ways to the address, and ``shipping_method_id`` the one that is
    counted in: the cheapest to the door where none was chosen.
    """

    items: list[QuoteItem]
    subtotal: Decimal
    discounts: list[DiscountRead]
    discount_total: Decimal
    needs_shipping: bool
    shipping_options: list[ShippingOptionRead]
    shipping_method_id: int | None
    shipping_total: Decimal
    taxes: list[TaxRead]
    tax_total: Decimal
    prices_include_tax: bool
    total_price: Decimal
    gift_card_total: Decimal
    amount_due: Decimal
    currency: str

    @classmethod
    def of(cls, quote: Quote, *, currency: str) -> Self:
        """Read it from what was worked out."""
        totals = quote.totals
        return cls(
            items=[
                QuoteItem(
                    book_id=line.key,
                    quantity=line.quantity,
                    unit_price=line.unit_price,
                    line_total=line.amount,
                    discount=line.discount,
                    tax_rate=line.tax_rate,
                    tax=line.tax,
                    book=OrderBook(
                        id=line.key,
                        title=quote.offers[line.key].title,
                        author=quote.offers[line.key].author,
                        cover_image_url=quote.offers[line.key].cover_image_url,
                        price=line.unit_price,
                    ),
                )
                for line in totals.lines
            ],
            subtotal=totals.subtotal,
            discounts=[DiscountRead.model_validate(one) for one in quote.discounts.items],
            discount_total=totals.discount_total,
            needs_shipping=quote.needs_shipping,
            shipping_options=[ShippingOptionRead.model_validate(one) for one in quote.options],
            shipping_method_id=quote.shipping.method_id if quote.shipping else None,
            shipping_total=totals.shipping_total,
            taxes=[TaxRead.model_validate(tax) for tax in totals.taxes],
            tax_total=totals.tax_total,
            prices_include_tax=totals.prices_include_tax,
            total_price=totals.total,
            gift_card_total=totals.gift_card_total,
            amount_due=totals.amount_to_pay,
            currency=currency,
        )


class Problem(ReadModel):
    """What stands in the way of the last step, as that step would say it."""

    code: str
    detail: str
    field: str | None

    @classmethod
    def of(cls, error: AppError) -> Self:
        """Read it from the refusal."""
        return cls(code=error.code, detail=error.detail, field=error.field)


class CheckoutCopy(ReadModel):
    """A checkout as it is kept, for who takes away a copy of everything.

    Of gift cards their number; ``shown`` are the amounts that the buyer was told last.
    """

    id: int
    email: str | None
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    shipping_method_id: int | None
    coupon_codes: list[str]
    gift_cards: int
    shown: dict[str, Any] | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def copy_of(cls, checkout: Checkout) -> Self:
        """Read it from the stored checkout."""
        plain = {name: getattr(checkout, name) for name in cls.model_fields.keys() - {"gift_cards"}}
        return cls(**plain, gift_cards=len(checkout.gift_card_ids))


class CheckoutRead(ReadModel):
    """A checkout. It is done when it has an ``order_id``, and ``quote`` is there until then.

    ``quote`` is missing also where the basket is empty, or has books that are no longer sold, as
    ``problems`` say.
    """

    id: int
    email: str | None
    shipping_address: OrderAddress | None
    billing_address: OrderAddress | None
    shipping_method_id: int | None
    coupon_codes: list[str]
    gift_cards: int
    quote: QuoteRead | None
    problems: list[Problem]
    order_id: int | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(
        cls,
        checkout: Checkout,
        *,
        quote: QuoteRead | None,
        problems: Sequence[AppError],
        order_id: int | None,
    ) -> Self:
        """Read it from the stored checkout and what its basket comes to."""
        return cls(
            id=checkout.id,
            email=checkout.email,
            shipping_address=_address(checkout.shipping_address),
            billing_address=_address(checkout.billing_address),
            shipping_method_id=checkout.shipping_method_id,
            coupon_codes=checkout.coupon_codes,
            gift_cards=len(checkout.gift_card_ids),
            quote=quote,
            problems=[Problem.of(error) for error in problems],
            order_id=order_id,
            created_at=checkout.created_at,
            expires_at=checkout.expires_at,
        )


def _address(address: dict[str, str] | None) -> OrderAddress | None:
    return None if address is None else OrderAddress.model_validate(address)
