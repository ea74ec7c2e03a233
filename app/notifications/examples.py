"""What every message looks like, shown with values that are made up."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any

from app.notifications.mailer import TEMPLATES
from app.orders.models import OrderStatus, PaymentStatus
from app.orders.schemas import (
    DiscountRead,
    OrderAddress,
    OrderBook,
    OrderItemRead,
    OrderRead,
    TaxRead,
)

MOMENT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
LINK = "https://shop.example/an-example"
CODE = "7Q2M-XK4D-9RTP-3WHB"
CURRENCY = "EUR"


@cache
def template_names() -> tuple[str, ...]:
    """Return the names of all messages, which are those of their folders."""
    return tuple(sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()))


def example_values(template: str) -> Mapping[str, Any]:
    """Return made-up values for a message."""
    order = _order()
    book = SimpleNamespace(
        title="Persuasion",
        author="Jane Austen",
        price=Decimal("11.00"),
        currency=CURRENCY,
        cover_image_url=None,
        url="/books/1-persuasion-jane-austen",
        book_id=1,
        on_sale_date=date(2026, 12, 3),
    )
    values: dict[str, dict[str, Any]] = {
        "book_restocked": {"book": book},
        "daily_digest": {
            "day": date(2026, 11, 2),
            "orders": SimpleNamespace(
                count=1,
                newest=[
                    SimpleNamespace(
                        number="K7M2P-9QXRT", copies=3, total=order.total_price, currency=CURRENCY
                    )
                ],
            ),
            "low_stock": SimpleNamespace(
                count=2,
                lowest=[
                    SimpleNamespace(title="Emma", isbn="9780141439587", on_hand=1),
                    SimpleNamespace(title="Persuasion", isbn="9780141439686", on_hand=0),
                ],
            ),
        },
        "gift_card": {
            "card": SimpleNamespace(
                initial_amount=Decimal("25.00"),
                currency=CURRENCY,
                expires_at=datetime(2029, 12, 31, 22, 0, tzinfo=UTC),
                message="For rainy Sundays, and for all the others.",
            ),
            "code": CODE,
        },
        "identity_connected": {"about": "GitHub"},
        "identity_disconnected": {"about": "GitHub"},
        "new_device": {"about": "Firefox on Linux, 203.0.113.0/24"},
        "price_dropped": {"book": book, "before": Decimal("14.00")},
        "preorder_moved": {
            "lines": order.items[:1],
            "before": date(2026, 11, 12),
            "after": date(2026, 12, 3),
        },
        "preorder_released": {"lines": order.items[:1]},
        "preorder_opened": {"book": book},
        "order_refunded": {"refund": SimpleNamespace(amount=Decimal("11.00"), currency=CURRENCY)},
        "order_shipped": {
            "shipment": SimpleNamespace(
                carrier="Parcel Post",
                tracking_number="PP 0042 7781 GB",
                tracking_url="https://parcels.example/PP00427781GB",
            ),
            "lines": order.items,
        },
    }
    common = {"address": LINK, "about": "", "order": order, "order_link": LINK, "stop_link": LINK}
    return common | values.get(template, {})


def _order() -> OrderRead:
    books = [
        ("Emma", "Jane Austen", Decimal("12.00"), 1),
        ("The Left Hand of Darkness", "Ursula K. Le Guin", Decimal("14.50"), 2),
    ]
    items = [
        OrderItemRead(
            id=number,
            book_id=number,
            quantity=quantity,
            unit_price=price,
            line_total=price * quantity,
            discount=Decimal(0),
            tax_rate=Decimal(7),
            tax=Decimal(0),
            book=OrderBook(
                id=number, title=title, author=author, cover_image_url=None, price=price
            ),
        )
        for number, (title, author, price, quantity) in enumerate(books, 1)
    ]
    return OrderRead(
        id=1,
        number="K7M2P-9QXRT",
        status=OrderStatus.PARTLY_SHIPPED,
        payment_status=PaymentStatus.CAPTURED,
        created_at=MOMENT,
        confirmed_at=MOMENT,
        email="ada@example.com",
        shipping_address=OrderAddress(
            name="Ada Lovelace",
            street="12 St James's Square",
            postal_code="SW1Y 4JH",
            city="London",
            country="GB",
        ),
        billing_address=None,
        shipping_method="Parcel",
        items=items,
        subtotal=Decimal("41.00"),
        discounts=[
            DiscountRead(
                kind="coupon",
                code="AUTUMN",
                title="Autumn",
                amount=Decimal("4.10"),
                free_shipping=False,
            )
        ],
        discount_total=Decimal("4.10"),
        shipping_total=Decimal("3.90"),
        taxes=[TaxRead(rate=Decimal("7.00"), net=Decimal("38.13"), tax=Decimal("2.67"))],
        tax_total=Decimal("2.67"),
        prices_include_tax=True,
        total_price=Decimal("40.80"),
        gift_card_total=Decimal("10.00"),
        amount_due=Decimal("30.80"),
        currency=CURRENCY,
    )
