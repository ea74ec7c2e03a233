"""SQL for people, series and publishers, and for what repeats their names."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.books.locks import IMPORT_LOCK
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    Publisher,
    Series,
    SeriesMembership,
    Subject,
    SubjectScheme,
    Work,
    WorkSubject,
)
from app.books.repository import among
from app.core.keyset import AnyRow

Named: TypeAlias = Contributor | Series | Publisher


async def lock_named(
    session: AsyncSession, model: type[Named], ids: Collection[int]
) -> dict[int, Any]:
    """Lock people, series or publishers by id and return them; imports wait meanwhile.

    An import reads names first and writes later what refers to them.
    """
    await session.execute(select(func.pg_advisory_xact_lock(IMPORT_LOCK)))
    statement = (
        select(model)
        .where(among(model.id, ids))
        .order_by(model.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found: Sequence[Any] = (await session.scalars(statement)).all()
    return {named.id: named for named in found}


async def set_named(
    session: AsyncSession, model: type[Named], named_id: int, values: Mapping[str, Any]
) -> None:
    """Change a person, a series or a publisher."""
    await session.execute(update(model).where(model.id == named_id).values(**values))


async def has_name(session: AsyncSession, column: InstrumentedAttribute[str], name: str) -> bool:
    """Tell whether somebody or something has the name."""
    return bool((await session.scalars(select(exists().where(column == name)))).one())


async def rename_in_author_lines(
    session: AsyncSession, *, contributor_id: int, before: str, after: str
) -> None:
    """Replace a contributor's name in the author lines of their works.

    Whole names only: "Ann" is not replaced in "Joanna". A line that says it otherwise stays.
    """
    whole = rf"(?<![[:alnum:]]){re.escape(before)}(?![[:alnum:]])"
    works = (
        select(Work.id)
        .where(
            Work.id.in_(
                select(Contribution.work_id).where(Contribution.contributor_id == contributor_id)
            ),
            Work.author.regexp_match(whole),
        )
        .order_by(Work.id)
        .with_for_update()
    )
    work_ids = (await session.scalars(works)).all()
    replacement = after.replace("\\", "\\\\")
    await session.execute(
        update(Work)
        .where(among(Work.id, work_ids))
        .values(author=func.regexp_replace(Work.author, whole, replacement, "g"))
    )


async def set_series_lines(session: AsyncSession, *, series_id: int, title: str) -> None:
    """Let the works whose first series it is say its title."""
    works = (
        select(Work.id)
        .join(SeriesMembership, SeriesMembership.work_id == Work.id)
        .where(SeriesMembership.series_id == series_id, SeriesMembership.position == 0)
        .order_by(Work.id)
        .with_for_update(of=Work)
    )
    work_ids = (await session.scalars(works)).all()
    await session.execute(update(Work).where(among(Work.id, work_ids)).values(series=title))


async def list_doubled_contributions(
    session: AsyncSession, ids: Collection[int]
) -> Sequence[AnyRow]:
    """Return everybody of the works in which several of these people have the same role."""
    other = aliased(Contribution)
    doubled = (
        select(Contribution.work_id)
        .join(
            other,
            (other.work_id == Contribution.work_id)
            & (other.role == Contribution.role)
            & (other.position > Contribution.position),
        )
        .where(among(Contribution.contributor_id, ids), among(other.contributor_id, ids))
    )
    statement = (
        select(
            Contribution.work_id, Contribution.contributor_id, Contribution.role, Contributor.name
        )
        .join(Contribution.contributor)
        .where(Contribution.work_id.in_(doubled))
        .order_by(Contribution.work_id, Contribution.position)
    )
    return (await session.execute(statement)).all()


async def list_doubled_memberships(session: AsyncSession, ids: Collection[int]) -> Sequence[AnyRow]:
    """Return all series of the works that are in several of these."""
    doubled = (
        select(SeriesMembership.work_id)
        .where(among(SeriesMembership.series_id, ids))
        .group_by(SeriesMembership.work_id)
        .having(func.count() > 1)
    )
    statement = (
        select(SeriesMembership.work_id, SeriesMembership.series_id, SeriesMembership.number)
        .where(SeriesMembership.work_id.in_(doubled))
        .order_by(SeriesMembership.work_id, SeriesMembership.position)
    )
    return (await session.execute(statement)).all()


async def replace_everywhere(
    session: AsyncSession,
    columns: Sequence[InstrumentedAttribute[Any]],
    *,
    ids: Collection[int],
    by: int,
) -> None:
    """Let whatever refers to one of these refer to another."""
    for column in columns:
        await session.execute(
            update(column.class_).where(among(column, ids)).values({column.key: by})
        )


async def delete_named(session: AsyncSession, model: type[Named], ids: Collection[int]) -> None:
    """Forget people, series or publishers that nothing refers to any more."""
    await session.execute(delete(model).where(among(model.id, ids)))


REFERENCES: Mapping[type[Named], Sequence[InstrumentedAttribute[Any]]] = {
    Contributor: (Contribution.contributor_id,),
    Series: (SeriesMembership.series_id,),
    Publisher: (Book.publisher_id, Book.imprint_id),
}


async def contributor_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    """Return people's ids by name; who is not known is added."""
    return await _ids(session, Contributor.name, Contributor.id, names)


async def series_ids(session: AsyncSession, titles: Collection[str]) -> dict[str, int]:
    """Return series' ids by title; what is not known is added."""
    return await _ids(session, Series.title, Series.id, titles)


async def _ids(
    session: AsyncSession,
    name: InstrumentedAttribute[str],
    key: InstrumentedAttribute[int],
    names: Collection[str],
) -> dict[str, int]:
    """Return ids by name; new names are written in their order, so that two do not deadlock."""
    if not names:
        return {}
    added = insert(name.class_).values([{name.key: text} for text in sorted(set(names))])
    await session.execute(added.on_conflict_do_nothing())
    known = await session.execute(select(name, key).where(name.in_(names)))
    return dict(known.all())


async def set_subjects(
    session: AsyncSession, *, work_id: int, subjects: Mapping[tuple[SubjectScheme, str], bool]
) -> None:
    """Make these, by scheme and code, what a work is about; the value says which are main."""
    await session.execute(delete(WorkSubject).where(WorkSubject.work_id == work_id))
    if not subjects:
        return
    codes = [{"scheme": scheme, "code": code} for scheme, code in sorted(subjects)]
    await session.execute(insert(Subject).values(codes).on_conflict_do_nothing())
    known = select(Subject.scheme, Subject.code, Subject.id).where(
        Subject.code.in_({code for _, code in subjects})
    )
    rows = [
        {"work_id": work_id, "subject_id": subject_id, "is_main": subjects[scheme, code]}
        for scheme, code, subject_id in await session.execute(known)
        if (scheme, code) in subjects
    ]
    await session.execute(insert(WorkSubject).values(rows))
