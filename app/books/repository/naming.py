"""SQL that gives works and books their people, series and publishers by name."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import (
    Contribution,
    Contributor,
    ContributorRole,
    Publisher,
    Series,
    SeriesMembership,
    Work,
)
from app.books.repository.filters import among


async def set_authors(session: AsyncSession, *, work_id: int, names: Sequence[str]) -> None:
    """Make these the work's authors; whoever did something else for it stays, after them.

    Names are written in their order, so that two who bring the same new ones do not deadlock.
    """
    await session.execute(
        insert(Contributor)
        .values([{"name": name} for name in sorted(names)])
        .on_conflict_do_nothing()
    )
    known = select(Contributor.name, Contributor.id).where(Contributor.name.in_(names))
    ids = dict((await session.execute(known)).all())
    removed = (
        delete(Contribution)
        .where(Contribution.work_id == work_id)
        .returning(Contribution.position, Contribution.contributor_id, Contribution.role)
    )
    others = [
        (contributor_id, role)
        for _, contributor_id, role in sorted(await session.execute(removed))
        if role is not ContributorRole.AUTHOR
    ]
    people = [*((ids[name], ContributorRole.AUTHOR) for name in names), *others]
    await session.execute(
        insert(Contribution).values(
            [
                {
                    "work_id": work_id,
                    "position": position,
                    "contributor_id": contributor_id,
                    "role": role,
                }
                for position, (contributor_id, role) in enumerate(people)
            ]
        )
    )


async def set_first_series(session: AsyncSession, *, work_ids: Collection[int]) -> None:
    """Make the works' first series what their display strings say; further ones stay."""
    chosen = (among(Work.id, work_ids), Work.series.is_not(None))
    titles = select(Work.series).where(*chosen).distinct().order_by(Work.series)
    await session.execute(
        insert(Series).from_select([Series.title], titles).on_conflict_do_nothing()
    )
    await session.execute(
        delete(SeriesMembership).where(
            among(SeriesMembership.work_id, work_ids), SeriesMembership.position == 0
        )
    )
    members = (
        select(Work.id, literal(0), Series.id, Work.series_number)
        .join(Series, Series.title == Work.series)
        .where(*chosen)
    )
    await session.execute(
        insert(SeriesMembership).from_select(
            ["work_id", "position", "series_id", "number"], members
        )
    )


async def publisher_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    """Return the publishers' ids by name; who is not known is added.

    New names are written in their order, so that two who bring the same ones do not deadlock.
    """
    ids = await _known_publisher_ids(session, names)
    missing = sorted(set(names) - ids.keys())
    if missing:
        added = insert(Publisher).on_conflict_do_nothing()
        await session.execute(added, [{"name": name} for name in missing])
        ids |= await _known_publisher_ids(session, missing)
    return ids


async def _known_publisher_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    statement = select(Publisher.name, Publisher.id).where(Publisher.name.in_(names))
    return dict((await session.execute(statement)).all())
