"""The catalogue as a table: one row for each edition, in columns that the import understands.

The file means to the import exactly what the shop has: read back it changes nothing, and in an
empty shop it makes the same catalogue. A spreadsheet may have saved it in between.
"""

import io
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.exporters.catalogue import Edition, SubjectOfWork, read_editions
from app.books.importers.cells import join_list
from app.books.importers.columns import BookField
from app.books.importers.rows import MAIN_SUBJECT, PEOPLE, ShopStatus
from app.books.isbn import format_isbn
from app.books.models import ContributorRole, DatePrecision, SubjectScheme
from app.core.spreadsheets import Plain, SheetWriter, protect

BYTE_ORDER_MARK = "\ufeff"
"""Tells spreadsheets that the file is UTF-8."""

ROLE_ORDER = {role: position for position, role in enumerate(ContributorRole)}


async def csv_parts(session: AsyncSession) -> AsyncIterator[bytes]:
    """Yield the file piece by piece: the header, then so many editions at a time.

    The session should see one moment (``snapshot_scope``).
    """
    buffer = io.StringIO(newline="")
    sheet = SheetWriter(buffer, guard=protect)
    buffer.write(BYTE_ORDER_MARK)
    sheet.write(field.value for field in COLUMNS)
    yield _taken(buffer)
    async for editions in read_editions(session):
        for edition in editions:
            sheet.write(tell(edition) for tell in COLUMNS.values())
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    """Return what was written since the last time."""
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _fact(name: str) -> Callable[[Edition], object]:
    return lambda edition: getattr(edition.facts, name)


def _number(isbn: str | None) -> Plain | None:
    """Return an ISBN with its hyphens, of which no spreadsheet makes a rounded number."""
    return Plain(format_isbn(isbn)) if isbn else None


def _names(role: ContributorRole) -> Callable[[Edition], str]:
    return lambda edition: join_list(
        dict.fromkeys(person.name for person in edition.people if person.role is role)
    )


def _other_people(edition: Edition) -> str:
    """Return those who have no column of their own: ``narrator: Stephen Fry``."""
    others = (person for person in edition.people if person.role not in PEOPLE)
    by_role = sorted(others, key=lambda person: ROLE_ORDER[person.role])
    return join_list(dict.fromkeys(f"{person.role}: {person.name}" for person in by_role))


def _series(edition: Edition) -> str:
    first = [edition.facts.series] if edition.facts.series else []
    return join_list([*first, *(title for title, _ in edition.more_series)])


def _series_numbers(edition: Edition) -> str:
    """Return the numbers in the order of the series, or nothing if none has one."""
    numbers = [edition.facts.series_number, *(number for _, number in edition.more_series)]
    return join_list(number or "" for number in numbers) if any(numbers) else ""


def _published(edition: Edition) -> date | int | None:
    facts = edition.facts
    day: date | None = facts.publish_date
    year: int | None = facts.publish_year
    return year if facts.publish_date_precision is DatePrecision.YEAR else day or year


def _precision(edition: Edition) -> DatePrecision | None:
    """Return how exact the day is that is told, if one is."""
    is_day = isinstance(_published(edition), date)
    return DatePrecision(edition.facts.publish_date_precision) if is_day else None


def _codes(scheme: SubjectScheme) -> Callable[[Edition], str]:
    return lambda edition: join_list(
        _code(subject) for subject in edition.subjects if subject.scheme is scheme
    )


def _code(subject: SubjectOfWork) -> str:
    return f"{subject.code}{MAIN_SUBJECT}" if subject.is_main else subject.code


def _status(edition: Edition) -> ShopStatus:
    if edition.facts.deleted_at is not None:
        return ShopStatus.REMOVED
    return ShopStatus.UNPRICED if edition.facts.price is None else ShopStatus.ON_SALE


def _edition_of(edition: Edition) -> str | None:
    number = edition.facts.edition_of
    is_isbn = number is not None and number.startswith(("978", "979"))
    return _number(number) if is_isbn else number


COLUMNS: Mapping[BookField, Callable[[Edition], object]] = {
    BookField.ISBN: lambda edition: _number(edition.facts.isbn),
    BookField.OTHER_GTIN: _fact("gtin"),
    BookField.TITLE: _fact("title"),
    BookField.SUBTITLE: _fact("subtitle"),
    BookField.AUTHOR_LINE: _fact("author"),
    **{field: _names(role) for role, field in PEOPLE.items()},
    BookField.OTHER_CONTRIBUTORS: _other_people,
    BookField.SERIES: _series,
    BookField.SERIES_NUMBER: _series_numbers,
    BookField.PUBLISHER: _fact("publisher"),
    BookField.IMPRINT: _fact("imprint"),
    BookField.LANGUAGE: _fact("language"),
    BookField.ORIGINAL_LANGUAGE: _fact("original_language"),
    BookField.FORMAT: lambda edition: edition.facts.format.value,
    BookField.FORM_CODE: _fact("product_form"),
    BookField.FORM_DETAILS: lambda edition: join_list(edition.facts.form_details or ()),
    BookField.EDITION: _fact("edition_statement"),
    BookField.PAGES: _fact("pages"),
    BookField.MINUTES: _fact("minutes"),
    BookField.HEIGHT: _fact("height_mm"),
    BookField.WIDTH: _fact("width_mm"),
    BookField.THICKNESS: _fact("thickness_mm"),
    BookField.WEIGHT: _fact("weight_g"),
    BookField.PUBLISHED: _published,
    BookField.PUBLISHED_PRECISION: _precision,
    BookField.FIRST_PUBLISHED: _fact("first_published"),
    BookField.ON_SALE_DATE: _fact("on_sale_date"),
    BookField.GENRE: _fact("genre"),
    BookField.THEMA: _codes(SubjectScheme.THEMA),
    BookField.BISAC: _codes(SubjectScheme.BISAC),
    BookField.BIC: _codes(SubjectScheme.BIC),
    BookField.PRICE: _fact("price"),
    BookField.CURRENCY: lambda edition: edition.facts.price and edition.facts.currency,
    BookField.STOCK: _fact("on_hand"),
    BookField.POPULARITY: _fact("popularity"),
    BookField.PUBLISHING_STATUS: _fact("publishing_status"),
    BookField.AVAILABILITY: _fact("availability_code"),
    BookField.ORDER_TIME: _fact("order_time_days"),
    BookField.SHOP_STATUS: _status,
    BookField.EDITION_OF: _edition_of,
    BookField.COVER: _fact("cover_image_url"),
    BookField.SHORT_DESCRIPTION: _fact("short_description"),
    BookField.DESCRIPTION: _fact("description"),
    BookField.CONTENTS: _fact("table_of_contents"),
}
"""The columns in their order, and what each holds."""
