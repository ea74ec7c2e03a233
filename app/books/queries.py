"""Which books a client asks for, and in which order."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from app.books.codes import BookFormat, SubjectScheme
from app.core.pagination import PageQuery
from app.core.schemas import EmptyAsNone, Id, Text

PriceLimit = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2, allow_inf_nan=False)]
ShortText = Annotated[Text, Field(max_length=200)]
MAX_VALUES = 20
SORT_SYNONYMS = {"newest": "date", "rating": "avg_rating"}

PRICE_BANDS = tuple(map(Decimal, (0, 5, 10, 20, 50)))
"""Where each of the price facet's values begins."""


def split_values(value: Any) -> Any:
    """Return the values of a parameter that may be repeated or have commas; none is nothing."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        return value
    return [part for text in texts for part in text.split(",") if part.strip()] or None


def _spell_sort(value: Any) -> Any:
    return SORT_SYNONYMS.get(value, value) if isinstance(value, str) else value


class BookSort(StrEnum):
    """What a list of books is sorted by."""

    TITLE = "title"
    PRICE = "price"
    DATE = "date"
    CREATED_AT = "created_at"
    AVERAGE_RATING = "avg_rating"
    RELEVANCE = "relevance"
    BESTSELLING = "bestselling"


class SortDirection(StrEnum):
    """Which end of a list comes first."""

    ASCENDING = "asc"
    DESCENDING = "desc"


class FacetName(StrEnum):
    """What the books of a list can be counted by."""

    GENRE = "genre"
    FORMAT = "format"
    LANGUAGE = "language"
    SUBJECT = "subject"
    PUBLISHER = "publisher"
    PRICE = "price"
    IN_STOCK = "in_stock"
    RATING = "rating"
    DECADE = "decade"


class BookQuery(PageQuery):
    """Which books are asked for, and in which order. What is left empty does not count."""

    q: Annotated[
        Text | None,
        EmptyAsNone,
        Field(
            description="Words of title, author or series, or an ISBN. Case, accents and "
            "punctuation do not matter, the last word may be unfinished, and spelling is "
            "repaired. Only the first 200 characters and 12 words count.",
            examples=["pride prejud"],
        ),
    ] = None
    genre_id: Annotated[Id | None, EmptyAsNone] = None
    genre: Annotated[
        ShortText | None,
        EmptyAsNone,
        Field(description="A genre's `slug`.", examples=["science-fiction"]),
    ] = None
    subject: Annotated[
        ShortText | None,
        EmptyAsNone,
        Field(
            description="A subject's code, with everything below it: `FB` has `FBA` and `FBAN`.",
            examples=["FBA"],
        ),
    ] = None
    subject_scheme: Annotated[SubjectScheme, Field(description="Whose code `subject` is.")] = (
        SubjectScheme.THEMA
    )
    contributor_id: Annotated[
        Id | None, EmptyAsNone, Field(description="Somebody who made the work, in any role.")
    ] = None
    series_id: Annotated[Id | None, EmptyAsNone] = None
    publisher_id: Annotated[
        Id | None, EmptyAsNone, Field(description="A publisher, or an imprint.")
    ] = None
    language: Annotated[
        Annotated[list[ShortText], Field(max_length=MAX_VALUES)] | None,
        BeforeValidator(split_values),
        Field(
            description="One or more, repeated or with commas between them.",
            examples=[["en", "fr"]],
        ),
    ] = None
    format: Annotated[
        Annotated[list[BookFormat], Field(max_length=len(BookFormat))] | None,
        BeforeValidator(split_values),
        Field(
            description="One or more, repeated or with commas between them.",
            examples=[["paperback", "e-book"]],
        ),
    ] = None
    author: Annotated[
        Text | None,
        EmptyAsNone,
        Field(description="Words, or their beginnings, of the author's name."),
    ] = None
    min_price: Annotated[PriceLimit | None, EmptyAsNone] = None
    max_price: Annotated[PriceLimit | None, EmptyAsNone] = None
    in_stock: Annotated[
        bool | None,
        EmptyAsNone,
        Field(description="Only what can be bought now, or only what cannot."),
    ] = None
    published_from: Annotated[
        date | None, EmptyAsNone, Field(description="The first day of publication.")
    ] = None
    published_to: Annotated[
        date | None, EmptyAsNone, Field(description="The last day of publication.")
    ] = None
    min_rating: Annotated[
        Annotated[Decimal, Field(ge=1, le=5, max_digits=2, decimal_places=1)] | None,
        EmptyAsNone,
        Field(description="The least `avg_rating`."),
    ] = None
    facets: Annotated[
        Annotated[list[FacetName], Field(max_length=len(FacetName))] | None,
        BeforeValidator(split_values),
        Field(
            description="What to count the books by, repeated or with commas between them: "
            "`genre,format,language`.",
            examples=[["genre", "format", "language"]],
        ),
    ] = None
    sort: Annotated[
        BookSort | None,
        BeforeValidator(_spell_sort),
        EmptyAsNone,
        Field(
            description="By default relevance for a search, else bestselling. `date` is that of "
            "publication (`newest` is another word for it), `created_at` when the shop took the "
            "book; `rating` is another word for `avg_rating`."
        ),
    ] = None
    sort_dir: Annotated[
        SortDirection | None,
        EmptyAsNone,
        Field(
            description="By default titles from A and prices from the lowest, everything else "
            "from the highest or newest. Relevance knows one direction."
        ),
    ] = None

    @model_validator(mode="after")
    def _refuse_empty_ranges(self) -> Self:
        if (
            self.min_price is not None
            and self.max_price is not None
            and self.min_price > self.max_price
        ):
            raise ValueError("min_price must not be greater than max_price")
        if (
            self.published_from is not None
            and self.published_to is not None
            and self.published_from > self.published_to
        ):
            raise ValueError("published_from must not be later than published_to")
        return self
