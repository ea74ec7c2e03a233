"""Waiting for books, as JSON."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status

from app.core.clock import Now
from app.core.deps import CurrentUser, DbSession
from app.core.pagination import ListParams, link_pages
from app.core.rights import of_its_owner
from app.core.schemas import Id
from app.prebooks import service
from app.prebooks.schemas import PrebookCreate, PrebookRead

router = APIRouter(prefix="/prebooks", tags=["waiting"])


@router.get("", summary="What I wait for")
async def list_prebooks(
    request: Request,
    response: Response,
    session: DbSession,
    user: CurrentUser,
    query: ListParams,
) -> list[PrebookRead]:
    """Return what the account waits or waited for, the newest wish first.

    The ``Link`` header leads to older wishes.
    """
    found = await service.list_prebooks(session, user_id=user.id, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Wait for a book")
async def create_prebook(
    session: DbSession, user: CurrentUser, prebook: PrebookCreate
) -> PrebookRead:
    """Ask to be told when a book that is out of stock is back."""
    return await service.add_prebook(session, user_id=user.id, book_id=prebook.book_id)


@router.delete("/{prebook_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Stop waiting")
@of_its_owner()
async def cancel_prebook(
    session: DbSession, user: CurrentUser, prebook_id: Annotated[Id, Path()], now: Now
) -> None:
    """Stop waiting for a book."""
    await service.cancel_prebook(session, user_id=user.id, prebook_id=prebook_id, now=now)
