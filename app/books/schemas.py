"""What clients ask, send and are told about books and genres."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, computed_field, field_validator, model_validator

from app.books.codes import BookFormat, ContributorRole, DatePrecision
from app.core.pagination import Page, PageQuery
from app.core.schemas import EmptyAsNone, Id, Price, ReadModel, Text, WriteModel

MAX_QUANTITY = 1_000_000
MAX_WEIGHT = 1_000_000

SmallNumber = Annotated[int, Field(ge=1, le=2**15 - 1)]
"""Pages, minutes, millimetres."""

Line = Annotated[Text, Field(min_length=1, max_length=500)]
"""A title, a name: one line."""

Prose = Annotated[Text, Field(max_length=20_000)]
PriceLimit = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2, allow_inf_nan=False)]
ImageUrl = Annotated[Text, Field(max_length=2_000, pattern=r"^(https?://|/[^/\s])\S+$")]
LanguageTag = Annotated[
    str, Field(max_length=35, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["en", "pt-BR"])
]
IsbnText = Annotated[Text, Field(max_length=60, examples=["978-0-14-143951-8"])]
"""An ISBN as people write it; the service proves it and keeps its thirteen digits."""


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
    author: Annotated[
        Text | None,
        EmptyAsNone,
        Field(description="Words, or their beginnings, of the author's name."),
    ] = None
    min_price: Annotated[PriceLimit | None, EmptyAsNone] = None
    max_price: Annotated[PriceLimit | None, EmptyAsNone] = None
    sort: Annotated[
        BookSort | None,
        EmptyAsNone,
        Field(description="By default relevance for a search, else bestselling."),
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
    def _refuse_empty_range(self) -> Self:
        if (
            self.min_price is not None
            and self.max_price is not None
            and self.min_price > self.max_price
        ):
            raise ValueError("min_price must not be greater than max_price")
        return self


class GenreRead(ReadModel):
    """A shelf of the shop."""

    id: int
    name: str
    slug: str


class GenreCreate(WriteModel):
    """A new shelf."""

    name: Annotated[
        Text, Field(min_length=1, max_length=100, pattern=r"\w", examples=["Science fiction"])
    ]


class ContributorRead(ReadModel):
    """Who did what for a work."""

    name: str
    role: ContributorRole


class EditionRead(ReadModel):
    """Another edition of the same work."""

    id: int
    isbn: str | None
    format: BookFormat
    price: Decimal
    currency: str
    in_stock: bool


class BookSummary(ReadModel):
    """A book as lists show it."""

    id: int
    title: str
    subtitle: str | None
    author: str
    series: str | None
    series_number: str | None
    price: Annotated[Decimal, Field(examples=["12.99"])]
    currency: str
    isbn: str | None
    format: BookFormat
    genre_id: int | None
    description: str | None
    cover_image_url: str | None
    publish_date: date | None
    publish_year: int | None
    first_published: Annotated[
        int | None, Field(description="Year of the work's first edition; negative is BCE.")
    ]
    stock_quantity: Annotated[int, Field(description="Copies that can be bought now.")]
    avg_rating: Annotated[
        float | None, Field(description="One to five with one decimal; null without reviews.")
    ]
    review_count: int

    @computed_field
    def in_stock(self) -> bool:
        """Whether a copy can be bought now."""
        return self.stock_quantity > 0


class BookRead(BookSummary):
    """A book with everything that its page shows."""

    price: Annotated[  # type: ignore[assignment] # lists only show what has one
        Decimal | None,
        Field(examples=["12.99"], description="Null, for staff only, where it is not sold yet."),
    ]
    work_id: int
    genre: GenreRead | None
    contributors: list[ContributorRead]
    gtin: Annotated[str | None, Field(description="Of what is no book and has no ISBN.")]
    publisher: str | None
    imprint: str | None
    language: str | None
    original_language: str | None
    edition_statement: str | None
    pages: int | None
    minutes: Annotated[int | None, Field(description="How long an audiobook is.")]
    height_mm: int | None
    width_mm: int | None
    thickness_mm: int | None
    weight_g: int | None
    publish_date_precision: Annotated[
        DatePrecision, Field(description="Of `publish_date`: what is finer was not told.")
    ]
    on_sale_date: Annotated[
        date | None, Field(description="The day before which no copy may leave the shop.")
    ]
    short_description: str | None
    table_of_contents: str | None
    created_at: datetime
    updated_at: datetime
    editions: Annotated[
        list[EditionRead], Field(description="The work's other editions that are sold.")
    ]


Ranges = list[tuple[int, int]]
"""Characters: the first, and the one after the last."""


class Highlights(ReadModel):
    """Where a book has what was searched for, as ranges of characters of its fields."""

    title: Ranges
    author: Ranges
    series: Ranges


class BookPage(Page[BookSummary]):
    """One page of books."""

    total_is_exact: Annotated[
        bool, Field(description="Whether there are exactly `total` books, or at least so many.")
    ]
    corrected_query: Annotated[
        str | None,
        Field(description="What was searched for instead, as nothing was found for `q`."),
    ] = None
    suggested_query: Annotated[
        str | None,
        Field(description="A spelling that finds clearly more than `q`, which found little."),
    ] = None
    highlights: dict[int, Highlights] = Field(
        default_factory=dict,
        description="Of a search: by book, where its words are. Empty without a search.",
    )


class SuggestionKind(StrEnum):
    """What is suggested."""

    WORK = "work"
    PERSON = "person"
    SERIES = "series"


class Suggestion(ReadModel):
    """What somebody may be about to type."""

    kind: SuggestionKind
    id: Annotated[int, Field(description="Of the work, the contributor or the series.")]
    text: Annotated[str, Field(description="A title or a name.")]
    author: Annotated[str | None, Field(description="Of a work.")] = None
    book_id: Annotated[
        int | None, Field(description="Of a work: its first edition that is sold.")
    ] = None


class Shelf(ReadModel):
    """A row of the home page; genre and order lead to the list that it is the beginning of."""

    title: str
    sort: BookSort
    genre_id: int | None = None
    books: list[BookSummary]


class BookDetails(WriteModel):
    """What may be told about a book and need not be."""

    subtitle: Line | None = None
    series: Line | None = None
    series_number: Annotated[Text, Field(min_length=1, max_length=20)] | None = None
    isbn: Annotated[IsbnText | None, EmptyAsNone] = None
    genre_id: Id | None = None
    description: Prose | None = None
    cover_image_url: ImageUrl | None = None
    publish_date: date | None = None
    publisher: Line | None = None
    imprint: Line | None = None
    language: LanguageTag | None = None
    original_language: LanguageTag | None = None
    edition_statement: Line | None = None
    pages: SmallNumber | None = None
    minutes: SmallNumber | None = None
    height_mm: SmallNumber | None = None
    width_mm: SmallNumber | None = None
    thickness_mm: SmallNumber | None = None
    weight_g: Annotated[int, Field(ge=1, le=MAX_WEIGHT)] | None = None
    on_sale_date: date | None = None
    short_description: Prose | None = None
    table_of_contents: Prose | None = None


class BookCreate(BookDetails):
    """A new book. Several authors are separated by ``|`` or ``;``."""

    title: Annotated[Line, Field(examples=["Pride and Prejudice"])]
    author: Annotated[Line, Field(examples=["Jane Austen"])]
    price: Annotated[Price, Field(examples=["12.99"])]
    format: BookFormat = BookFormat.PAPERBACK


class BookUpdate(BookDetails):
    """Changes to a book: what is not sent stays, null clears what may be missing."""

    title: Line | None = None
    author: Line | None = None
    price: Price | None = None
    format: BookFormat | None = None

    @field_validator("title", "author", "price", "format")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null")
        return value


class StockUpdate(WriteModel):
    """How many copies were counted on the shelf."""

    quantity: Annotated[int, Field(ge=0, le=MAX_QUANTITY)]


class CoverFileRead(ReadModel):
    """One file of an uploaded cover."""

    url: str
    width: Annotated[int, Field(description="Pixels.")]
    media_type: str


class CoverRead(ReadModel):
    """An uploaded cover. ``url`` is what a book's ``cover_image_url`` takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "/media/covers/8673bc0e5f1f4c0f9d8e2a7b6c5d4e3f/400.webp",
                    "width": 400,
                    "height": 600,
                    "color": "#a17481",
                    "files": [
                        {
                            "url": "/media/covers/8673bc0e5f1f4c0f9d8e2a7b6c5d4e3f/400.webp",
                            "width": 400,
                            "media_type": "image/webp",
                        }
                    ],
                }
            ]
        }
    )

    url: Annotated[
        str,
        Field(
            description="Address of the widest WebP, under the shop's own address. The same "
            "picture always has the same one, and what it names never changes."
        ),
    ]
    width: Annotated[int, Field(description="Pixels of the widest file.")]
    height: Annotated[int, Field(description="Pixels of the widest file.")]
    color: Annotated[
        str, Field(description="The colour that most of it has.", examples=["#a17481"])
    ]
    files: Annotated[
        list[CoverFileRead],
        Field(description="Every file, for a `srcset`: by width, AVIF before WebP."),
    ]
