"""The wish list of a signed-in reader, as JSON."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status

from app.core.deps import CurrentUser, DbSession
from app.core.pagination import ListParams, link_pages
from app.core.rights import of_its_owner
from app.core.schemas import Id
from app.wishlist import service
from app.wishlist.schemas import WishlistItemCreate, WishlistItemRead

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


@router.delete(
    "/{book_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Take a book off the list"
)
@of_its_owner()
async def delete_item(
    session: DbSession, user: CurrentUser, book_id: Annotated[Id, Path()]
) -> None:
    """Take a book off the list."""
    await service.remove_item(session, user_id=user.id, book_id=book_id)
