"""The rules of the wish list."""

from dataclasses import replace
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookNotFoundError
from app.books.service import Offer, get_offers, get_titles
from app.core.config import Settings
from app.core.pagination import ListQuery, Slice
from app.wishlist import repository, sharing
from app.wishlist.errors import WishlistItemDuplicateError, WishlistItemNotFoundError
from app.wishlist.models import WishlistItem
from app.wishlist.schemas import (
    SharedWish,
    WishlistBook,
    WishlistItemRead,
    WishlistItemUpdate,
    WishRead,
)


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


async def list_shared(
    session: AsyncSession, *, token: str, query: ListQuery, settings: Settings
) -> Slice[SharedWish]:
    """Return the books on a list that is shared by a link, the newest wish first.

    Raises:
        WishlistNotSharedError: it is no such link, or it was withdrawn.
        CursorError: not a cursor of a wish list.
    """
    user_id = await sharing.find_owner(session, token=token, settings=settings)
    window = query.window(repository.NEWEST_FIRST.name)
    items = await repository.list_items(session, user_id=user_id, window=window)
    offers = await get_offers(session, book_ids={item.book_id for item in items.rows})
    sold = [item for item in items.rows if item.book_id in offers]
    return replace(items, rows=sold).map(
        lambda item: SharedWish(added_at=item.created_at, book=_book(offers[item.book_id]))
    )


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


async def choose_notices(
    session: AsyncSession, *, user_id: int, book_id: int, wanted: WishlistItemUpdate
) -> WishlistItemRead:
    """Let the reader be told by mail when the book is back, or costs less than it does now.

    Raises:
        WishlistItemNotFoundError: it is not on the list, or no longer sold.
    """
    offer = (await get_offers(session, book_ids={book_id})).get(book_id)
    item = await repository.find_item(session, user_id=user_id, book_id=book_id)
    if item is None or offer is None:
        raise WishlistItemNotFoundError
    changes: dict[str, bool | Decimal | None] = {}
    if "notify_back_in_stock" in wanted.model_fields_set:
        changes["notify_back_in_stock"] = wanted.notify_back_in_stock
    if "notify_price_drop" in wanted.model_fields_set:
        changes["price_seen"] = offer.price if wanted.notify_price_drop else None
    if changes:
        changed = await repository.set_notices(
            session, user_id=user_id, book_id=book_id, changes=changes
        )
        if changed is None:
            raise WishlistItemNotFoundError
        item = changed
    return _read(item, offer)


def _read(item: WishlistItem, offer: Offer) -> WishlistItemRead:
    return WishlistItemRead(
        id=item.id,
        book_id=item.book_id,
        added_at=item.created_at,
        notify_back_in_stock=item.notify_back_in_stock,
        notify_price_drop=item.price_seen is not None,
        book=_book(offer),
    )


def _book(offer: Offer) -> WishlistBook:
    return WishlistBook(
        id=offer.book_id,
        title=offer.title,
        author=offer.author,
        price=offer.price,
        cover_image_url=offer.cover_image_url,
        stock_quantity=offer.on_hand,
    )
