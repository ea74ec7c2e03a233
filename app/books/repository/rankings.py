"""SQL for works that somebody else has ranked, and for those that stand near a work."""

from collections.abc import Collection, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, Numeric, all_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.books.codes import ContributorRole, DatePrecision
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    Series,
    SeriesMembership,
    Stock,
    Subject,
    Work,
    WorkSubject,
)
from app.books.repository.lists import summaries
from app.books.repository.series import LEADING_NUMBER
from app.books.repository.shelves import works_by_best_edition
from app.core.keyset import AnyRow, AnySelect, Order, count_rows, read_slice
from app.core.pagination import Slice, Window

CANDIDATES = 100
"""So many of an author's works, the most read, are looked through for those in stock."""

COMMON_SUBJECT = 2_000
"""A subject of more works than this says too little of any, and costs too much to read."""

OF_WORK = bindparam("of_work_id", type_=Integer)
"""The work that a ranking is of."""

DAY_IS_KNOWN = (DatePrecision.DAY, DatePrecision.MONTH)


async def find_work_id(session: AsyncSession, *, book_id: int) -> int | None:
    """Return the work of a book that is sold."""
    return await session.scalar(select(Book.work_id).where(Book.id == book_id, Book.is_sold))


async def list_ranked_works(
    session: AsyncSession,
    *,
    ranking: AnySelect,
    work_id: int,
    except_work_ids: Collection[int],
    limit: int,
) -> Sequence[AnyRow]:
    """Return summaries of ranked works of which there are copies, with the ranking's columns.

    ``ranking`` has ``work_id``, once each, and ``rank``, by which they are sorted. It is one of
    few that are made once, and takes the work that it is of as the parameter ``of_work_id``.
    """
    parameters = {"of_work_id": work_id, "except": list(except_work_ids), "most": limit}
    return (await session.execute(_ranked_works(ranking), parameters)).all()


@cache
def _ranked_works(ranking: AnySelect) -> AnySelect:
    """Return the statement over a ranking; putting it together takes longer than running it."""
    ranked = ranking.subquery("ranked")
    return (
        works_by_best_edition()
        .add_columns(*ranked.c)
        .join(ranked, ranked.c.work_id == Work.id)
        .where(Stock.on_hand > 0, Work.id != all_(bindparam("except", type_=ARRAY(Integer))))
        .order_by(ranked.c.rank)
        .limit(bindparam("most", type_=Integer))
    )


async def list_ranked_books(
    session: AsyncSession, *, ranking: AnySelect, name: str, window: Window, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return summaries of ranked books that are sold, and how many there are.

    ``ranking`` has ``book_id`` and ``rank``, both once each; cursors are signed for ``name``.
    """
    ranked = ranking.subquery("ranked")
    statement = (
        summaries()
        .add_columns(ranked.c.rank)
        .join(ranked, ranked.c.book_id == Book.id)
        .where(Book.is_sold)
    )
    order = Order(name=name, keys=(ranked.c.rank,))
    found = await read_slice(session, statement, order=order, window=window)
    return found, await count_rows(session, statement, limit=count_to)


async def list_published(
    session: AsyncSession,
    *,
    after: date,
    until: date,
    order: Order,
    window: Window,
    count_to: int,
) -> tuple[Slice[AnyRow], int]:
    """Return summaries of books published in a time, and how many there are.

    The first day is outside, the last inside. Of each work one edition is shown: the one that the
    shop took first of those that are published in that time.
    """
    other = aliased(Book)
    earlier = select(other.id).where(
        other.work_id == Book.work_id, other.id < Book.id, *_published(other, after, until)
    )
    statement = summaries().where(*_published(Book, after, until), ~earlier.exists())
    found = await read_slice(session, statement, order=order, window=window)
    return found, await count_rows(session, statement, limit=count_to)


NEWEST_FIRST = Order(
    name="newly published",
    keys=(Book.published_on.expression, Book.id.expression),
    is_descending=True,
)
SOONEST_FIRST = Order(name="coming soon", keys=(Book.published_on.expression, Book.id.expression))


def _published(book: Any, after: date, until: date) -> tuple[ColumnElement[bool], ...]:
    return (
        book.published_on > after,
        book.published_on <= until,
        book.publish_date.is_not(None),
        book.publish_date_precision.in_(DAY_IS_KNOWN),
        book.is_sold,
    )


@cache
def same_author() -> AnySelect:
    """Return a ranking of what a work's authors wrote besides, the most read first, with ``via``.

    ``via`` is the author's name; of several the one who comes first alphabetically.
    """
    mine, theirs = aliased(Contribution), aliased(Contribution)
    return (
        select(
            theirs.work_id,
            func.row_number().over(order_by=(Work.popularity.desc(), Work.id)).label("rank"),
            func.min(Contributor.name).label("via"),
        )
        .select_from(mine)
        .join(theirs, theirs.contributor_id == mine.contributor_id)
        .join(Contributor, Contributor.id == mine.contributor_id)
        .join(Work, Work.id == theirs.work_id)
        .where(
            mine.work_id == OF_WORK,
            mine.role == ContributorRole.AUTHOR,
            theirs.role == ContributorRole.AUTHOR,
            theirs.work_id != OF_WORK,
        )
        .group_by(theirs.work_id, Work.popularity, Work.id)
        .order_by(Work.popularity.desc(), Work.id)
        .limit(CANDIDATES)
    )


@cache
def next_in_series() -> AnySelect:
    """Return a ranking of the volumes after a work in its first numbered series, in their order.

    ``via`` is the series' title, ``number`` the volume's.
    """
    member, later = aliased(SeriesMembership), aliased(SeriesMembership)
    mine = (
        select(
            member.series_id,
            Series.title,
            _volume(member.number).label("number"),
        )
        .join(Series, Series.id == member.series_id)
        .where(member.work_id == OF_WORK, _volume(member.number).is_not(None))
        .order_by(member.position)
        .limit(1)
        .subquery("mine")
    )
    volumes = (
        select(
            later.work_id,
            func.min(_volume(later.number)).label("place"),
            func.min(later.number).label("number"),
            func.min(mine.c.title).label("via"),
        )
        .join(mine, later.series_id == mine.c.series_id)
        .where(_volume(later.number) > mine.c.number, later.work_id != OF_WORK)
        .group_by(later.work_id)
        .subquery("volumes")
    )
    place = (volumes.c.place, volumes.c.work_id)
    return (
        select(
            volumes.c.work_id,
            func.row_number().over(order_by=place).label("rank"),
            volumes.c.via,
            volumes.c.number,
        )
        .order_by(*place)
        .limit(CANDIDATES)
    )


@cache
def similar_subjects() -> AnySelect:
    """Return a ranking of the works that share subjects, rare ones before common ones.

    Each shared subject counts one by the logarithm of how many works have it, as in Adamic and
    Adar, "Friends and neighbors on the Web" (Social Networks 25, 2003): what idf says, without
    having to know the size of the catalogue. ``via`` is the heading of the rarest subject shared.
    """
    mine, counted, theirs = aliased(WorkSubject), aliased(WorkSubject), aliased(WorkSubject)
    having = (
        select(counted.work_id)
        .where(counted.subject_id == mine.subject_id)
        .limit(COMMON_SUBJECT + 1)
        .correlate(mine)
        .subquery()
    )
    size = select(func.count().label("works")).select_from(having).lateral("size")
    weight = 1 / func.ln(1 + size.c.works)
    rare = (
        select(mine.subject_id, weight.label("weight"))
        .join(size, size.c.works.between(2, COMMON_SUBJECT))
        .where(mine.work_id == OF_WORK)
        .cte("rare")
        .prefix_with("MATERIALIZED")
    )
    shared = (
        select(
            theirs.work_id,
            func.sum(rare.c.weight).label("weight"),
            _of_heaviest(theirs.subject_id, rare.c.weight).label("subject_id"),
        )
        .join(rare, rare.c.subject_id == theirs.subject_id)
        .where(theirs.work_id != OF_WORK)
        .group_by(theirs.work_id)
        .subquery("shared")
    )
    place = (shared.c.weight.desc(), Work.popularity.desc(), Work.id)
    return (
        select(
            shared.c.work_id,
            func.row_number().over(order_by=place).label("rank"),
            func.coalesce(Subject.heading, Subject.code).label("via"),
        )
        .join(Work, Work.id == shared.c.work_id)
        .join(Subject, Subject.id == shared.c.subject_id)
        .order_by(*place)
        .limit(CANDIDATES)
    )


def _volume(number: Any) -> ColumnElement[Any]:
    leading = func.substring(number, LEADING_NUMBER)
    return cast(func.replace(leading, ",", "."), Numeric)


def _of_heaviest(value: Any, weight: Any) -> ColumnElement[Any]:
    """Return of a group the value with the greatest weight, the least of equal ones."""
    ordered = aggregate_order_by(value, weight.desc(), value)
    return func.array_agg(ordered, type_=ARRAY(Integer))[1]
