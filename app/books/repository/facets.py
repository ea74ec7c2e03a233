"""SQL that counts the books of a list by what they are, without ever reading a large list whole.

The books of a list are read and counted up to ``MAX_READ``. If there are more, each value that few
of those have is counted by itself, up to ``MAX_COUNT`` and for no longer than
``MAX_MILLISECONDS``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    Subquery,
    Text,
    case,
    cast,
    extract,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import SubjectScheme
from app.books.models import Book, Genre, Publisher, Stock, Subject, Work, WorkSubject
from app.books.queries import PRICE_BANDS, FacetName
from app.books.repository.filters import BookFilter, among
from app.core.exceptions import sqlstate
from app.core.keyset import AnyRow, AnySelect

MAX_READ = 10_000
MAX_COUNT = 1_000
MAX_MILLISECONDS = 500
QUERY_CANCELED = "57014"


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value of a facet, and the fields of a ``BookFilter`` that choose it."""

    facet: FacetName
    value: str
    fields: Mapping[str, Any]


COLUMNS: Mapping[FacetName, ColumnElement[Any]] = {
    FacetName.GENRE: cast(Work.genre_id, Text),
    FacetName.FORMAT: cast(Book.format, Text),
    FacetName.LANGUAGE: Book.language.expression,
    FacetName.PRICE: case(
        *((Book.price >= band, str(band)) for band in reversed(PRICE_BANDS)), else_=null()
    ),
    FacetName.IN_STOCK: case((Stock.in_stock, "true"), else_=null()),
    FacetName.RATING: cast(cast(func.floor(Work.average_rating), Integer), Text),
    FacetName.DECADE: cast(
        cast(func.floor(extract("year", Book.published_on) / 10) * 10, Integer), Text
    ),
    FacetName.PUBLISHER: array([Book.publisher_id, Book.imprint_id]),
    FacetName.SUBJECT: Work.id.expression,
}


async def count_values(
    session: AsyncSession, lists: Sequence[tuple[BookFilter, Collection[FacetName]]]
) -> Sequence[AnyRow]:
    """Return rows of ``facet``, ``value`` and ``number``: of each facet, among its list's books.

    Of every list at most ``MAX_READ`` books are read. A row whose value is missing tells how many
    books were read for its facet, and one more if there are more.
    """
    parts: list[Select[Any]] = []
    for number, (books, facets) in enumerate(lists):
        read = _read(books, facets, name=f"list_{number}")
        parts.extend(_count(facet, read) for facet in facets)
        total: ColumnElement[Any] = func.count().label("number")
        parts.extend(
            select(_name(facet), cast(null(), Text).label("value"), total).select_from(read)
            for facet in facets
        )
    return (await session.execute(union_all(*parts))).all()


async def count_each(
    session: AsyncSession, values: Sequence[tuple[BookFilter, Value]]
) -> Sequence[AnyRow] | None:
    """Return rows of ``facet``, ``value`` and ``number``, counted value by value.

    ``number`` is at most one more than ``MAX_COUNT``. Nothing is returned if it takes longer than
    ``MAX_MILLISECONDS``: values that many books have, and few of the list, may.
    """
    parts = []
    for books, value in values:
        having = replace(books, **value.fields)
        found = having.apply(having.smallest_source()).limit(MAX_COUNT + 1).subquery()
        number = select(func.count()).select_from(found).scalar_subquery()
        parts.append(
            select(
                _name(value.facet),
                literal(value.value, Text).label("value"),
                number.label("number"),
            )
        )
    if not parts:
        return []
    savepoint = await session.begin_nested()
    try:
        await session.execute(
            select(func.set_config("statement_timeout", str(MAX_MILLISECONDS), true()))
        )
        return (await session.execute(union_all(*parts))).all()
    except DBAPIError as error:
        if sqlstate(error) != QUERY_CANCELED:
            raise
        return None
    finally:
        await savepoint.rollback()  # which also gives back the usual time limit


async def list_languages(session: AsyncSession, *, limit: int) -> Sequence[str]:
    """Return the languages that books have, each found by a step along the index."""
    first = select(func.min(Book.language).label("language")).cte("languages", recursive=True)
    following = (
        select(func.min(Book.language)).where(Book.language > first.c.language).scalar_subquery()
    )
    steps = first.union_all(select(following).where(first.c.language.is_not(None)))
    statement = select(steps.c.language).where(steps.c.language.is_not(None)).limit(limit)
    return (await session.scalars(statement)).all()


async def list_top_subjects(session: AsyncSession) -> dict[str, list[int]]:
    """Return the ids of all Thema subjects by the letter or digit that they begin with."""
    top = func.left(Subject.code, 1)
    statement = (
        select(top, func.array_agg(Subject.id))
        .where(Subject.scheme == SubjectScheme.THEMA)
        .group_by(top)
    )
    return dict((await session.execute(statement)).all())


async def list_labels(
    session: AsyncSession,
    *,
    genre_ids: Collection[int],
    publisher_ids: Collection[int],
    subject_codes: Collection[str],
) -> Mapping[tuple[FacetName, str], str]:
    """Return what people call values that are ids or codes."""
    genre, publisher, subject = FacetName.GENRE, FacetName.PUBLISHER, FacetName.SUBJECT
    statement: CompoundSelect[Any] = union_all(
        select(_name(genre), cast(Genre.id, Text).label("value"), Genre.name).where(
            among(Genre.id, genre_ids)
        ),
        select(_name(publisher), cast(Publisher.id, Text), Publisher.name).where(
            among(Publisher.id, publisher_ids)
        ),
        select(_name(subject), Subject.code, Subject.heading).where(
            Subject.scheme == SubjectScheme.THEMA,
            Subject.code.in_(subject_codes),
            Subject.heading.is_not(None),
        ),
    )
    return {(FacetName(row[0]), row[1]): row[2] for row in await session.execute(statement)}


def _name(facet: FacetName) -> ColumnElement[str]:
    return literal(facet.value, String).label("facet")


def _read(books: BookFilter, facets: Collection[FacetName], *, name: str) -> Any:
    columns = [COLUMNS[facet].label(facet.value) for facet in facets]
    statement: AnySelect = select(Book.id, *columns).select_from(Book).join(Work)
    if FacetName.IN_STOCK in facets:
        statement = statement.join(Stock, Stock.book_id == Book.id)
    return books.apply(statement).limit(MAX_READ + 1).cte(name)


def _count(facet: FacetName, read: Subquery) -> Select[Any]:
    """Return how many of the books that were read have each value."""
    value: ColumnElement[Any] = read.c[facet.value]
    number: ColumnElement[int] = func.count()
    rows: Select[Any] = select().select_from(read)
    if facet is FacetName.PUBLISHER:
        names = func.unnest(value).table_valued("id").render_derived()
        value, rows = cast(names.c.id, Text), rows.join(names, true())
        number = func.count(read.c.id.distinct())
    elif facet is FacetName.SUBJECT:
        rows = rows.join(WorkSubject, WorkSubject.work_id == value).join(
            Subject, Subject.id == WorkSubject.subject_id
        )
        rows = rows.where(Subject.scheme == SubjectScheme.THEMA)
        value = func.left(Subject.code, 1)
        number = func.count(read.c.id.distinct())
    return (
        rows.add_columns(_name(facet), value.label("value"), number.label("number"))
        .where(value.is_not(None))
        .group_by(value)
    )
