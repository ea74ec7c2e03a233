"""What staff write and are told about coupons, offers and gift cards, and what readers ask."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.books.codes import BookFormat
from app.core.schemas import EmptyAsNone, Id, OneLine, Price, ReadModel, Text, WriteModel
from app.promotions.codes import normalize_coupon_code
from app.promotions.models import EntryKind
from app.promotions.terms import CouponKind, OfferKind
from app.users.schemas import Email

MAX_NAMED = 500
MIN_CODE = 3
MAX_CODE = 40
MAX_BUNDLE = 20


def _coupon_code(value: Any) -> Any:
    return normalize_coupon_code(value) if isinstance(value, str) else value


def _refuse_what_is_no_code(code: str) -> str:
    if MIN_CODE <= len(code) <= MAX_CODE and all(
        character.isalnum() or character in "-_" for character in code
    ):
        return code
    raise PydanticCustomError(
        "coupon_code", "A code has 3 to 40 letters, digits, hyphens and underscores."
    )


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


CouponCode = Annotated[
    Text,
    BeforeValidator(_coupon_code),
    AfterValidator(_refuse_what_is_no_code),
    Field(
        examples=["SPRING-26"],
        json_schema_extra={"minLength": MIN_CODE, "maxLength": MAX_CODE},
    ),
]
"""A coupon's code; case and spaces do not count."""

GiftCardCode = Annotated[Text, Field(max_length=60, examples=["7Q4MK-2ZC8A-XW0VT-9HB3N"])]
"""A gift card's code as people write it."""

Moment = Annotated[
    Annotated[datetime, AfterValidator(_as_utc)] | None,
    EmptyAsNone,
    Field(description="A moment without a zone is meant in UTC."),
]
Percent = Annotated[Decimal, Field(gt=0, le=100, max_digits=5, decimal_places=2)]
Title = Annotated[OneLine, Field(min_length=1, max_length=200, examples=["Three for two"])]
Ids = Annotated[
    list[Id], Field(max_length=MAX_NAMED, description="Of these only; none named means of all.")
]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class SelectionFields(WriteModel):
    """Which books; of each list that names any, a book must be in it."""

    book_ids: Ids = Field(default_factory=list)
    genre_ids: Ids = Field(default_factory=list)
    publisher_ids: Annotated[
        list[Id], Field(max_length=MAX_NAMED, description="Publishers or imprints.")
    ] = Field(default_factory=list)
    formats: Annotated[list[BookFormat], Field(max_length=len(BookFormat))] = Field(
        default_factory=list
    )


class RunningFields(WriteModel):
    """From when, and until before when."""

    starts_at: Moment = None
    ends_at: Moment = None

    @model_validator(mode="after")
    def _refuse_end_before_start(self) -> Self:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise PydanticCustomError("ends_early", "It ends before it begins.")
        return self


class CouponUpdate(SelectionFields, RunningFields):
    """All that a coupon says but its code. What orders have used stays as it was for them."""

    title: Title
    kind: CouponKind
    percent: Percent | None = None
    amount: Annotated[Price | None, Field(description="In the shop's currency.")] = None
    minimum: Annotated[
        Price | None,
        Field(description="What the books that it is for must cost at least, after offers."),
    ] = None
    max_redemptions: Annotated[Count | None, Field(description="In how many orders at most.")] = (
        None
    )
    max_per_person: Annotated[
        Count | None,
        Field(description="In how many of one reader's, by account and by e-mail address."),
    ] = None
    stacks: Annotated[
        bool,
        Field(
            description="Whether it may be used with other coupons that do, and on books that an "
            "offer has discounted."
        ),
    ] = False

    @model_validator(mode="after")
    def _refuse_value_of_another_kind(self) -> Self:
        values = {CouponKind.PERCENT: self.percent, CouponKind.AMOUNT: self.amount}
        given = {kind for kind, value in values.items() if value is not None}
        if given != ({self.kind} & values.keys()):
            raise PydanticCustomError(
                "value_of_kind",
                "A coupon of a kind has that kind's value: percent, amount, or neither.",
            )
        return self


class CouponCreate(CouponUpdate):
    """A new coupon."""

    code: CouponCode


class OfferWrite(SelectionFields, RunningFields):
    """All that an automatic offer says."""

    title: Title
    kind: OfferKind
    percent: Annotated[
        Percent, Field(description="Of every copy, or of those that a bundle discounts.")
    ]
    bundle_size: Annotated[int | None, Field(ge=2, le=MAX_BUNDLE, examples=[3])] = None
    bundle_discounted: Annotated[
        int | None,
        Field(
            ge=1,
            lt=MAX_BUNDLE,
            examples=[1],
            description="How many of a bundle's copies, the cheapest, are discounted: of three for "
            "two 1, by 100 percent.",
        ),
    ] = None
    position: Annotated[
        int,
        Field(ge=0, le=32_000, description="The lowest comes first; a copy is in one offer only."),
    ] = 0

    @model_validator(mode="after")
    def _refuse_unsound_bundle(self) -> Self:
        size, discounted = self.bundle_size, self.bundle_discounted
        if self.kind is OfferKind.PERCENT:
            if size is not None or discounted is not None:
                raise PydanticCustomError("bundle", "An offer of a percentage has no bundle.")
        elif size is None or discounted is None or discounted >= size:
            raise PydanticCustomError(
                "bundle", "A bundle has a size, and fewer discounted copies than that."
            )
        return self


class SelectionRead(ReadModel):
    """Which books; an empty list names all."""

    book_ids: list[int]
    genre_ids: list[int]
    publisher_ids: list[int]
    formats: list[str]


class RunningRead(ReadModel):
    """From when until when."""

    starts_at: datetime | None
    ends_at: datetime | None
    ended_at: Annotated[datetime | None, Field(description="When staff ended it.")]


class CouponRead(SelectionRead, RunningRead):
    """A coupon, and in how many orders it is used."""

    id: int
    created_at: datetime
    code: str
    title: str
    kind: CouponKind
    percent: Decimal | None
    amount: Decimal | None
    currency: str
    minimum: Decimal | None
    max_redemptions: int | None
    max_per_person: int | None
    redeemed: int
    stacks: bool


class OfferRead(SelectionRead, RunningRead):
    """An automatic offer."""

    id: int
    created_at: datetime
    title: str
    kind: OfferKind
    percent: Decimal
    bundle_size: int | None
    bundle_discounted: int | None
    position: int


class GiftCardUpdate(WriteModel):
    """What staff may change of a gift card."""

    expires_at: Moment = None
    note: Annotated[Text | None, Field(max_length=2000)] = None


class GiftCardCreate(GiftCardUpdate):
    """A gift card that staff issue, for a refund or as a present."""

    amount: Price
    recipient_email: Annotated[
        Email | None,
        EmptyAsNone,
        Field(description="Whom the code is mailed to, if to anybody."),
    ] = None
    message: Annotated[
        Text | None, Field(max_length=1000, description="What is said in that mail.")
    ] = None


class GiftCardRead(ReadModel):
    """A gift card as staff see it. Its code is shown once and kept nowhere."""

    id: int
    created_at: datetime
    last_characters: Annotated[str, Field(examples=["HB3N"])]
    currency: str
    initial_amount: Decimal
    balance: Decimal
    expires_at: datetime | None
    ended_at: datetime | None
    order_line_id: Annotated[int | None, Field(description="The line that it was bought as.")]
    recipient_email: str | None
    message: str | None
    note: str | None
    issued_by: str


class IssuedGiftCard(GiftCardRead):
    """A gift card that was issued just now, with the code, which is shown this once."""

    code: Annotated[str, Field(examples=["7Q4MK-2ZC8A-XW0VT-9HB3N"])]

    def without_code(self) -> GiftCardRead:
        """Return what may be written down."""
        return GiftCardRead(**self.model_dump(exclude={"code"}))


class GiftCardEntryRead(ReadModel):
    """A line of a gift card's ledger; all of them add up to its balance."""

    id: int
    created_at: datetime
    kind: EntryKind
    amount: Annotated[Decimal, Field(description="Negative where it was spent.")]
    balance_after: Decimal
    order_id: int | None


class BalanceQuestion(WriteModel):
    """The code of a gift card."""

    code: GiftCardCode


class BalanceRead(ReadModel):
    """What is left on a gift card."""

    balance: Decimal
    currency: str
    expires_at: datetime | None
    last_characters: str
