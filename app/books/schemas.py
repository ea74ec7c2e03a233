"""What clients ask, send and are told about books and genres."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, computed_field, field_validator

from app.books.availability import Availability, TradeFacts, describe_availability
from app.books.catalogue_schemas import SeriesOfBook, SeriesSummary, SubjectOfBook
from app.books.codes import BookFormat, ContributorRole, DatePrecision
from app.books.models import SubjectScheme
from app.books.queries import BookSort, FacetName
from app.books.slugs import book_address, make_slug
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.market import shop_market
from app.core.pagination import CountedPage
from app.core.schemas import EmptyAsNone, Id, OneLine, Price, ReadModel, Text, WriteModel

MAX_QUANTITY = 1_000_000
MAX_WEIGHT = 1_000_000
MAX_LISTED = 100
"""Contributors, subjects or series of one work."""

SmallNumber = Annotated[int, Field(ge=1, le=2**15 - 1)]
"""Pages, minutes, millimetres."""

Line = Annotated[OneLine, Field(min_length=1, max_length=500)]
"""A title, a name: one line."""

Prose = Annotated[Text, Field(max_length=20_000)]
ImageUrl = Annotated[Text, Field(max_length=2_000, pattern=r"^(https?://|/[^/\s])\S+$")]
LanguageTag = Annotated[
    str, Field(max_length=35, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["en", "pt-BR"])
]
IsbnText = Annotated[Text, Field(max_length=60, examples=["978-0-14-143951-8"])]
"""An ISBN as people write it; the service proves it and keeps its thirteen digits."""


def _read_availability(value: object) -> object:
    """Turn the catalogue's facts into what a shopper is told today; an answer stays as it is.

    The day and the country are the shop's, looked up here: the same for whatever lists books.
    """
    if isinstance(value, Availability):
        return value
    market = shop_market(now=utc_now(), settings=get_settings())
    return describe_availability(TradeFacts.model_validate(value), market)


ToldAvailability = Annotated[
    Availability,
    BeforeValidator(_read_availability),
    Field(description="What a shopper in the shop's country is told of it today."),
]


class GenreRead(ReadModel):
    """A shelf of the shop."""

    id: int
    name: str
    slug: str


class GenreCreate(WriteModel):
    """A new shelf."""

    name: Annotated[
        OneLine, Field(min_length=1, max_length=100, pattern=r"\w", examples=["Science fiction"])
    ]


class ContributorRead(ReadModel):
    """Who did what for a work."""

    name: str
    role: ContributorRole
    id: int


class EditionRead(ReadModel):
    """Another edition of the same work."""

    id: int
    isbn: str | None
    format: BookFormat
    price: Decimal
    currency: str
    in_stock: bool
    availability: ToldAvailability


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
    availability: ToldAvailability

    @computed_field
    def in_stock(self) -> bool:
        """Whether a copy can be bought now."""
        return self.stock_quantity > 0

    @computed_field  # type: ignore[prop-decorator] # (mypy cannot know of such properties)
    @property
    def slug(self) -> str:
        """Title and author as the page's address has them; it follows when they change."""
        return make_slug(title=self.title, author=self.author)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def url(self) -> str:
        """Path of the book's page under the shop's address. Older ones lead there."""
        return book_address(self.id, title=self.title, author=self.author)


class BookRead(BookSummary):
    """A book with everything that its page shows."""

    price: Annotated[  # type: ignore[assignment] # lists only show what has one
        Decimal | None,
        Field(examples=["12.99"], description="Null, for staff only, where it is not sold yet."),
    ]
    work_id: int
    rating_histogram: Annotated[
        list[int],
        Field(
            description="How many gave one star, two, three, four and five.",
            examples=[[0, 0, 1, 4, 9]],
        ),
    ]
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
    publisher_id: int | None
    imprint_id: int | None
    series_list: Annotated[
        list[SeriesOfBook],
        Field(description="Every series that the work is in; `series` names the first."),
    ]
    subjects: Annotated[list[SubjectOfBook], Field(description="The main one first.")]


class FacetValue(ReadModel):
    """One of the things that books can be, and how many are."""

    value: Annotated[str, Field(examples=["paperback"])]
    label: Annotated[str, Field(description="For people.", examples=["Paperback"])]
    count: Annotated[int, Field(description="Counted to 1,000.")]
    count_is_exact: Annotated[
        bool, Field(description="Whether there are exactly `count` books, or at least so many.")
    ]
    is_selected: bool
    parameters: Annotated[
        dict[str, str],
        Field(
            description="What to add to the address to choose the value.",
            examples=[{"format": "paperback"}],
        ),
    ]


Ranges = list[tuple[int, int]]
"""Characters: the first, and the one after the last."""


class Highlights(ReadModel):
    """Where a book has what was searched for, as ranges of characters of its fields."""

    title: Ranges
    author: Ranges
    series: Ranges


class BookPage(CountedPage[BookSummary]):
    """One page of books."""

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
    facets: Annotated[
        dict[FacetName, list[FacetValue]] | None,
        Field(
            description="The facets that were asked for. Each ignores what is chosen of itself and "
            "respects all else. A value that no book has is left out, unless it is chosen."
        ),
    ] = None


class SeriesVolume(ReadModel):
    """A work in a series, as the edition of it that can be bought now, or else the first."""

    number: Annotated[
        str | None, Field(description="What the series calls it by.", examples=["2.5"])
    ]
    book: BookSummary

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Return the volume that a summary with ``number`` is of."""
        return cls(number=row.number, book=BookSummary.model_validate(row))


class VolumePage(CountedPage[SeriesVolume]):
    """One page of a series' volumes."""


class SeriesDetail(SeriesSummary):
    """A series with its volumes."""

    volumes: VolumePage


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
    series_number: Annotated[OneLine, Field(min_length=1, max_length=20)] | None = None
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


class ContributorWrite(WriteModel):
    """Who did what for a work."""

    name: Annotated[Line, Field(examples=["Quint Buchholz"])]
    role: ContributorRole = ContributorRole.AUTHOR


class SubjectWrite(WriteModel):
    """What a work is about: a code of a scheme."""

    scheme: SubjectScheme
    code: Annotated[
        str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]*$", max_length=20, examples=["FBC", "1DDU-GB-E"])
    ]
    is_main: bool = False


class SeriesWrite(WriteModel):
    """A series that a work is in, and its number there."""

    title: Line
    number: Annotated[Text, Field(min_length=1, max_length=20)] | None = None


class BookLists(WriteModel):
    """What may be told about a book's work in full. Each list replaces what was there."""

    contributors: Annotated[
        list[ContributorWrite] | None,
        Field(
            min_length=1,
            max_length=MAX_LISTED,
            description="As on the title page. Wins over `author`, which becomes its authors.",
        ),
    ] = None
    subjects: Annotated[
        list[SubjectWrite] | None,
        Field(max_length=MAX_LISTED, description="Codes of Thema, BISAC or BIC."),
    ] = None
    series_list: Annotated[
        list[SeriesWrite] | None,
        Field(
            max_length=MAX_LISTED,
            description="The first wins over `series` and `series_number`.",
        ),
    ] = None


class BookCreate(BookDetails, BookLists):
    """A new book. Several authors are separated by ``|`` or ``;``."""

    title: Annotated[Line, Field(examples=["Pride and Prejudice"])]
    author: Annotated[Line, Field(examples=["Jane Austen"])]
    price: Annotated[Price, Field(examples=["12.99"])]
    format: BookFormat = BookFormat.PAPERBACK


class BookUpdate(BookDetails, BookLists):
    """Changes to a book: what is not sent stays, null clears what may be missing."""

    title: Line | None = None
    author: Line | None = None
    price: Price | None = None
    format: BookFormat | None = None

    @field_validator("title", "author", "price", "format", "contributors")
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
