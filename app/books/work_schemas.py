"""What clients ask and are told about works and staff picks."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field

from app.books.codes import BookFormat
from app.books.models import SubjectScheme
from app.books.schemas import BookSummary, ContributorRead, GenreRead, Line, ToldAvailability
from app.core.pagination import Page
from app.core.schemas import Id, ReadModel, Text, WriteModel

MAX_EDITIONS = 100
"""How many editions of a work are told, and can be moved at once."""

MAX_MERGED = 20


class SeriesEntryRead(ReadModel):
    """A series that a work is in, and its number there."""

    title: str
    number: str | None


class SubjectRead(ReadModel):
    """What a work is about."""

    scheme: SubjectScheme
    code: str
    heading: str | None
    is_main: bool


class WorkEditionRead(ReadModel):
    """An edition of a work."""

    id: int
    isbn: str | None
    format: BookFormat
    language: str | None
    publisher: str | None
    publish_year: int | None
    price: Annotated[
        Decimal | None, Field(description="Null, for staff only, where it is not sold yet.")
    ]
    currency: str
    in_stock: bool
    is_sold: Annotated[bool, Field(description="False, for staff only: deleted, or no price.")]
    availability: ToldAvailability
    url: Annotated[str, Field(description="Path of its page under the shop's address.")]


class WorkRead(ReadModel):
    """A work and its editions."""

    id: int
    title: str
    subtitle: str | None
    author: str
    series: str | None
    series_number: str | None
    short_description: str | None
    description: str | None
    table_of_contents: str | None
    first_published: Annotated[
        int | None, Field(description="Year of its first edition; negative is BCE.")
    ]
    original_language: str | None
    genre: GenreRead | None
    avg_rating: float | None
    review_count: int
    contributors: list[ContributorRead]
    series_list: list[SeriesEntryRead]
    subjects: list[SubjectRead]
    editions: Annotated[
        list[WorkEditionRead], Field(description=f"The first {MAX_EDITIONS}, the oldest first.")
    ]
    edition_count: Annotated[int, Field(description="How many editions there are.")]


class WorkMerge(WriteModel):
    """Works that are the same as another."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"work_ids": [1042, 2310]}]})

    work_ids: Annotated[
        list[Id],
        Field(min_length=1, max_length=MAX_MERGED, description="Their editions move; they go."),
    ]


class WorkSplit(WriteModel):
    """Editions that are a work of their own."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"book_ids": [77], "title": "Emma: a retelling"}]}
    )

    book_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_EDITIONS)]
    title: Annotated[
        Line | None, Field(description="The new work's title, if it is not the old one's.")
    ] = None


class StaffPickUpdate(WriteModel):
    """Why somebody recommends a work."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"note": "I missed my stop.", "picked_by": "Nora", "position": 1}]
        }
    )

    note: Annotated[Text, Field(min_length=1, max_length=2_000)]
    picked_by: Annotated[Text, Field(min_length=1, max_length=100)]
    position: Annotated[int, Field(ge=0, le=2**15 - 1, description="The lowest comes first.")] = 0


class StaffPickRead(ReadModel):
    """A work that somebody of the shop recommends, and why."""

    work_id: int
    note: str
    picked_by: str
    position: int
    picked_at: datetime


class StaffPickWithBook(StaffPickRead):
    """A pick, and the edition that a shopper is led to."""

    book: BookSummary


class StaffPickPage(Page[StaffPickWithBook]):
    """One page of staff picks."""
