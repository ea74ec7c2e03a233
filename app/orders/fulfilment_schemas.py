"""What staff send, and everybody is told, about what becomes of orders."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from app.core.pagination import ListQuery
from app.core.schemas import EmptyAsNone, Id, OneLine, Price, ReadModel, Text, WriteModel
from app.orders.fulfilment_models import EventKind, PaperKind, Reason, RefundState, RefundWay
from app.orders.models import OrderStatus

MAX_COPIES = 1_000_000
MAX_LINES = 200
"""As many as a basket has."""

MAX_DAYS = 3700
"""Ten years, of which the books are kept."""

Quantity = Annotated[int, Field(ge=1, le=MAX_COPIES)]
Label = Annotated[Annotated[OneLine, Field(min_length=1, max_length=100)] | None, EmptyAsNone]
Note = Annotated[Text, Field(min_length=1, max_length=2000)]


def refuse_foreign_scheme(url: str) -> str:
    """Return the address if a browser may be led to it."""
    if not url.startswith(("https://", "http://")):
        raise PydanticCustomError("url_scheme", "This must begin with https:// or http://.")
    return url


WebAddress = Annotated[
    Annotated[OneLine, Field(max_length=500), AfterValidator(refuse_foreign_scheme)] | None,
    EmptyAsNone,
]


class LineCopies(WriteModel):
    """So many copies of a line of the order."""

    line_id: Annotated[Id, Field(description="The `id` of an item of the order.")]
    quantity: Quantity


def refuse_repeated_lines(lines: list[LineCopies]) -> list[LineCopies]:
    """Return the lines if each is named once."""
    if len({line.line_id for line in lines}) < len(lines):
        raise PydanticCustomError("line_repeated", "Please name each line once.")
    return lines


class ReturnedCopies(LineCopies):
    """So many copies of a line that came back."""

    on_shelf: Annotated[bool, Field(description="Whether they can be sold again.")] = True


class ShipmentCreate(WriteModel):
    """A parcel. Without ``lines`` everything that is left goes with it."""

    lines: Annotated[
        list[LineCopies] | None,
        Field(min_length=1, max_length=MAX_LINES),
        AfterValidator(lambda lines: lines and refuse_repeated_lines(lines)),
    ] = None
    carrier: Annotated[Label, Field(examples=["Royal Mail"])] = None
    tracking_number: Annotated[Label, Field(examples=["RB123456785GB"])] = None
    tracking_url: Annotated[WebAddress, Field(examples=["https://track.example/RB123456785GB"])] = (
        None
    )


class CancelRequest(WriteModel):
    """Why an order is called off."""

    reason: Reason = Reason.OTHER
    note: Annotated[Note | None, EmptyAsNone] = None


class RefundCreate(WriteModel):
    """Money back: for copies of lines, an amount, or with neither all that is left.

    With both, the copies count as paid back, and the amount is what is paid for them.
    """

    reason: Reason
    lines: Annotated[
        list[LineCopies],
        Field(default_factory=list, max_length=MAX_LINES),
        AfterValidator(refuse_repeated_lines),
    ]
    amount: Annotated[Price | None, Field(examples=["5.00"])] = None
    note: Annotated[Note | None, EmptyAsNone] = None


class ReturnCreate(WriteModel):
    """Copies that came back, or that will never be sent (``was_sent`` false)."""

    reason: Reason
    lines: Annotated[list[ReturnedCopies], Field(min_length=1, max_length=MAX_LINES)]
    was_sent: Annotated[
        bool, Field(description="False for copies that have not left, and now never will.")
    ] = True
    refund: Annotated[bool, Field(description="Whether they are paid back.")] = True
    note: Annotated[Note | None, EmptyAsNone] = None

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        refuse_repeated_lines(list(self.lines))
        return self


class NoteCreate(WriteModel):
    """Something that staff tell each other about an order. No buyer is shown it."""

    text: Note


class OrderEventRead(ReadModel):
    """Something that happened to an order."""

    id: int
    created_at: datetime
    kind: EventKind
    actor: Annotated[
        str,
        Field(
            description="`buyer`, `shop`, or for staff who of them it was.",
            examples=["ada@example.com"],
        ),
    ]
    data: dict[str, JsonValue]


class LineProgress(ReadModel):
    """What became of the copies of a line; `to_send` are those that are still to leave."""

    line_id: int
    book_id: int
    title: str
    isbn: str | None
    quantity: int
    sent: int
    dropped: int
    returned: int
    refunded: int
    to_send: int


class SentCopies(ReadModel):
    """So many copies of a line in a parcel."""

    order_line_id: int
    quantity: int


class RefundedCopies(ReadModel):
    """So many copies of a line that are paid back, and what they cost."""

    order_line_id: int
    quantity: int
    amount: Decimal


class ShipmentRead(ReadModel):
    """A parcel."""

    id: int
    created_at: datetime
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    lines: list[SentCopies]


class RefundRead(ReadModel):
    """Money that goes back. ``pending`` until the gateway says that it is done, or why not.

    ``way`` is that of the payment, or onto the gift cards that paid a part of the order.
    """

    id: int
    created_at: datetime
    amount: Decimal
    currency: str
    way: RefundWay
    reason: Reason
    state: RefundState
    failure: str | None
    decided_at: datetime | None
    lines: list[RefundedCopies]


class PaperRead(ReadModel):
    """An invoice or a credit note."""

    kind: PaperKind
    label: Annotated[str, Field(description="Its number.", examples=["2026-000042"])]
    issued_at: datetime
    refund_id: int | None


class FulfilmentRead(ReadModel):
    """What has become of an order so far."""

    order_id: int
    number: str
    status: OrderStatus
    lines: list[LineProgress]
    shipments: list[ShipmentRead]
    refunds: list[RefundRead]
    papers: list[PaperRead]
    paid: Decimal
    refunded_total: Annotated[
        Decimal, Field(description="What was paid back, and what is about to be.")
    ]
    currency: str


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Moment = Annotated[Annotated[datetime, AfterValidator(_as_utc)] | None, EmptyAsNone]
Word = Annotated[Annotated[Text, Field(max_length=254)] | None, EmptyAsNone]


class OrderFilter(BaseModel):
    """Which orders are asked for; without any filter, all."""

    model_config = ConfigDict(populate_by_name=True)

    status: Annotated[OrderStatus | None, EmptyAsNone] = None
    number: Annotated[Word, Field(examples=["7KQ2M-XR94T"])] = None
    email: Annotated[Word, Field(description="The address that the order was confirmed to.")] = None
    since: Annotated[Moment, Field(alias="from", description="Placed at this moment or later.")] = (
        None
    )
    until: Annotated[Moment, Field(alias="to", description="Placed before this moment.")] = None


class OrderQuery(OrderFilter, ListQuery):
    """Which orders, and which part of the list of them."""


class BookkeepingDays(BaseModel):
    """Of which days, in the shop's time zone: the first one, and the first one after."""

    model_config = ConfigDict(populate_by_name=True)

    first: Annotated[date, Field(alias="from", examples=["2026-11-01"])]
    after: Annotated[date, Field(alias="to", examples=["2026-12-01"])]

    @model_validator(mode="after")
    def _refuse_backwards(self) -> Self:
        if not date(2000, 1, 1) <= self.first < self.after <= date(9000, 1, 1):
            raise ValueError("the first day must come before the first day after")
        if (self.after - self.first).days > MAX_DAYS:
            raise ValueError(f"please ask for {MAX_DAYS} days at the most")
        return self
