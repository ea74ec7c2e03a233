"""What staff ask and are told about copies."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.books.models import MovementKind
from app.books.schemas import Line
from app.core.pagination import ListQuery
from app.core.schemas import Id, ReadModel, WriteModel

MAX_COPIES = 1_000_000
MAX_LINES = 1_000

Copies = Annotated[int, Field(ge=1, le=MAX_COPIES)]


class StockQuery(ListQuery):
    """Which part of the stock."""

    low: Annotated[
        bool, Field(description="Only books that are to be ordered anew, by their `low_level`.")
    ] = False


class StockRead(ReadModel):
    """Where the copies of a book are. `received + returned = on_hand + reserved + sold`."""

    book_id: int
    title: str
    isbn: str | None
    on_hand: Annotated[int, Field(description="Copies that can be bought now.")]
    reserved: Annotated[int, Field(description="Copies set aside for orders not paid yet.")]
    sold: Annotated[int, Field(description="All copies ever sold, those that came back included.")]
    received: Annotated[int, Field(description="Copies that ever came, less what was lost.")]
    returned: Annotated[int, Field(description="Sold copies that readers sent back.")]
    low_level: Annotated[
        int | None,
        Field(description="With so many on hand or fewer, the book is to be ordered anew."),
    ]


class LowStock(ReadModel):
    """A book that is to be ordered anew."""

    title: str
    isbn: str | None
    on_hand: int


class LowStocks(ReadModel):
    """How many books are to be ordered anew, and those with the fewest copies left."""

    count: int
    lowest: list[LowStock]


class MovementRead(ReadModel):
    """So many copies that came, went or changed their place."""

    id: int
    created_at: datetime
    kind: MovementKind
    copies: Annotated[int, Field(description="Below zero only where copies were lost.")]
    order_id: int | None
    actor: Annotated[str | None, Field(description="Who of the staff; null: the shop itself.")]
    reason: str | None
    reference: Annotated[str | None, Field(description="A delivery note's number, for instance.")]


class DeliveryLine(WriteModel):
    """So many copies of a book in a delivery."""

    book_id: Id
    copies: Copies


class Delivery(WriteModel):
    """What came in one delivery."""

    lines: Annotated[list[DeliveryLine], Field(min_length=1, max_length=MAX_LINES)]
    reference: Annotated[Line, Field(examples=["Delivery note 4711"])] | None = None
    reason: Line | None = None

    @model_validator(mode="after")
    def _refuse_repeated(self) -> Self:
        books = [line.book_id for line in self.lines]
        if len(set(books)) < len(books):
            raise ValueError("a book stands in two lines")
        return self


class PreordersOpen(WriteModel):
    """Copies that are announced to the shop, to be sold before they are here."""

    copies: Annotated[int, Field(ge=0, le=MAX_COPIES, examples=[40])] = 0


class Correction(WriteModel):
    """Copies that were found, or with a minus lost or damaged, and why."""

    by: Annotated[int, Field(ge=-MAX_COPIES, le=MAX_COPIES, examples=[-1])]
    reason: Annotated[Line, Field(examples=["Water damage"])]
    reference: Line | None = None

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if self.by == 0:
            raise ValueError("by must not be 0")
        return self


class LowLevel(WriteModel):
    """With how many copies a book is to be ordered anew; null stops watching it."""

    low_level: Annotated[int, Field(ge=0, le=MAX_COPIES)] | None
