"""Works: what editions have in common, and which editions are one work.

Feeds group editions as well as they can; staff know better. What they decided stays: a book that
the shop has keeps its work whatever a feed says, and a work that staff put together or named is
only filled up by feeds, never overwritten.
"""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.books import repository
from app.books.author_lines import author_line
from app.books.codes import ContributorRole
from app.books.errors import (
    EditionNotOfWorkError,
    WorkMergedWithItselfError,
    WorkNotFoundError,
    WorkWouldBeEmptyError,
)
from app.books.models import Work
from app.books.repository import works as works_repository
from app.books.schemas import ContributorRead, GenreRead
from app.books.slugs import book_address
from app.books.work_schemas import (
    MAX_EDITIONS,
    SeriesEntryRead,
    SubjectRead,
    WorkEditionRead,
    WorkRead,
)
from app.core.findings import SHOWN, Finding
from app.core.keyset import AnyRow

FILLED = (
    "subtitle",
    "short_description",
    "description",
    "table_of_contents",
    "genre_id",
    "first_published",
    "original_language",
)
"""Facts that a work takes from those merged into it where it has none."""


async def get_work(session: AsyncSession, *, work_id: int, is_staff: bool = False) -> WorkRead:
    """Return a work with its editions.

    Staff also see editions that are not sold, and works that have no others.

    Raises:
        WorkNotFoundError: no such work, or none of its editions is sold.
    """
    row = await works_repository.find_work(session, work_id)
    if row is None:
        raise WorkNotFoundError
    editions = await works_repository.list_editions(
        session, work_id=work_id, with_unsold=is_staff, limit=MAX_EDITIONS
    )
    if not (editions or is_staff):
        raise WorkNotFoundError
    return WorkRead(
        **row._asdict(),
        genre=(
            None
            if row.genre_id is None
            else GenreRead(id=row.genre_id, name=row.genre_name, slug=row.genre_slug)
        ),
        contributors=[
            ContributorRead.model_validate(person)
            for person in await repository.list_contributors_of_work(session, work_id=work_id)
        ],
        series_list=[
            SeriesEntryRead.model_validate(entry)
            for entry in await works_repository.list_series(session, work_id=work_id)
        ],
        subjects=[
            SubjectRead.model_validate(subject)
            for subject in await works_repository.list_subjects(session, work_id=work_id)
        ],
        editions=[
            WorkEditionRead(
                **edition._asdict(),
                url=book_address(edition.id, title=row.title, author=row.author),
            )
            for edition in editions
        ],
        edition_count=editions[0].edition_count if editions else 0,
    )


async def find_successor(session: AsyncSession, *, work_id: int) -> int | None:
    """Return the work that a work which is gone was merged into."""
    return await works_repository.find_successor(session, work_id)


async def find_empty(session: AsyncSession) -> list[Finding]:
    """Return the works that have lost their last edition."""
    return [
        Finding(
            invariant="every work has an edition",
            subject=f"work {work.id}",
            detail=f"no book is an edition of {work.title!r}",
        )
        for work in await works_repository.list_works_without_books(session, limit=SHOWN)
    ]


async def merge_works(
    session: AsyncSession, *, work_id: int, other_ids: Collection[int]
) -> WorkRead:
    """Make the editions of other works editions of this one, and return it.

    It keeps its facts and takes from the others what it lacks; people, series and subjects are
    put together, popularity added up, staff's notes joined; reviews go with the editions that they
    were written at. The others go, and what led to them leads here.

    Raises:
        WorkMergedWithItselfError: it is among the others.
        WorkNotFoundError: one of them does not exist, or was merged into another meanwhile.
    """
    others = sorted(set(other_ids))
    if work_id in others:
        raise WorkMergedWithItselfError(field="work_ids")
    works, books = await works_repository.lock_works(session, {work_id, *others})
    _refuse_missing(works, work_id, others)
    work = works[work_id]
    values = _missing_facts(work, [works[other_id] for other_id in others])
    values |= await _unite_people(session, work, others)
    values |= await _unite_series(session, work, others)
    await works_repository.unite_subjects(session, work_id=work_id, other_ids=others)
    await _unite_picks(session, work_id, others)
    await works_repository.add_up_fame(session, work_id=work_id, other_ids=others)
    await works_repository.set_work(session, work_id, values | {"is_curated": True})
    await works_repository.move_names(session, work_id=work_id, other_ids=others)
    moved = [book.id for book in books if book.work_id != work_id]
    await works_repository.move_books(session, book_ids=moved, work_id=work_id)
    await works_repository.delete_works(session, work_ids=others)
    return await get_work(session, work_id=work_id, is_staff=True)


async def merge_works_as_staff(
    session: AsyncSession, *, actor: Actor, work_id: int, other_ids: Collection[int]
) -> WorkRead:
    """As ``merge_works``, and write down who did it and which editions moved from where."""
    moved = await _editions_of(session, {*other_ids} - {work_id}, beside=work_id)
    merged = await merge_works(session, work_id=work_id, other_ids=other_ids)
    await record(
        session,
        actor=actor,
        action="work.merge",
        thing_id=work_id,
        before={"editions_of_merged_works": moved},
    )
    return merged


async def split_work_as_staff(
    session: AsyncSession,
    *,
    actor: Actor,
    work_id: int,
    book_ids: Collection[int],
    title: str | None = None,
) -> WorkRead:
    """As ``split_work``, and write down who did it."""
    new = await split_work(session, work_id=work_id, book_ids=book_ids, title=title)
    await record(
        session,
        actor=actor,
        action="work.split",
        thing_id=work_id,
        after={"book_ids": sorted(book_ids), "new_work_id": new.id, "title": new.title},
    )
    return new


async def split_work(
    session: AsyncSession, *, work_id: int, book_ids: Collection[int], title: str | None = None
) -> WorkRead:
    """Make some of a work's editions a work of their own, and return that.

    It begins with the facts of the old one, and with the title given, if any. The numbers that
    feeds know the work by and staff's note stay with the old one, reviews go with the editions that
    they were written at.

    Raises:
        WorkNotFoundError: no such work.
        EditionNotOfWorkError: a book is not one of its editions, or was moved meanwhile.
        WorkWouldBeEmptyError: no edition that is in the catalogue would be left to it.
    """
    works, books = await works_repository.lock_works(session, [work_id])
    if work_id not in works:
        raise WorkNotFoundError
    named = set(book_ids)
    foreign = sorted(named - {book.id for book in books})
    if foreign:
        raise EditionNotOfWorkError(
            field="book_ids", extra={"items": [{"book_id": book_id} for book_id in foreign]}
        )
    if not any(book.id not in named and book.deleted_at is None for book in books):
        raise WorkWouldBeEmptyError(field="book_ids")
    renamed = {} if title is None else {"title": title, "subtitle": None, "is_curated": True}
    new_id = await works_repository.copy_work(session, source_id=work_id, values=renamed)
    people = await works_repository.list_contributions(session, work_ids=[work_id])
    await works_repository.set_contributions(
        session,
        work_id=new_id,
        people=[(person.contributor_id, person.role) for person in people],
    )
    series = await works_repository.list_memberships(session, work_ids=[work_id])
    await works_repository.set_memberships(
        session, work_id=new_id, series=[(entry.series_id, entry.number) for entry in series]
    )
    await works_repository.copy_subjects(session, work_id=new_id, source_id=work_id)
    await works_repository.copy_aliases(session, work_id=new_id, source_id=work_id)
    if title is not None:
        await works_repository.add_alias(session, work_id=new_id, source_id=work_id)
    await works_repository.move_books(session, book_ids=named, work_id=new_id)
    return await get_work(session, work_id=new_id, is_staff=True)


async def _editions_of(
    session: AsyncSession, work_ids: Collection[int], *, beside: int
) -> dict[str, list[int]]:
    """Return the books of works, by the work's id; nobody moves them until the transaction ends.

    The work beside them is held as well: whoever takes some works first and others later may wait
    in a circle with those who take all in their order.
    """
    _, books = await works_repository.lock_works(session, {*work_ids, beside})
    return {
        str(work_id): [book.id for book in books if book.work_id == work_id]
        for work_id in sorted(work_ids)
    }


def _refuse_missing(works: Collection[int], work_id: int, others: Sequence[int]) -> None:
    if work_id not in works:
        raise WorkNotFoundError
    missing = [other_id for other_id in others if other_id not in works]
    if missing:
        raise WorkNotFoundError(
            "One of these works does not exist.",
            field="work_ids",
            extra={"items": [{"work_id": other_id} for other_id in missing]},
        )


def _missing_facts(work: Work, others: Sequence[Work]) -> dict[str, object]:
    facts = {}
    for name in FILLED:
        told = [getattr(other, name) for other in others if getattr(other, name) is not None]
        if getattr(work, name) is None and told:
            facts[name] = told[0]
    return facts


async def _unite_people(
    session: AsyncSession, work: Work, others: Sequence[int]
) -> dict[str, object]:
    """Add the others' people, and return the author line if there are authors more.

    "Tolkien, J. R. R." and "J.R.R. Tolkien" are one: names of the same words are not repeated.
    """
    rows = await works_repository.list_contributions(session, work_ids=[work.id, *others])
    people = _united(rows, work.id, others, lambda row: (sorted(row.folded_name.split()), row.role))
    await works_repository.set_contributions(
        session,
        work_id=work.id,
        people=[(person.contributor_id, person.role) for person in people],
    )
    authors = [person.name for person in people if person.role is ContributorRole.AUTHOR]
    before = sum(row.work_id == work.id and row.role is ContributorRole.AUTHOR for row in rows)
    return {"author": author_line(authors)} if len(authors) > before else {}


async def _unite_series(
    session: AsyncSession, work: Work, others: Sequence[int]
) -> dict[str, object]:
    """Add the others' series, and return the first one's words if the work was in none."""
    rows = await works_repository.list_memberships(session, work_ids=[work.id, *others])
    series = _united(rows, work.id, others, lambda row: row.series_id)
    await works_repository.set_memberships(
        session, work_id=work.id, series=[(entry.series_id, entry.number) for entry in series]
    )
    if work.series is None and series:
        return {"series": series[0].title, "series_number": series[0].number}
    return {}


def _united(
    rows: Sequence[AnyRow], work_id: int, others: Sequence[int], key: Callable[[AnyRow], object]
) -> list[AnyRow]:
    """Return the work's rows, and after them those of the others that say something new."""
    united: list[AnyRow] = []
    known: list[object] = []
    for source in (work_id, *others):
        for row in rows:
            if row.work_id == source and (row.work_id == work_id or key(row) not in known):
                united.append(row)
                known.append(key(row))
    return united


async def _unite_picks(session: AsyncSession, work_id: int, others: Sequence[int]) -> None:
    """Make one staff pick of all; every note and every name stays."""
    picks = await works_repository.list_picks(session, work_ids=[work_id, *others])
    if picks:
        picks = sorted(picks, key=lambda pick: pick.work_id != work_id)
        await works_repository.replace_picks(
            session,
            work_ids=[work_id, *others],
            pick={
                "work_id": work_id,
                "note": "\n\n".join(dict.fromkeys(pick.note for pick in picks)),
                "picked_by": ", ".join(dict.fromkeys(pick.picked_by for pick in picks)),
                "position": min(pick.position for pick in picks),
            },
        )
