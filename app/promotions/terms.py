"""What coupons and offers say, as values: what discounts are worked out from."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.books.codes import BookFormat


class CouponKind(StrEnum):
    """What a coupon takes off: a share, an amount, or what the delivery costs."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FREE_SHIPPING = "free_shipping"


class OfferKind(StrEnum):
    """What an automatic offer takes off.

    ``percent`` a share of every copy; ``bundle`` a share of the cheapest copies of so many: three
    for two is a bundle of 3, of which 1 is discounted by 100 %.
    """

    PERCENT = "percent"
    BUNDLE = "bundle"


@dataclass(frozen=True, kw_only=True)
class PricedLine:
    """So many copies of a book at a price.

    ``key`` is the caller's, and what discounts call the line by. ``publisher_ids`` are the
    publisher's and the imprint's. ``published_by`` is the last day that the date of publication,
    as far as it is known, may mean. A gift card is money and never discounted.
    """

    key: int
    book_id: int
    quantity: int
    unit_price: Decimal
    genre_ids: frozenset[int] = frozenset()
    publisher_ids: frozenset[int] = frozenset()
    format: BookFormat = BookFormat.PAPERBACK
    language: str | None = None
    published_by: date | None = None
    is_gift_card: bool = False

    @property
    def total(self) -> Decimal:
        """What the line costs before any discount."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which books something is for: of each list that names any, a book must be in it."""

    book_ids: frozenset[int] = frozenset()
    genre_ids: frozenset[int] = frozenset()
    publisher_ids: frozenset[int] = frozenset()
    formats: frozenset[str] = frozenset()

    def takes(self, line: PricedLine) -> bool:
        """Tell whether a line's book is selected."""
        return (
            (not self.book_ids or line.book_id in self.book_ids)
            and (not self.genre_ids or bool(line.genre_ids & self.genre_ids))
            and (not self.publisher_ids or bool(line.publisher_ids & self.publisher_ids))
            and (not self.formats or line.format.value in self.formats)
        )


@dataclass(frozen=True, kw_only=True)
class OfferTerms:
    """An automatic offer. ``bundle_size`` and ``bundle_discounted`` are those of a bundle."""

    id: int
    kind: OfferKind
    title: str
    percent: Decimal
    bundle_size: int = 0
    bundle_discounted: int = 0
    selection: Selection = Selection()


@dataclass(frozen=True, kw_only=True)
class CouponTerms:
    """A coupon: ``percent`` or ``amount`` by its kind.

    ``minimum`` is what the books that it is for must cost at least, after offers. One that does
    not stack works beside no other coupon, and not on books that an offer has discounted.
    """

    id: int
    code: str
    kind: CouponKind
    title: str
    percent: Decimal | None = None
    amount: Decimal | None = None
    minimum: Decimal | None = None
    selection: Selection = Selection()
    stacks: bool = False
