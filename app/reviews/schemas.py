"""What clients send and are told about reviews."""

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from app.core.pagination import PerPageQuery
from app.core.schemas import (
    FORBIDDEN_CHARACTERS,
    EmptyAsNone,
    Id,
    ReadModel,
    Text,
    WriteModel,
)
from app.reviews.models import ReviewStatus

MAX_TEXT_CHARACTERS = 2000
MAX_AT_ONCE = 50


def clean(value: Any) -> Any:
    """Return a text in NFC, with plain line breaks and without characters that nobody can see."""
    if not isinstance(value, str):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return FORBIDDEN_CHARACTERS.sub("", unicodedata.normalize("NFC", lines)).strip()


Rating = Annotated[int, Field(ge=1, le=5, description="Stars.", examples=[4])]
ReviewText = Annotated[
    Text,
    Field(
        max_length=MAX_TEXT_CHARACTERS,
        description="Plain text: whatever looks like markup is shown as it was typed.",
        examples=["I read it in one night."],
    ),
]
OptionalText = Annotated[ReviewText | None, EmptyAsNone, BeforeValidator(clean)]


class ReviewCreate(WriteModel):
    """A new review."""

    rating: Rating
    text: OptionalText = None


class ReviewUpdate(WriteModel):
    """What is to change; a text of null is taken away."""

    rating: Rating | None = None
    text: OptionalText = None


class ReviewAuthor(ReadModel):
    """Who wrote it, under the name that the reader chose."""

    user_id: int
    display_name: str
    avatar_url: str | None = None


class ReviewedBook(ReadModel):
    """The edition that it was written at."""

    book_id: int
    title: str
    cover_image_url: str | None


class ReviewRead(ReadModel):
    """A review. ``verified_purchase``: the reader had bought the book here when they wrote it."""

    id: int
    book_id: int
    user_id: int
    rating: int
    text: str | None
    verified_purchase: bool
    status: Annotated[
        ReviewStatus,
        Field(description="`pending` and `hidden` ones are shown to their reader and staff alone."),
    ]
    created_at: datetime
    updated_at: datetime
    author: ReviewAuthor
    book: ReviewedBook


class ReviewSort(StrEnum):
    """What staff's list is sorted by."""

    DATE = "date"
    RATING = "rating"


class SortDirection(StrEnum):
    """Which way."""

    ASCENDING = "asc"
    DESCENDING = "desc"


class AdminReviewQuery(PerPageQuery):
    """Which reviews, and which page of them: by its number, or by a cursor."""

    book_id: Annotated[Id | None, EmptyAsNone] = None
    user_id: Annotated[Id | None, EmptyAsNone] = None
    status: Annotated[ReviewStatus | None, EmptyAsNone] = None
    rating_min: Annotated[Annotated[int, Field(ge=1, le=5)] | None, EmptyAsNone] = None
    rating_max: Annotated[Annotated[int, Field(ge=1, le=5)] | None, EmptyAsNone] = None
    sort_by: ReviewSort = ReviewSort.DATE
    sort_dir: SortDirection = SortDirection.DESCENDING


class AdminAuthor(ReadModel):
    """Who wrote it."""

    user_id: int
    display_name: str


class AdminBook(ReadModel):
    """The edition that it was written at."""

    book_id: int
    title: str


class AdminReviewRead(ReadModel):
    """A review as staff see it."""

    id: int
    rating: int
    text: str | None
    status: ReviewStatus
    hidden_reason: str | None
    verified_purchase: bool
    created_at: datetime
    updated_at: datetime
    author: AdminAuthor
    book: AdminBook


class AdminReviewPage(BaseModel):
    """One page of reviews. ``total_count`` counts all that were asked for, over all pages."""

    items: list[AdminReviewRead]
    total_count: int
    page: int
    per_page: int
    total_pages: int
    next_cursor: Annotated[
        str | None, Field(description="`cursor` of the page behind this one, if there is one.")
    ] = None
    previous_cursor: Annotated[
        str | None, Field(description="`cursor` of the page before this one, if there is one.")
    ] = None


Reason = Annotated[
    Text,
    BeforeValidator(clean),
    Field(min_length=1, max_length=500, examples=["It tells how the book ends."]),
]
ReviewIds = Annotated[list[Id], Field(min_length=1, max_length=MAX_AT_ONCE, examples=[[17, 18]])]


class ReviewHide(WriteModel):
    """Why a review is taken from the public."""

    reason: Reason


class ReviewSelection(WriteModel):
    """Up to fifty reviews."""

    review_ids: ReviewIds


class ReviewHideMany(ReviewSelection):
    """Up to fifty reviews, and why they are taken from the public."""

    reason: Reason


class DeletedCount(BaseModel):
    """How many there were to delete."""

    deleted_count: int


class ChangedCount(BaseModel):
    """How many were changed; the others are missing, or were so already."""

    changed_count: int
