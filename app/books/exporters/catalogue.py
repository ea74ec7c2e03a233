"""The whole catalogue, edition by edition, in constant memory."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.books.models import (
    Book,
    Contribution,
    Contributor,
    ContributorRole,
    Genre,
    Price,
    Publisher,
    Series,
    SeriesMembership,
    Stock,
    Subject,
    SubjectScheme,
    Work,
    WorkSubject,
)
from app.books.repository import among

BATCH_EDITIONS = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who made a work, in one role."""

    role: ContributorRole
    name: str
    sort_name: str | None
    is_body: bool
    biography: str | None


@dataclass(frozen=True, slots=True)
class SubjectOfWork:
    """What a work is about."""

    scheme: SubjectScheme
    code: str
    heading: str | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """A book with everything that is told of it.

    ``facts`` has the columns of ``_editions`` by name; the lists are in the order of the work's,
    ``series`` without the first, which is among the facts.
    """

    facts: Row[*tuple[Any, ...]]
    people: tuple[Person, ...]
    more_series: tuple[tuple[str, str | None], ...]
    subjects: tuple[SubjectOfWork, ...]
    prices: tuple[Price, ...] = ()
    """What suppliers ask, if that was asked for."""


async def read_editions(
    session: AsyncSession, *, with_prices: bool = False
) -> AsyncIterator[list[Edition]]:
    """Yield all books by id, in batches, removed ones and those without a price among them.

    The session should see one moment (``snapshot_scope``).
    """
    last_id = 0
    while rows := (await session.execute(_editions(after=last_id))).all():
        last_id = rows[-1].id
        works = {row.work_id for row in rows}
        people = await _people(session, works)
        series = await _further_series(session, works)
        subjects = await _subjects(session, works)
        prices = await _prices(session, [row.id for row in rows]) if with_prices else {}
        yield [
            Edition(
                row,
                tuple(people[row.work_id]),
                tuple(series[row.work_id]),
                tuple(subjects[row.work_id]),
                tuple(prices.get(row.id, ())),
            )
            for row in rows
        ]


def _editions(*, after: int) -> Select[*tuple[Any, ...]]:
    imprint, first = aliased(Publisher), aliased(Book)
    first_number = (
        select(func.coalesce(first.isbn, first.gtin))
        .where(first.work_id == Book.work_id)
        .order_by(first.id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            Book.id,
            Book.work_id,
            Book.isbn,
            Book.gtin,
            first_number.label("edition_of"),
            Work.title,
            Work.subtitle,
            Work.author,
            Work.series,
            Work.series_number,
            Work.short_description,
            Work.description,
            Work.table_of_contents,
            Work.original_language,
            Work.first_published,
            Work.popularity,
            Genre.name.label("genre"),
            Publisher.name.label("publisher"),
            imprint.name.label("imprint"),
            Book.language,
            Book.format,
            Book.product_form,
            Book.form_details,
            Book.edition_statement,
            Book.pages,
            Book.minutes,
            Book.height_mm,
            Book.width_mm,
            Book.thickness_mm,
            Book.weight_g,
            Book.publish_date,
            Book.publish_date_precision,
            Book.publish_year,
            Book.on_sale_date,
            Book.publishing_status,
            Book.availability_code,
            Book.order_time_days,
            Book.price,
            Book.currency,
            Book.cover_image_url,
            Book.deleted_at,
            Stock.on_hand,
        )
        .join(Book.work)
        .join(Book.stock)
        .outerjoin(Genre, Genre.id == Work.genre_id)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
        .outerjoin(imprint, imprint.id == Book.imprint_id)
        .where(Book.id > after)
        .order_by(Book.id)
        .limit(BATCH_EDITIONS)
    )


async def _people(session: AsyncSession, works: Collection[int]) -> dict[int, list[Person]]:
    found: dict[int, list[Person]] = defaultdict(list)
    statement = (
        select(
            Contribution.work_id,
            Contribution.role,
            Contributor.name,
            Contributor.sort_name,
            Contributor.is_body,
            Contributor.biography,
        )
        .join(Contribution.contributor)
        .where(among(Contribution.work_id, works))
        .order_by(Contribution.work_id, Contribution.position)
    )
    for work_id, role, name, sort_name, is_body, biography in await session.execute(statement):
        found[work_id].append(Person(role, name, sort_name, is_body, biography))
    return found


async def _further_series(
    session: AsyncSession, works: Collection[int]
) -> dict[int, list[tuple[str, str | None]]]:
    found: dict[int, list[tuple[str, str | None]]] = defaultdict(list)
    statement = (
        select(SeriesMembership.work_id, Series.title, SeriesMembership.number)
        .join(SeriesMembership.series)
        .where(among(SeriesMembership.work_id, works), SeriesMembership.position > 0)
        .order_by(SeriesMembership.work_id, SeriesMembership.position)
    )
    for work_id, title, number in await session.execute(statement):
        found[work_id].append((title, number))
    return found


async def _subjects(
    session: AsyncSession, works: Collection[int]
) -> dict[int, list[SubjectOfWork]]:
    """Return the subjects of works, main ones first, else by code."""
    found: dict[int, list[SubjectOfWork]] = defaultdict(list)
    statement = (
        select(
            WorkSubject.work_id, Subject.scheme, Subject.code, Subject.heading, WorkSubject.is_main
        )
        .join(WorkSubject.subject)
        .where(among(WorkSubject.work_id, works))
        .order_by(WorkSubject.work_id, WorkSubject.is_main.desc(), Subject.scheme, Subject.code)
    )
    for work_id, scheme, code, heading, is_main in await session.execute(statement):
        found[work_id].append(SubjectOfWork(scheme, code, heading, is_main))
    return found


async def _prices(session: AsyncSession, book_ids: Collection[int]) -> dict[int, list[Price]]:
    found: dict[int, list[Price]] = defaultdict(list)
    statement = select(Price).where(among(Price.book_id, book_ids)).order_by(Price.id)
    for price in await session.scalars(statement):
        found[price.book_id].append(price)
        session.expunge(price)
    return found
