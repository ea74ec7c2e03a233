"""What a basket says of a book that is not as it was."""

from decimal import Decimal

import pytest

from app.books.service import Offer
from app.cart.notices import find_notices
from app.cart.schemas import Copies
from tests.factories import PLAIN_KIND, PLAIN_MEASURES


@pytest.mark.parametrize(
    ("seen", "quantity", "on_hand", "told"),
    [
        ("12.99", 1, 9, []),
        (None, 1, 9, []),
        ("12.99", 1, 4, []),
        ("12.99", 1, 3, ["Only 3 left."]),
        ("12.99", 2, 2, ["Only 2 left."]),
        ("12.99", 5, 4, ["Only 4 left."]),
        ("12.99", 1, 0, ["Out of stock."]),
        ("13.5", 1, 9, ["Was $13.50, now $12.99."]),
        ("9.99", 2, 1, ["Was $9.99, now $12.99.", "Only 1 left."]),
    ],
)
def test_what_changed_and_what_is_short(
    seen: str | None, quantity: int, on_hand: int, told: list[str]
) -> None:
    offer = Offer(
        book_id=1,
        title="Emma",
        author="Jane Austen",
        isbn=None,
        price=Decimal("12.99"),
        currency="USD",
        cover_image_url=None,
        on_hand=on_hand,
        on_sale_date=None,
        takes_preorders=False,
        sales_rights=(),
        measures=PLAIN_MEASURES,
        kind=PLAIN_KIND,
    )
    copies = Copies(quantity, None if seen is None else Decimal(seen))
    notices = find_notices(copies, offer, locale="en_US")
    assert [notice.text for notice in notices] == told
