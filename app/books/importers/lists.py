"""The lists of a work that a row may tell whole: its further series, its subjects by scheme."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import repository
from app.books.importers.rows import ImportedBook
from app.books.models import Series, SeriesMembership, Subject, SubjectScheme, WorkSubject

SeriesRows: TypeAlias = tuple[tuple[str, str | None], ...]
SubjectKey: TypeAlias = tuple[SubjectScheme, str]


async def write_lists(session: AsyncSession, books: Mapping[int, ImportedBook]) -> set[int]:
    """Make the works' lists, by id of the work, what the rows say; return the works that changed.

    Nothing is read for works whose rows say nothing of lists, and nothing written where a list is
    as it was.
    """
    series = {
        work_id: book.more_series for work_id, book in books.items() if book.more_series is not None
    }
    subjects = {
        work_id: book.subjects for work_id, book in books.items() if book.subjects is not None
    }
    changed = await _write_series(session, series) if series else set()
    return changed | (await _write_subjects(session, subjects) if subjects else set())


async def _write_series(session: AsyncSession, told: Mapping[int, SeriesRows]) -> set[int]:
    known: dict[int, SeriesRows] = {}
    statement = (
        select(SeriesMembership.work_id, Series.title, SeriesMembership.number)
        .join(SeriesMembership.series)
        .where(repository.among(SeriesMembership.work_id, told), SeriesMembership.position > 0)
        .order_by(SeriesMembership.work_id, SeriesMembership.position)
    )
    for work_id, title, number in await session.execute(statement):
        known[work_id] = (*known.get(work_id, ()), (title, number))
    changed = {work_id for work_id, series in told.items() if series != known.get(work_id, ())}
    if not changed:
        return changed
    await session.execute(
        delete(SeriesMembership).where(
            repository.among(SeriesMembership.work_id, changed), SeriesMembership.position > 0
        )
    )
    ids = await _series_ids(session, {title for work_id in changed for title, _ in told[work_id]})
    rows = [
        {"work_id": work_id, "position": position, "series_id": ids[title], "number": number}
        for work_id in sorted(changed)
        for position, (title, number) in enumerate(told[work_id], start=1)
    ]
    if rows:
        await session.execute(insert(SeriesMembership), rows)
    return changed


async def _series_ids(session: AsyncSession, titles: Collection[str]) -> dict[str, int]:
    """Return the series' ids by title; who is not known is added, in the order of titles."""
    if titles:
        added = insert(Series).on_conflict_do_nothing()
        await session.execute(added, [{"title": title} for title in sorted(titles)])
    statement = select(Series.title, Series.id).where(Series.title.in_(titles))
    return dict((await session.execute(statement)).all())


async def _write_subjects(
    session: AsyncSession, told: Mapping[int, Mapping[SubjectScheme, Mapping[str, bool]]]
) -> set[int]:
    known: dict[int, dict[SubjectKey, bool]] = {}
    statement = (
        select(WorkSubject.work_id, Subject.scheme, Subject.code, WorkSubject.is_main)
        .join(WorkSubject.subject)
        .where(repository.among(WorkSubject.work_id, told))
    )
    for work_id, scheme, code, is_main in await session.execute(statement):
        known.setdefault(work_id, {})[scheme, code] = is_main
    wanted: dict[int, dict[SubjectKey, bool]] = {}
    for work_id, schemes in told.items():
        kept = {
            key: is_main for key, is_main in known.get(work_id, {}).items() if key[0] not in schemes
        }
        new = {
            (scheme, code): is_main
            for scheme, codes in schemes.items()
            for code, is_main in codes.items()
        }
        if kept | new != known.get(work_id, {}):
            wanted[work_id] = kept | new
    if not wanted:
        return set()
    ids = await _subject_ids(session, {key for keys in wanted.values() for key in keys})
    await session.execute(delete(WorkSubject).where(repository.among(WorkSubject.work_id, wanted)))
    rows = [
        {"work_id": work_id, "subject_id": ids[key], "is_main": is_main}
        for work_id, keys in sorted(wanted.items())
        for key, is_main in sorted(keys.items())
    ]
    await session.execute(insert(WorkSubject), rows)
    return set(wanted)


async def _subject_ids(
    session: AsyncSession, keys: Collection[SubjectKey]
) -> dict[SubjectKey, int]:
    """Return the subjects' ids by scheme and code; who is not known is added, in their order."""
    added = insert(Subject).on_conflict_do_nothing()
    await session.execute(
        added, [{"scheme": scheme, "code": code} for scheme, code in sorted(keys)]
    )
    statement = select(Subject.scheme, Subject.code, Subject.id).where(
        Subject.code.in_({code for _, code in keys})
    )
    return {(scheme, code): row_id for scheme, code, row_id in await session.execute(statement)}
