"""The rules of waiting for a book."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookNotFoundError
from app.books.service import get_offers, get_titles
from app.books.stock import hold_shelf
from app.core.pagination import ListQuery, Slice
from app.prebooks import repository
from app.prebooks.errors import (
    BookInStockError,
    PrebookAlreadyCancelledError,
    PrebookDuplicateError,
    PrebookNotFoundError,
)
from app.prebooks.models import Prebook
from app.prebooks.schemas import PrebookRead


async def list_prebooks(
    session: AsyncSession, *, user_id: int, query: ListQuery
) -> Slice[PrebookRead]:
    """Return what the account waits or waited for, the newest wish first.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    prebooks = await repository.list_prebooks(session, user_id=user_id, window=window)
    titles = await get_titles(session, book_ids={prebook.book_id for prebook in prebooks.rows})
    return prebooks.map(lambda prebook: _read(prebook, *titles[prebook.book_id]))


async def add_prebook(session: AsyncSession, *, user_id: int, book_id: int) -> PrebookRead:
    """Wait for a book that is out of stock.

    Raises:
        BookNotFoundError: no such book.
        BookInStockError: there is nothing to wait for.
        PrebookDuplicateError: the account waits already.
    """
    offer = (await get_offers(session, book_ids={book_id})).get(book_id)
    if offer is None:
        raise BookNotFoundError(field="book_id")
    # Held until this is committed: copies that come meanwhile come after it, and find it waiting.
    if await hold_shelf(session, book_id=book_id) > 0:
        raise BookInStockError(field="book_id")
    prebook = await repository.insert_prebook(session, user_id=user_id, book_id=book_id)
    if prebook is None:
        raise PrebookDuplicateError(field="book_id")
    return _read(prebook, offer.title, offer.author)


async def cancel_prebook(
    session: AsyncSession, *, user_id: int, prebook_id: int, now: datetime
) -> None:
    """Stop waiting.

    Raises:
        PrebookNotFoundError: the account has no such wish.
        PrebookAlreadyCancelledError: it was cancelled before.
    """
    if await repository.cancel_prebook(session, user_id=user_id, prebook_id=prebook_id, now=now):
        return
    if await repository.prebook_exists(session, user_id=user_id, prebook_id=prebook_id):
        raise PrebookAlreadyCancelledError
    raise PrebookNotFoundError


async def notify_waiting(session: AsyncSession, *, book_id: int, now: datetime) -> list[int]:
    """Mark everybody who waits for the book as told, and return their accounts' ids."""
    told = await repository.mark_notified(session, book_id=book_id, now=now)
    return [prebook.user_id for prebook in told]


def _read(prebook: Prebook, title: str, author: str) -> PrebookRead:
    return PrebookRead(
        id=prebook.id,
        book_id=prebook.book_id,
        book_title=title,
        book_author=author,
        status=prebook.status,
        created_at=prebook.created_at,
        notified_at=prebook.notified_at,
        cancelled_at=prebook.cancelled_at,
    )
