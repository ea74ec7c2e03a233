"""SQL for works as a whole: reading them, merging and splitting them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.books.locks import IMPORT_LOCK
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    Genre,
    MergedWork,
    Publisher,
    Series,
    SeriesMembership,
    StaffPick,
    Stock,
    Subject,
    Work,
    WorkAlias,
    WorkIdentifier,
    WorkSubject,
)
from app.books.repository import among
from app.books.repository.trade_facts import AVAILABILITY
from app.core.keyset import AnyRow

MAX_POPULARITY = 2**31 - 1

COPIED = (
    "title",
    "subtitle",
    "author",
    "series",
    "series_number",
    "short_description",
    "description",
    "table_of_contents",
    "genre_id",
    "first_published",
    "original_language",
    "popularity",
)
"""The columns of a work that a work split off it begins with."""


async def find_work(session: AsyncSession, work_id: int) -> AnyRow | None:
    """Return a work with its genre."""
    statement = (
        select(
            Work.id,
            Work.title,
            Work.subtitle,
            Work.author,
            Work.series,
            Work.series_number,
            Work.short_description,
            Work.description,
            Work.table_of_contents,
            Work.first_published,
            Work.original_language,
            Work.average_rating.label("avg_rating"),
            Work.rating_count.label("review_count"),
            Work.genre_id,
            Genre.name.label("genre_name"),
            Genre.slug.label("genre_slug"),
        )
        .outerjoin(Genre, Genre.id == Work.genre_id)
        .where(Work.id == work_id)
    )
    return (await session.execute(statement)).one_or_none()


async def find_successor(session: AsyncSession, work_id: int) -> int | None:
    """Return the work that a work was merged into."""
    statement = select(MergedWork.work_id).where(MergedWork.id == work_id)
    return (await session.scalars(statement)).one_or_none()


async def list_editions(
    session: AsyncSession, *, work_id: int, with_unsold: bool, limit: int
) -> Sequence[AnyRow]:
    """Return a work's books, the oldest first, each with ``edition_count``: how many there are."""
    statement = (
        select(
            Book.id,
            Book.isbn,
            Book.format,
            Book.language,
            Publisher.name.label("publisher"),
            Book.publish_year,
            Book.price,
            Book.currency,
            (Stock.on_hand > 0).label("in_stock"),
            Book.is_sold.label("is_sold"),
            AVAILABILITY,
            func.count().over().label("edition_count"),
        )
        .join(Stock)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
        .where(Book.work_id == work_id)
        .order_by(Book.id)
        .limit(limit)
    )
    if not with_unsold:
        statement = statement.where(Book.is_sold)
    return (await session.execute(statement)).all()


async def list_series(session: AsyncSession, *, work_id: int) -> Sequence[AnyRow]:
    """Return the series that a work is in, its first one first."""
    statement = (
        select(Series.title, SeriesMembership.number)
        .join(SeriesMembership.series)
        .where(SeriesMembership.work_id == work_id)
        .order_by(SeriesMembership.position)
    )
    return (await session.execute(statement)).all()


async def list_subjects(session: AsyncSession, *, work_id: int) -> Sequence[AnyRow]:
    """Return what a work is about, the main subjects first."""
    statement = (
        select(Subject.scheme, Subject.code, Subject.heading, WorkSubject.is_main)
        .join(WorkSubject.subject)
        .where(WorkSubject.work_id == work_id)
        .order_by(WorkSubject.is_main.desc(), Subject.scheme, Subject.code)
    )
    return (await session.execute(statement)).all()


async def lock_works(
    session: AsyncSession, work_ids: Collection[int]
) -> tuple[dict[int, Work], Sequence[AnyRow]]:
    """Lock works and all of their books until the transaction ends, and return them as they are.

    Imports, which add editions to works, and others who merge or split wait meanwhile. Books come
    before works, and both in the order of their ids, as everybody else takes them.
    """
    await session.execute(select(func.pg_advisory_xact_lock(IMPORT_LOCK)))
    books = (
        select(Book.id, Book.work_id, Book.deleted_at)
        .where(among(Book.work_id, work_ids))
        .order_by(Book.id)
        .with_for_update()
    )
    locked = (await session.execute(books)).all()
    works = (
        select(Work)
        .where(among(Work.id, work_ids))
        .order_by(Work.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {work.id: work for work in await session.scalars(works)}, locked


async def set_work(session: AsyncSession, work_id: int, values: Mapping[str, Any]) -> None:
    """Change a work."""
    await session.execute(update(Work).where(Work.id == work_id).values(**values))


async def add_up_fame(session: AsyncSession, *, work_id: int, other_ids: Collection[int]) -> None:
    """Add other works' popularity to a work's; ratings follow the editions that move."""
    other = aliased(Work)

    def sum_of(column: InstrumentedAttribute[int]) -> ColumnElement[int]:
        return select(func.sum(column)).where(among(other.id, other_ids)).scalar_subquery()

    popularity = cast(Work.popularity, BigInteger) + sum_of(other.popularity)
    await session.execute(
        update(Work)
        .where(Work.id == work_id)
        .values(
            popularity=cast(func.least(popularity, MAX_POPULARITY), Integer),
        )
    )


async def move_books(session: AsyncSession, *, book_ids: Collection[int], work_id: int) -> None:
    """Make books editions of a work."""
    await session.execute(update(Book).where(among(Book.id, book_ids)).values(work_id=work_id))


async def list_contributions(
    session: AsyncSession, *, work_ids: Collection[int]
) -> Sequence[AnyRow]:
    """Return who did what for works, with the name as the search compares it, in order."""
    statement = (
        select(
            Contribution.work_id,
            Contribution.contributor_id,
            Contribution.role,
            Contributor.name,
            func.search_fold(Contributor.name).label("folded_name"),
        )
        .join(Contribution.contributor)
        .where(among(Contribution.work_id, work_ids))
        .order_by(Contribution.work_id, Contribution.position)
    )
    return (await session.execute(statement)).all()


async def list_memberships(session: AsyncSession, *, work_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return which series works are in, in order."""
    statement = (
        select(
            SeriesMembership.work_id,
            SeriesMembership.series_id,
            SeriesMembership.number,
            Series.title,
        )
        .join(SeriesMembership.series)
        .where(among(SeriesMembership.work_id, work_ids))
        .order_by(SeriesMembership.work_id, SeriesMembership.position)
    )
    return (await session.execute(statement)).all()


async def set_contributions(
    session: AsyncSession, *, work_id: int, people: Sequence[tuple[int, str]]
) -> None:
    """Make these, as contributor and role, the people of a work, in this order."""
    await session.execute(delete(Contribution).where(Contribution.work_id == work_id))
    if people:
        rows = [
            {"work_id": work_id, "position": position, "contributor_id": person, "role": role}
            for position, (person, role) in enumerate(people)
        ]
        await session.execute(insert(Contribution).values(rows))


async def set_memberships(
    session: AsyncSession, *, work_id: int, series: Sequence[tuple[int, str | None]]
) -> None:
    """Make these, as series and number, the series of a work, in this order."""
    await session.execute(delete(SeriesMembership).where(SeriesMembership.work_id == work_id))
    if series:
        rows = [
            {"work_id": work_id, "position": position, "series_id": series_id, "number": number}
            for position, (series_id, number) in enumerate(series)
        ]
        await session.execute(insert(SeriesMembership).values(rows))


async def unite_subjects(
    session: AsyncSession, *, work_id: int, other_ids: Collection[int]
) -> None:
    """Add other works' subjects to a work's, which keeps its own main ones."""
    mains = (
        select(WorkSubject.work_id)
        .where(WorkSubject.work_id == work_id, WorkSubject.is_main)
        .exists()
    )
    others = (
        select(
            cast(work_id, Integer),
            WorkSubject.subject_id,
            func.bool_or(WorkSubject.is_main) & ~mains,
        )
        .where(among(WorkSubject.work_id, other_ids))
        .group_by(WorkSubject.subject_id)
    )
    added = insert(WorkSubject).from_select(["work_id", "subject_id", "is_main"], others)
    await session.execute(added.on_conflict_do_nothing())


async def copy_subjects(session: AsyncSession, *, work_id: int, source_id: int) -> None:
    """Let a new work be about what another is about."""
    subjects = select(cast(work_id, Integer), WorkSubject.subject_id, WorkSubject.is_main).where(
        WorkSubject.work_id == source_id
    )
    await session.execute(
        insert(WorkSubject).from_select(["work_id", "subject_id", "is_main"], subjects)
    )


async def move_names(session: AsyncSession, *, work_id: int, other_ids: Collection[int]) -> None:
    """Let a work be found by what other works were known by: numbers, names, old addresses."""
    for model in (WorkIdentifier, WorkAlias, MergedWork):
        await session.execute(
            update(model).where(among(model.work_id, other_ids)).values(work_id=work_id)
        )
    for other_id in sorted(other_ids):
        await add_alias(session, work_id=work_id, source_id=other_id)
    await session.execute(
        insert(MergedWork).values(
            [{"id": other_id, "work_id": work_id} for other_id in sorted(other_ids)]
        )
    )


async def add_alias(session: AsyncSession, *, work_id: int, source_id: int) -> None:
    """Let a work also be found by the title and first contributor that another has."""
    first = (
        select(Contributor.name)
        .join(Contribution, Contribution.contributor_id == Contributor.id)
        .where(Contribution.work_id == Work.id)
        .order_by(Contribution.position)
        .limit(1)
        .scalar_subquery()
    )
    named = select(
        cast(work_id, Integer),
        Work.title,
        func.coalesce(first, ""),
        Work.first_published,
        Work.series_number,
    ).where(Work.id == source_id)
    columns = ["work_id", "title", "author", "first_published", "series_number"]
    await session.execute(insert(WorkAlias).from_select(columns, named))


async def copy_aliases(session: AsyncSession, *, work_id: int, source_id: int) -> None:
    """Let a work also be found by whatever another was called before."""
    columns = ["title", "author", "first_published", "series_number"]
    known = (
        select(cast(work_id, Integer), *(getattr(WorkAlias, name) for name in columns))
        .where(WorkAlias.work_id == source_id)
        .order_by(WorkAlias.id)
    )
    await session.execute(insert(WorkAlias).from_select(["work_id", *columns], known))


async def list_picks(session: AsyncSession, *, work_ids: Collection[int]) -> Sequence[StaffPick]:
    """Return the staff picks among works, the first one first."""
    statement = (
        select(StaffPick)
        .where(among(StaffPick.work_id, work_ids))
        .order_by(StaffPick.position, StaffPick.created_at, StaffPick.work_id)
    )
    return (await session.scalars(statement)).all()


async def replace_picks(
    session: AsyncSession, *, work_ids: Collection[int], pick: Mapping[str, Any]
) -> None:
    """Make one staff pick of those that works have."""
    await session.execute(delete(StaffPick).where(among(StaffPick.work_id, work_ids)))
    await session.execute(insert(StaffPick).values(**pick))


async def list_works_without_books(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return works that have no edition, sold or not."""
    statement = (
        select(Work.id, Work.title)
        .where(~select(Book.id).where(Book.work_id == Work.id).exists())
        .order_by(Work.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def delete_works(session: AsyncSession, *, work_ids: Collection[int]) -> None:
    """Forget works, which have no books any more."""
    await session.execute(delete(Work).where(among(Work.id, work_ids)))


async def copy_work(session: AsyncSession, *, source_id: int, values: Mapping[str, Any]) -> int:
    """Write a work with another's facts, but for the values given; return its id."""
    columns = [getattr(Work, name) for name in COPIED]
    copied = insert(Work).from_select(list(COPIED), select(*columns).where(Work.id == source_id))
    work_id = (await session.scalars(copied.returning(Work.id))).one()
    if values:
        await set_work(session, work_id, values)
    return work_id
