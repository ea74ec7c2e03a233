"""People, series and publishers: what staff mend of them, and what repeats their names follows."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.author_lines import author_line
from app.books.catalogue import get_contributor
from app.books.catalogue_schemas import ContributorDetail, PublisherRead, SeriesSummary
from app.books.codes import ContributorRole
from app.books.errors import (
    ContributorNotFoundError,
    NameConflictError,
    NameMergedWithItselfError,
    PublisherNotFoundError,
    SeriesNotFoundError,
)
from app.books.models import Contributor, Publisher, Series
from app.books.name_schemas import ContributorUpdate
from app.books.repository import names as names_repository
from app.books.repository import works as works_repository
from app.books.repository.names import REFERENCES, Named
from app.core.exceptions import AppError

NOT_FOUND: Mapping[type[Named], type[AppError]] = {
    Contributor: ContributorNotFoundError,
    Series: SeriesNotFoundError,
    Publisher: PublisherNotFoundError,
}


FACTS: Mapping[str, tuple[type[Named], tuple[str, ...]]] = {
    "contributor": (Contributor, ("name", "sort_name", "biography")),
    "series": (Series, ("title",)),
    "publisher": (Publisher, ("name",)),
}
"""What is told of those that staff change, by what they are."""


async def hold(session: AsyncSession, kind: str, named_id: int) -> dict[str, Any]:
    """Return the facts of one that staff change; until they did, nobody else does.

    Raises:
        ContributorNotFoundError, SeriesNotFoundError, PublisherNotFoundError: there is none.
    """
    found = await hold_all(session, kind, {named_id})
    if not found:
        raise NOT_FOUND[FACTS[kind][0]]
    return found[0]


async def hold_all(
    session: AsyncSession, kind: str, named_ids: Collection[int]
) -> list[dict[str, Any]]:
    """As ``hold`` for several at once; those that there are not are left out."""
    model, names = FACTS[kind]
    found = await names_repository.lock_named(session, model, named_ids)
    return [
        {"id": named_id} | {name: getattr(named, name) for name in names}
        for named_id, named in found.items()
    ]


async def update_contributor(
    session: AsyncSession, *, contributor_id: int, change: ContributorUpdate
) -> ContributorDetail:
    """Change a contributor; the author lines of their works follow a new name.

    Raises:
        ContributorNotFoundError: no such contributor.
        NameConflictError: another one has the name.
    """
    person = await _find(session, Contributor, contributor_id)
    values = change.model_dump(exclude_unset=True)
    before, after = person.name, values.get("name", person.name)
    if after != before:
        await _refuse_taken(session, Contributor, after)
    if values:
        await names_repository.set_named(session, Contributor, contributor_id, values)
    if after != before:
        await names_repository.rename_in_author_lines(
            session, contributor_id=contributor_id, before=before, after=after
        )
    return await get_contributor(session, contributor_id=contributor_id)


async def update_series(session: AsyncSession, *, series_id: int, title: str) -> SeriesSummary:
    """Give a series another title; the works whose first series it is follow.

    Raises:
        SeriesNotFoundError: no such series.
        NameConflictError: another one has the title.
    """
    series = await _find(session, Series, series_id)
    if title != series.title:
        await _refuse_taken(session, Series, title)
        await names_repository.set_named(session, Series, series_id, {"title": title})
        await names_repository.set_series_lines(session, series_id=series_id, title=title)
    return SeriesSummary(id=series_id, title=title)


async def update_publisher(session: AsyncSession, *, publisher_id: int, name: str) -> PublisherRead:
    """Give a publisher or an imprint another name.

    Raises:
        PublisherNotFoundError: no such publisher.
        NameConflictError: another one has the name.
    """
    publisher = await _find(session, Publisher, publisher_id)
    if name != publisher.name:
        await _refuse_taken(session, Publisher, name)
        await names_repository.set_named(session, Publisher, publisher_id, {"name": name})
    return PublisherRead(id=publisher_id, name=name)


async def merge_contributors(
    session: AsyncSession, *, contributor_id: int, other_ids: Collection[int]
) -> ContributorDetail:
    """Make one contributor of several: this one, with what it lacks from the others.

    Raises:
        NameMergedWithItselfError: it is among the others.
        ContributorNotFoundError: one of them does not exist.
    """
    person, others = await _find_all(session, Contributor, contributor_id, other_ids)
    filled = {
        name: next((getattr(other, name) for other in others if getattr(other, name)), None)
        for name in ("sort_name", "biography")
        if getattr(person, name) is None
    }
    if filled:
        await names_repository.set_named(session, Contributor, contributor_id, filled)
    ids = {contributor_id, *(other.id for other in others)}
    doubled = await names_repository.list_doubled_contributions(session, ids)
    for other in others:
        await names_repository.rename_in_author_lines(
            session, contributor_id=other.id, before=other.name, after=person.name
        )
    for work_id, group in groupby(doubled, key=attrgetter("work_id")):
        rows = list(group)
        people = {
            (contributor_id, row.role) if row.contributor_id in ids else row[1:3]: (
                person.name if row.contributor_id in ids else row.name
            )
            for row in rows
        }
        await works_repository.set_contributions(session, work_id=work_id, people=list(people))
        authors = [name for (_, role), name in people.items() if role is ContributorRole.AUTHOR]
        if len(authors) < sum(row.role is ContributorRole.AUTHOR for row in rows):
            line = author_line(authors)
            await works_repository.set_work(session, work_id, {"author": line})
    await _forget(session, Contributor, contributor_id, others)
    return await get_contributor(session, contributor_id=contributor_id)


async def merge_series(
    session: AsyncSession, *, series_id: int, other_ids: Collection[int]
) -> SeriesSummary:
    """Make one series of several.

    Raises:
        NameMergedWithItselfError: it is among the others.
        SeriesNotFoundError: one of them does not exist.
    """
    series, others = await _find_all(session, Series, series_id, other_ids)
    ids = {series_id, *(other.id for other in others)}
    doubled = await names_repository.list_doubled_memberships(session, ids)
    for work_id, rows in groupby(doubled, key=attrgetter("work_id")):
        entries: dict[int, str | None] = {}
        for row in rows:
            target = series_id if row.series_id in ids else row.series_id
            entries[target] = entries.get(target) or row.number
        await works_repository.set_memberships(
            session, work_id=work_id, series=list(entries.items())
        )
    await _forget(session, Series, series_id, others)
    await names_repository.set_series_lines(session, series_id=series_id, title=series.title)
    return SeriesSummary.model_validate(series)


async def merge_publishers(
    session: AsyncSession, *, publisher_id: int, other_ids: Collection[int]
) -> PublisherRead:
    """Make one publisher of several.

    Raises:
        NameMergedWithItselfError: it is among the others.
        PublisherNotFoundError: one of them does not exist.
    """
    publisher, others = await _find_all(session, Publisher, publisher_id, other_ids)
    await _forget(session, Publisher, publisher_id, others)
    return PublisherRead.model_validate(publisher)


async def _find(session: AsyncSession, model: type[Named], named_id: int) -> Any:
    named = await names_repository.lock_named(session, model, [named_id])
    if named_id not in named:
        raise NOT_FOUND[model]
    return named[named_id]


async def _find_all(
    session: AsyncSession, model: type[Named], named_id: int, other_ids: Collection[int]
) -> tuple[Any, list[Any]]:
    if named_id in other_ids:
        raise NameMergedWithItselfError(field="ids")
    named = await names_repository.lock_named(session, model, {named_id, *other_ids})
    if named_id not in named:
        raise NOT_FOUND[model]
    missing = sorted(set(other_ids) - named.keys())
    if missing:
        raise NOT_FOUND[model](
            field="ids", extra={"items": [{"id": other_id} for other_id in missing]}
        )
    return named[named_id], [named[other_id] for other_id in dict.fromkeys(other_ids)]


async def _refuse_taken(session: AsyncSession, model: type[Named], name: str) -> None:
    column = Series.title if model is Series else model.name  # type: ignore[union-attr]
    if await names_repository.has_name(session, column, name):
        raise NameConflictError(field=column.key)


async def _forget(
    session: AsyncSession, model: type[Named], named_id: int, others: Sequence[Any]
) -> None:
    """Let whatever refers to the others refer to this one, and delete them."""
    ids = [other.id for other in others]
    await names_repository.replace_everywhere(session, REFERENCES[model], ids=ids, by=named_id)
    await names_repository.delete_named(session, model, ids)
