"""Recommendations and lists as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from app.core.clock import Now
from app.core.deps import AppSettings, DbSession
from app.core.pagination import PageParams
from app.core.rights import open_to_all
from app.core.schemas import Id, Text
from app.recommendations import service
from app.recommendations.schemas import ListPage, ListRead, RecommendationGroup

router = APIRouter(tags=["recommendations"])

Responses = dict[int | str, dict[str, Any]]

NO_BOOK: Responses = {404: {"description": "BOOK_NOT_FOUND: no such book, or no longer sold"}}
NO_LIST: Responses = {404: {"description": "LIST_NOT_FOUND: the shop keeps no such list"}}

Name = Annotated[Text, Path(description="As `GET /lists` has it.", examples=["bestsellers-week"])]


@router.get("/books/{book_id}/recommendations", summary="What goes with a book", responses=NO_BOOK)
@open_to_all
async def read_recommendations(
    session: DbSession, book_id: Annotated[Id, Path()]
) -> list[RecommendationGroup]:
    """Return books that may please whoever looks at this one, in groups, each with its reason.

    Next in the series, what its readers also bought (at least three of them), more by its authors,
    similar by subject. Only what can be bought now, of each work one edition; no work is in two
    groups, and a group without books is left out. What readers also bought is worked out anew
    every night.
    """
    return await service.recommend(session, book_id=book_id)


@router.get("/lists", summary="The shop's lists")
@open_to_all
async def list_lists() -> list[ListRead]:
    """Return the lists that the shop keeps."""
    return list(service.LISTS)


@router.get("/lists/{name}", summary="A list of the shop", responses=NO_LIST)
@open_to_all
async def read_list(
    session: DbSession, name: Name, query: PageParams, now: Now, settings: AppSettings
) -> ListPage:
    """Return a page of a list.

    Bestsellers are counted every hour: copies paid for and kept, of all editions of a work, each
    work by the edition that sells best. New is what was published in the last 60 days, coming soon
    what will be in the next 120, where at least the month is known. Staff picks come with their
    notes.
    """
    return await service.read_list(session, name=name, query=query, now=now, settings=settings)
