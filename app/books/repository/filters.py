"""Which books: conditions that every list, count and search shares."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Integer, any_, cast, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from app.books.codes import BookFormat
from app.books.models import Book, Contribution, SeriesMembership, Stock, Work, WorkSubject
from app.core.keyset import AnySelect

SEARCH_CONFIGURATION = "simple"


@dataclass(frozen=True, kw_only=True)
class BookFilter:
    """Which books of those that are sold; what is ``None`` does not count.

    ``author`` is a tsquery as text. A publisher's books are also those of the imprint of that
    name. Both ends of a range are inside; a book without the value is in no range.
    """

    book_ids: Collection[int] | None = None
    isbn: str | None = None
    author: str | None = None
    genre_id: int | None = None
    subject_ids: Collection[int] | None = None
    contributor_id: int | None = None
    series_id: int | None = None
    publisher_id: int | None = None
    languages: Collection[str] | None = None
    formats: Collection[BookFormat] | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None
    published_from: date | None = None
    published_to: date | None = None
    min_rating: Decimal | None = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """Return the statement over books and works with the filter's conditions."""
        return statement.where(Book.is_sold, *self.conditions(item.name for item in fields(self)))

    def conditions(self, names: Iterable[str]) -> list[ColumnElement[bool]]:
        """Return what those of the named fields that are set ask of a book or its work."""
        return [
            CONDITIONS[name](value) for name in names if (value := getattr(self, name)) is not None
        ]

    def is_broad(self) -> bool:
        """Tell whether it leaves a good part of a catalogue, and asks nothing of works."""
        return self == replace(BookFilter(), **{name: getattr(self, name) for name in BROAD})

    def smallest_source(self) -> AnySelect:
        """Return a statement over books to apply this to; with their works, if it asks of them."""
        asks_of_works = any(getattr(self, name) is not None for name in FIELDS_OF_WORKS)
        books: AnySelect = select(Book.id)
        return books.join(Work) if asks_of_works else books


def among(column: InstrumentedAttribute[int], ids: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that an id is one of these: one statement however many they are."""
    return column == any_(cast(list(ids), ARRAY(Integer)))


def has_words(column: InstrumentedAttribute[Any], query: str) -> ColumnElement[bool]:
    """Return the condition that a name has what the tsquery asks for, along its words' index."""
    words = func.to_tsvector(literal_column("'simple'::regconfig"), func.search_fold(column))
    return words.bool_op("@@")(func.to_tsquery(SEARCH_CONFIGURATION, query))


def indexed_words() -> ColumnElement[Any]:
    """Return what the search's index has of a work: its words and the mark of its fame."""
    return func.search_index(Work.search_vector, Work.popularity)


def matches(query: str) -> ColumnElement[bool]:
    """Return the condition that a work has what the tsquery asks for."""
    return indexed_words().bool_op("@@")(func.to_tsquery(SEARCH_CONFIGURATION, query))


def _by_publisher(publisher_id: int) -> ColumnElement[bool]:
    return or_(Book.publisher_id == publisher_id, Book.imprint_id == publisher_id)


def _by_stock(in_stock: bool) -> ColumnElement[bool]:  # noqa: FBT001 (the value of a condition)
    there = select(Stock.book_id).where(Stock.in_stock)
    return Book.id.in_(there) if in_stock else Book.id.not_in(there)


def _by_subjects(ids: Collection[int]) -> ColumnElement[bool]:
    return Work.id.in_(select(WorkSubject.work_id).where(among(WorkSubject.subject_id, ids)))


def _by_contributor(contributor_id: int) -> ColumnElement[bool]:
    made = select(Contribution.work_id).where(Contribution.contributor_id == contributor_id)
    return Work.id.in_(made)


def _by_series(series_id: int) -> ColumnElement[bool]:
    members = select(SeriesMembership.work_id).where(SeriesMembership.series_id == series_id)
    return Work.id.in_(members)


FIELDS_OF_WORKS = (
    "author",
    "genre_id",
    "subject_ids",
    "contributor_id",
    "series_id",
    "min_rating",
)

BROAD = (
    "languages",
    "formats",
    "min_price",
    "max_price",
    "in_stock",
    "published_from",
    "published_to",
)
"""Fields of editions whose values many books share."""

CONDITIONS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "book_ids": lambda ids: among(Book.id, ids),
    "isbn": lambda isbn: Book.isbn == isbn,
    "author": matches,
    "genre_id": lambda genre_id: Work.genre_id == genre_id,
    "subject_ids": _by_subjects,
    "contributor_id": _by_contributor,
    "series_id": _by_series,
    "publisher_id": _by_publisher,
    "languages": Book.language.in_,
    "formats": Book.format.in_,
    "min_price": lambda price: Book.price >= price,
    "max_price": lambda price: Book.price <= price,
    "in_stock": _by_stock,
    "published_from": lambda day: Book.published_on >= day,
    "published_to": lambda day: Book.published_on <= day,
    "min_rating": lambda rating: Work.average_rating >= rating,
}
"""What each field of a ``BookFilter`` asks of a book."""
