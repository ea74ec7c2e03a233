"""SQL for subjects: their headings, and the tree that they are.

Above a code is what the scheme's list says; of a code that no list named, its longest beginning
that is known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    any_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.books.codes import SubjectScheme
from app.books.models import Subject, WorkSubject
from app.books.repository.filters import has_words
from app.core.keyset import AnyRow, AnySelect, Order, count_rows, read_slice
from app.core.pagination import Slice, Window

MAX_DEPTH = 20
"""How far up a path is followed; a list whose parents go round in circles ends there."""

SUBJECTS_BY_CODE = Order(
    name="subjects by code", keys=(Subject.code.collate("C"), Subject.id.expression)
)


async def list_subject_ids(
    session: AsyncSession, *, scheme: SubjectScheme, code: str
) -> Sequence[int]:
    """Return the ids of a subject and of all that is below it: by beginning, or by the list."""
    below = (
        select(Subject.id, Subject.code)
        .where(Subject.scheme == scheme, Subject.code.startswith(code, autoescape=True))
        .cte("below", recursive=True)
    )
    child = aliased(Subject)
    below = below.union(
        select(child.id, child.code).join(
            below, and_(child.scheme == scheme, child.parent_code == below.c.code)
        )
    )
    return (await session.scalars(select(below.c.id).order_by(below.c.id))).all()


async def list_subjects(
    session: AsyncSession,
    *,
    scheme: SubjectScheme,
    parent: str | None,
    words: str | None,
    window: Window,
    count_to: int,
) -> tuple[Slice[AnyRow], int]:
    """Return subjects by code, and how many there are, counted to a limit.

    They are those right below ``parent``, else those with the words of a tsquery in their
    heading, else those with nothing above them.
    """
    conditions = [Subject.scheme == scheme]
    if parent is not None:
        conditions.append(_is_right_below(parent))
    if words is not None:
        conditions.append(has_words(Subject.heading, words))
    if parent is None and words is None:
        conditions.append(and_(Subject.parent_code.is_(None), ~_has_longer_beginning("")))
    statement = select(Subject.scheme, Subject.code, Subject.heading).where(*conditions)
    found = await read_slice(session, statement, order=SUBJECTS_BY_CODE, window=window)
    return found, await count_rows(session, statement, limit=count_to)


async def list_paths_of_work(session: AsyncSession, *, work_id: int) -> Sequence[AnyRow]:
    """Return, for each subject of a work, itself and all that is above it, the topmost first.

    The main subject comes first; ``is_main`` and ``subject_id`` are those of the work's subject.
    """
    of_work = and_(WorkSubject.subject_id == Subject.id, WorkSubject.work_id == work_id)
    seed = select(*_STEP, WorkSubject.is_main).join(WorkSubject, of_work)
    return (await session.execute(_with_paths(seed))).all()


async def find_path(session: AsyncSession, *, scheme: SubjectScheme, code: str) -> Sequence[AnyRow]:
    """Return a subject and all that is above it, the topmost first; nothing if it is not known."""
    seed = select(*_STEP, false().label("is_main")).where(
        Subject.scheme == scheme, Subject.code == code
    )
    return (await session.execute(_with_paths(seed))).all()


async def write_headings(
    session: AsyncSession, *, scheme: SubjectScheme, subjects: Sequence[Mapping[str, Any]]
) -> int:
    """Give codes their headings and what is above them; return how many are new or changed."""
    added = insert(Subject)
    statement = added.on_conflict_do_update(
        index_elements=[Subject.scheme, Subject.code],
        set_={"heading": added.excluded.heading, "parent_code": added.excluded.parent_code},
        where=or_(
            Subject.heading.is_distinct_from(added.excluded.heading),
            Subject.parent_code.is_distinct_from(added.excluded.parent_code),
        ),
    ).returning(Subject.id)
    rows = [{"scheme": scheme, **subject} for subject in subjects]
    return len((await session.scalars(statement, rows)).all())


_STEP = (
    Subject.id.label("subject_id"),
    Subject.scheme,
    Subject.code,
    Subject.heading,
    Subject.parent_code,
    literal(0).label("height"),
)


def _with_paths(seed: AnySelect) -> AnySelect:
    """Return the subjects of the seed, each with all that is above it."""
    path = seed.cte("path", recursive=True)
    above = aliased(Subject)
    candidates = case(
        (path.c.parent_code.is_not(None), array([path.c.parent_code])),
        else_=_beginnings(path.c.code),
    )
    nearest = (
        select(above.scheme, above.code, above.heading, above.parent_code)
        .where(above.scheme == path.c.scheme, above.code == any_(candidates))
        .order_by(func.length(above.code).desc())
        .limit(1)
        .lateral("nearest")
    )
    path = path.union_all(
        select(
            path.c.subject_id,
            nearest.c.scheme,
            nearest.c.code,
            nearest.c.heading,
            nearest.c.parent_code,
            path.c.height + 1,
            path.c.is_main,
        )
        .join(nearest, true())
        .where(path.c.height < MAX_DEPTH)
    )
    return select(path).order_by(path.c.is_main.desc(), path.c.subject_id, path.c.height.desc())


def _is_right_below(code: str) -> ColumnElement[bool]:
    by_beginning = and_(
        Subject.parent_code.is_(None),
        Subject.code.startswith(code, autoescape=True),
        Subject.code != code,
        ~_has_longer_beginning(code),
    )
    return or_(Subject.parent_code == code, by_beginning)


def _has_longer_beginning(code: str) -> ColumnElement[bool]:
    """Return the condition that a longer beginning of a subject's code than this one is known."""
    other = aliased(Subject)
    return exists().where(
        other.scheme == Subject.scheme,
        other.code == any_(_beginnings(Subject.code)),
        func.length(other.code) > len(code),
    )


def _beginnings(code: Any) -> ColumnElement[Any]:
    """Return the array of all beginnings of a code but itself."""
    lengths = func.generate_series(1, func.length(code) - 1).table_valued("length").render_derived()
    beginnings = select(func.left(code, lengths.c.length)).select_from(lengths)
    return func.array(beginnings.correlate_except(lengths).scalar_subquery())
