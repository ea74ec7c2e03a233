"""A wish list that somebody shares, for whoever has its link."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.core.deps import AppSettings, DbSession
from app.core.pagination import MAX_CURSOR, ListQuery
from app.core.rights import open_to_all
from app.storefront.account_links import hide_address
from app.storefront.context import Page
from app.storefront.templating import render
from app.wishlist.service import list_shared
from app.wishlist.sharing import MAX_TOKEN_CHARACTERS

router = APIRouter()

WISHES_PER_PAGE = 24


@router.get("/wishlist/shared")
@open_to_all
async def shared_wishlist(
    request: Request,
    session: DbSession,
    page: Page,
    settings: AppSettings,
    token: Annotated[str, Query(max_length=MAX_TOKEN_CHARACTERS)] = "",
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
) -> Response:
    """The books that somebody wishes for; search engines are kept out."""
    wishes = await list_shared(
        session,
        token=token,
        query=ListQuery(limit=WISHES_PER_PAGE, cursor=cursor),
        settings=settings,
    )
    response = render(request, "shared_wishlist.html", page=page, wishes=wishes, token=token)
    response.headers["X-Robots-Tag"] = "noindex"
    return hide_address(response)
