"""Who and what books are by, in and about: people, series, publishers, subjects."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import search
from app.books.catalogue_schemas import (
    ContributorDetail,
    ContributorPage,
    ContributorSummary,
    NameQuery,
    PublisherPage,
    PublisherRead,
    SeriesOfBook,
    SeriesPage,
    SeriesSummary,
    SubjectDetail,
    SubjectOfBook,
    SubjectPage,
    SubjectQuery,
    SubjectRead,
)
from app.books.codes import SubjectScheme
from app.books.errors import (
    ContributorNotFoundError,
    PublisherNotFoundError,
    SeriesNotFoundError,
    SubjectNotFoundError,
)
from app.books.repository import people, subjects
from app.books.repository import series as series_repository
from app.books.schemas import SeriesDetail, SeriesVolume, VolumePage
from app.core.pagination import CountedPage, PageQuery, Slice, Window

P = TypeVar("P", bound=CountedPage[Any])

MAX_EXACT_TOTAL = 1_000
MAX_CHILDREN = 100


async def list_contributors(session: AsyncSession, *, query: NameQuery) -> ContributorPage:
    """Return a page of contributors by name.

    Raises:
        CursorError: the cursor is not of this list, or a page is numbered beside it.
    """
    window = query.window(people.CONTRIBUTORS_BY_NAME.name)
    words = await _words(session, query.q)
    found, count = await people.list_contributors(
        session, words=words, window=window, count_to=MAX_EXACT_TOTAL + 1
    )
    return _page(ContributorPage, found.map(ContributorSummary.model_validate), count, query)


async def get_contributor(session: AsyncSession, *, contributor_id: int) -> ContributorDetail:
    """Return a contributor with what they do.

    Raises:
        ContributorNotFoundError: there is none.
    """
    person = await people.find_contributor(session, contributor_id=contributor_id)
    if person is None:
        raise ContributorNotFoundError
    roles = await people.list_roles(session, contributor_id=contributor_id)
    return ContributorDetail(
        id=person.id,
        name=person.name,
        sort_name=person.sort_name,
        is_body=person.is_body,
        biography=person.biography,
        roles=list(roles),
    )


async def list_publishers(session: AsyncSession, *, query: NameQuery) -> PublisherPage:
    """Return a page of publishers and imprints by name.

    Raises:
        CursorError: the cursor is not of this list, or a page is numbered beside it.
    """
    window = query.window(people.PUBLISHERS_BY_NAME.name)
    words = await _words(session, query.q)
    found, count = await people.list_publishers(
        session, words=words, window=window, count_to=MAX_EXACT_TOTAL + 1
    )
    return _page(PublisherPage, found.map(PublisherRead.model_validate), count, query)


async def get_publisher(session: AsyncSession, *, publisher_id: int) -> PublisherRead:
    """Return a publisher or an imprint.

    Raises:
        PublisherNotFoundError: there is none.
    """
    publisher = await people.find_publisher(session, publisher_id=publisher_id)
    if publisher is None:
        raise PublisherNotFoundError
    return PublisherRead.model_validate(publisher)


async def list_series(session: AsyncSession, *, query: NameQuery) -> SeriesPage:
    """Return a page of series by title.

    Raises:
        CursorError: the cursor is not of this list, or a page is numbered beside it.
    """
    window = query.window(series_repository.SERIES_BY_TITLE.name)
    words = await _words(session, query.q)
    found, count = await series_repository.list_series(
        session, words=words, window=window, count_to=MAX_EXACT_TOTAL + 1
    )
    return _page(SeriesPage, found.map(SeriesSummary.model_validate), count, query)


async def get_series(session: AsyncSession, *, series_id: int, query: PageQuery) -> SeriesDetail:
    """Return a series with a page of its volumes by their numbers.

    Raises:
        SeriesNotFoundError: there is none.
        CursorError: the cursor is not of this list, or a page is numbered beside it.
    """
    window = query.window(series_repository.VOLUMES_BY_NUMBER.name)
    series = await series_repository.find_series(session, series_id=series_id)
    if series is None:
        raise SeriesNotFoundError
    found, count = await series_repository.list_volumes(
        session, series_id=series_id, window=window, count_to=MAX_EXACT_TOTAL + 1
    )
    volumes = _page(VolumePage, found.map(SeriesVolume.from_row), count, query)
    return SeriesDetail(id=series.id, title=series.title, volumes=volumes)


async def list_subjects(session: AsyncSession, *, query: SubjectQuery) -> SubjectPage:
    """Return a page of subjects by code.

    Raises:
        CursorError: the cursor is not of this list, or a page is numbered beside it.
    """
    found, count = await subjects.list_subjects(
        session,
        scheme=query.scheme,
        parent=query.parent and spell_code(query.parent),
        words=await _words(session, query.q),
        window=query.window(subjects.SUBJECTS_BY_CODE.name),
        count_to=MAX_EXACT_TOTAL + 1,
    )
    return _page(SubjectPage, found.map(SubjectRead.model_validate), count, query)


async def get_subject(session: AsyncSession, *, scheme: SubjectScheme, code: str) -> SubjectDetail:
    """Return a subject with what is above and right below it.

    Raises:
        SubjectNotFoundError: nobody has named such a code.
    """
    code = spell_code(code)
    path = await subjects.find_path(session, scheme=scheme, code=code)
    if not path:
        raise SubjectNotFoundError
    children, _ = await subjects.list_subjects(
        session,
        scheme=scheme,
        parent=code,
        words=None,
        window=Window(limit=MAX_CHILDREN),
        count_to=0,
    )
    *parents, subject = [SubjectRead.model_validate(row) for row in path]
    return SubjectDetail(
        scheme=scheme,
        code=subject.code,
        heading=subject.heading,
        parents=parents,
        children=[SubjectRead.model_validate(row) for row in children.rows],
    )


async def list_series_of_work(session: AsyncSession, *, work_id: int) -> list[SeriesOfBook]:
    """Return the series that a work is in, and its number in each."""
    rows = await series_repository.list_series_of_work(session, work_id=work_id)
    return [SeriesOfBook.model_validate(row) for row in rows]


async def list_subjects_of_work(session: AsyncSession, *, work_id: int) -> list[SubjectOfBook]:
    """Return what a work is about, the main subject first."""
    rows = await subjects.list_paths_of_work(session, work_id=work_id)
    return [_of_book(list(path)) for _, path in groupby(rows, attrgetter("subject_id"))]


def spell_code(code: str) -> str:
    """Return a subject's code as schemes write it."""
    return code.strip().upper()


def _of_book(path: Sequence[Any]) -> SubjectOfBook:
    subject = path[-1]
    return SubjectOfBook(
        scheme=subject.scheme,
        code=subject.code,
        heading=subject.heading,
        path=[step.heading or step.code for step in path],
        is_main=subject.is_main,
    )


async def _words(session: AsyncSession, text: str | None) -> str | None:
    """Return the tsquery for names with words that begin so; of nothing but punctuation, none."""
    if text is None:
        return None
    words = await search.split_words(session, text)
    return " & ".join(f"'{word}':*" for word in words)


def _page(kind: type[P], found: Slice[Any], count: int, query: PageQuery) -> P:
    return kind(
        items=found.rows,
        total=min(count, MAX_EXACT_TOTAL),
        total_is_exact=count <= MAX_EXACT_TOTAL,
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )
