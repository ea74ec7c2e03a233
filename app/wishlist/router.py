"""The wish list of a signed-in reader, as JSON."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.core.deps import AppSettings, CurrentUser, DbSession
from app.core.pagination import ListParams, link_pages
from app.core.rights import of_its_owner, open_to_all
from app.core.schemas import Id
from app.wishlist import service, sharing
from app.wishlist.schemas import (
    SharedWish,
    ShareRead,
    WishlistItemCreate,
    WishlistItemRead,
    WishlistItemUpdate,
)

router = APIRouter(prefix="/wishlist", tags=["wish list"])


@router.get("", summary="My wish list")
async def list_items(
    request: Request,
    response: Response,
    session: DbSession,
    user: CurrentUser,
    query: ListParams,
) -> list[WishlistItemRead]:
    """Return the books on the list, the newest wish first; ``Link`` leads to older ones."""
    found = await service.list_items(session, user_id=user.id, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Wish for a book")
async def create_item(
    session: DbSession, user: CurrentUser, item: WishlistItemCreate
) -> WishlistItemRead:
    """Put a book on the list."""
    return await service.add_item(session, user_id=user.id, book_id=item.book_id)


@router.get(
    "/share",
    summary="The link to my wish list",
    responses={404: {"description": "WISHLIST_NOT_SHARED"}},
)
async def read_share(session: DbSession, user: CurrentUser, settings: AppSettings) -> ShareRead:
    """Return the link with which others see the list."""
    return await sharing.get_share(session, user_id=user.id, settings=settings)


@router.post(
    "/share",
    status_code=status.HTTP_201_CREATED,
    summary="Share my wish list",
    responses={200: {"description": "It is shared already, by this link."}},
)
async def create_share(
    response: Response, session: DbSession, user: CurrentUser, settings: AppSettings
) -> ShareRead:
    """Make a link with which whoever has it sees the list, and nothing else of the reader."""
    share, is_new = await sharing.share(session, user_id=user.id, settings=settings)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return share


@router.delete(
    "/share", status_code=status.HTTP_204_NO_CONTENT, summary="Withdraw the link to my wish list"
)
async def delete_share(session: DbSession, user: CurrentUser) -> None:
    """Let the link lead nowhere; another share has another link."""
    await sharing.withdraw(session, user_id=user.id)


@router.get(
    "/shared",
    summary="A wish list that is shared",
    responses={404: {"description": "WISHLIST_NOT_SHARED: no such link, or it was withdrawn"}},
)
@open_to_all
async def list_shared(
    request: Request,
    response: Response,
    session: DbSession,
    settings: AppSettings,
    query: ListParams,
    token: Annotated[str, Query(max_length=sharing.MAX_TOKEN_CHARACTERS)],
) -> list[SharedWish]:
    """Return the books that somebody wishes for, the newest first; ``Link`` leads to older ones."""
    found = await service.list_shared(session, token=token, query=query, settings=settings)
    link_pages(request, response, found)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return list(found.rows)


@router.patch("/{book_id}", summary="What I want to hear of a book")
@of_its_owner()
async def update_item(
    session: DbSession,
    user: CurrentUser,
    book_id: Annotated[Id, Path()],
    wanted: WishlistItemUpdate,
) -> WishlistItemRead:
    """Ask for a mail when the book is back in stock, or when its price has dropped, or not."""
    return await service.choose_notices(session, user_id=user.id, book_id=book_id, wanted=wanted)


@router.delete(
    "/{book_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Take a book off the list"
)
@of_its_owner()
async def delete_item(
    session: DbSession, user: CurrentUser, book_id: Annotated[Id, Path()]
) -> None:
    """Take a book off the list."""
    await service.remove_item(session, user_id=user.id, book_id=book_id)
