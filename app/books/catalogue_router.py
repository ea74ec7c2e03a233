"""People, series, publishers and subjects as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from app.books import catalogue
from app.books.catalogue_schemas import (
    Code,
    ContributorDetail,
    ContributorPage,
    NameQuery,
    PublisherPage,
    PublisherRead,
    SeriesPage,
    SubjectDetail,
    SubjectPage,
    SubjectQuery,
)
from app.books.codes import SubjectScheme
from app.books.schemas import SeriesDetail
from app.core.deps import DbSession
from app.core.pagination import PageParams
from app.core.rights import open_to_all
from app.core.schemas import Id

router = APIRouter(tags=["catalogue"])

Names = Annotated[NameQuery, Query()]
Responses = dict[int | str, dict[str, Any]]


def missing(code: str) -> Responses:
    """Return what OpenAPI says of something that there is not."""
    return {404: {"description": f"{code}: there is none"}}


@router.get("/contributors", summary="Find people who make books")
@open_to_all
async def list_contributors(session: DbSession, query: Names) -> ContributorPage:
    """Return a page of contributors by name; `GET /books?contributor_id=` has their books."""
    return await catalogue.list_contributors(session, query=query)


@router.get(
    "/contributors/{contributor_id}",
    summary="Somebody who makes books",
    responses=missing("CONTRIBUTOR_NOT_FOUND"),
)
@open_to_all
async def read_contributor(
    session: DbSession, contributor_id: Annotated[Id, Path()]
) -> ContributorDetail:
    """Return a contributor with their biography and what they do."""
    return await catalogue.get_contributor(session, contributor_id=contributor_id)


@router.get("/publishers", summary="Find publishers and imprints")
@open_to_all
async def list_publishers(session: DbSession, query: Names) -> PublisherPage:
    """Return a page of publishers by name; `GET /books?publisher_id=` has their books."""
    return await catalogue.list_publishers(session, query=query)


@router.get(
    "/publishers/{publisher_id}",
    summary="A publisher or an imprint",
    responses=missing("PUBLISHER_NOT_FOUND"),
)
@open_to_all
async def read_publisher(session: DbSession, publisher_id: Annotated[Id, Path()]) -> PublisherRead:
    """Return a publisher or an imprint."""
    return await catalogue.get_publisher(session, publisher_id=publisher_id)


@router.get("/series", summary="Find series")
@open_to_all
async def list_series(session: DbSession, query: Names) -> SeriesPage:
    """Return a page of series by title."""
    return await catalogue.list_series(session, query=query)


@router.get(
    "/series/{series_id}",
    summary="A series and its volumes",
    responses=missing("SERIES_NOT_FOUND"),
)
@open_to_all
async def read_series(
    session: DbSession, series_id: Annotated[Id, Path()], query: PageParams
) -> SeriesDetail:
    """Return a series with a page of the volumes that are sold.

    They are in the order of their numbers (1, 2, 2.5, 10); those that are words come after them,
    those without any last. Of each volume one edition is shown.
    """
    return await catalogue.get_series(session, series_id=series_id, query=query)


@router.get("/subjects", summary="Find subjects")
@open_to_all
async def list_subjects(session: DbSession, query: Annotated[SubjectQuery, Query()]) -> SubjectPage:
    """Return a page of a scheme's subjects by code.

    Those at the top, or right below `parent`, or with the words of `q` in their heading.
    `GET /books?subject=` has the books.
    """
    return await catalogue.list_subjects(session, query=query)


@router.get(
    "/subjects/{scheme}/{code}",
    summary="A subject",
    responses=missing("SUBJECT_NOT_FOUND"),
)
@open_to_all
async def read_subject(
    session: DbSession, scheme: SubjectScheme, code: Annotated[Code, Path()]
) -> SubjectDetail:
    """Return a subject with its heading, what is above it and what is right below it."""
    return await catalogue.get_subject(session, scheme=scheme, code=code)
