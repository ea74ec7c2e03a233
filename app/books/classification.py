"""What kind of book one is, as coupons, taxes and laws on prices ask."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from app.books.codes import BookFormat, DatePrecision
from app.core.keyset import AnyRow

DECEMBER = 12
LAST_OF_DECEMBER = 31


@dataclass(frozen=True, kw_only=True)
class BookClass:
    """A book's shelf, publisher and imprint, format and language.

    ``published_by`` is the last day that its date of publication, as far as it is known, may mean.
    """

    genre_ids: frozenset[int]
    publisher_ids: frozenset[int]
    format: BookFormat
    language: str | None
    published_by: date | None


def classify(row: AnyRow) -> BookClass:
    """Return what kind of book one is from its columns."""
    return BookClass(
        genre_ids=frozenset({row.genre_id} - {None}),
        publisher_ids=frozenset({row.publisher_id, row.imprint_id} - {None}),
        format=row.format,
        language=row.language,
        published_by=last_day(row.publish_date, row.publish_date_precision, row.publish_year),
    )


def last_day(day: date | None, precision: DatePrecision, year: int | None) -> date | None:
    """Return the last day that a date of some precision, or else a year, may mean."""
    if day is None:
        return None if year is None else date(year, DECEMBER, LAST_OF_DECEMBER)
    if precision is DatePrecision.YEAR:
        return date(day.year, DECEMBER, LAST_OF_DECEMBER)
    if precision is DatePrecision.MONTH:
        return day.replace(day=monthrange(day.year, day.month)[1])
    return day
