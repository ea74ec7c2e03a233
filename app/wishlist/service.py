"""The rules of the wish list."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookNotFoundError
from app.books.service import Offer, get_offers, get_titles
from app.core.pagination import ListQuery, Slice
from app.wishlist import repository
from app.wishlist.errors import WishlistItemDuplicateError, WishlistItemNotFoundError
from app.wishlist.models import WishlistItem
from app.wishlist.schemas import WishlistBook, WishlistItemRead, WishRead


async def list_items(
    session: AsyncSession, *, user_id: int, query: ListQuery
) -> Slice[WishlistItemRead]:
    """Return the books on the list that are still sold, the newest wish first.

    Raises:
        CursorError: not a cursor of a wish list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    items = await repository.list_items(session, user_id=user_id, window=window)
    offers = await get_offers(session, book_ids={item.book_id for item in items.rows})
    sold = [item for item in items.rows if item.book_id in offers]
    return replace(items, rows=sold).map(lambda item: _read(item, offers[item.book_id]))


async def list_wishes(session: AsyncSession, *, user_id: int, query: ListQuery) -> Slice[WishRead]:
    """Return all wishes, also for books that are no longer sold, the newest first.

    Raises:
        CursorError: not a cursor of a wish list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    items = await repository.list_items(session, user_id=user_id, window=window)
    titles = await get_titles(session, book_ids={item.book_id for item in items.rows})
    return items.map(
        lambda item: WishRead(
            book_id=item.book_id,
            title=titles[item.book_id][0],
            author=titles[item.book_id][1],
            added_at=item.created_at,
        )
    )


async def add_item(session: AsyncSession, *, user_id: int, book_id: int) -> WishlistItemRead:
    """Put a book on the list.

    Raises:
        BookNotFoundError: no such book.
        WishlistItemDuplicateError: it is there already.
    """
    offer = (await get_offers(session, book_ids={book_id})).get(book_id)
    if offer is None:
        raise BookNotFoundError(field="book_id")
    item = await repository.insert_item(session, user_id=user_id, book_id=book_id)
    if item is None:
        raise WishlistItemDuplicateError(field="book_id")
    return _read(item, offer)


async def remove_item(session: AsyncSession, *, user_id: int, book_id: int) -> None:
    """Take a book off the list.

    Raises:
        WishlistItemNotFoundError: it is not there.
    """
    if not await repository.delete_item(session, user_id=user_id, book_id=book_id):
        raise WishlistItemNotFoundError


def _read(item: WishlistItem, offer: Offer) -> WishlistItemRead:
    return WishlistItemRead(
        id=item.id,
        book_id=item.book_id,
        added_at=item.created_at,
        book=WishlistBook(
            id=offer.book_id,
            title=offer.title,
            author=offer.author,
            price=offer.price,
            cover_image_url=offer.cover_image_url,
            stock_quantity=offer.on_hand,
        ),
    )
