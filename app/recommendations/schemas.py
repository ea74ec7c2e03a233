"""What clients are told about recommendations and lists."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from app.books.schemas import BookSummary
from app.core.pagination import CountedPage


class GroupKind(StrEnum):
    """Why books are recommended beside another."""

    NEXT_IN_SERIES = "next_in_series"
    ALSO_BOUGHT = "also_bought"
    SAME_AUTHOR = "same_author"
    SIMILAR_SUBJECTS = "similar_subjects"


class RecommendedBook(BookSummary):
    """A book that may please, and why."""

    reason: Annotated[str, Field(examples=["12 readers of this book also chose it"])]


class RecommendationGroup(BaseModel):
    """Books that are recommended for one kind of reason, the best first."""

    kind: GroupKind
    title: Annotated[str, Field(examples=["Readers also bought"])]
    items: list[RecommendedBook]


class ListName(StrEnum):
    """The lists that the shop keeps."""

    BESTSELLERS_WEEK = "bestsellers-week"
    BESTSELLERS_MONTH = "bestsellers-month"
    NEW = "new"
    COMING_SOON = "coming-soon"
    STAFF_PICKS = "staff-picks"


class ListRead(BaseModel):
    """A list that the shop keeps."""

    name: ListName
    title: Annotated[str, Field(examples=["Bestsellers of the week"])]
    description: str


class ListedBook(BookSummary):
    """A book in a list."""

    rank: Annotated[
        int | None,
        Field(
            description="Its place among the bestsellers; null in lists that rank nothing. A place "
            "is empty while its book is not sold, until the list is counted anew."
        ),
    ] = None
    note: Annotated[str | None, Field(description="What staff say of their pick.")] = None
    picked_by: str | None = None


class ListPage(CountedPage[ListedBook]):
    """One page of a list."""
