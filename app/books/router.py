"""The catalogue as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.audit.deps import AuditTrail
from app.books import service
from app.books.queries import BookQuery
from app.books.schemas import (
    BookCreate,
    BookPage,
    BookRead,
    BookUpdate,
    GenreCreate,
    GenreRead,
    StockUpdate,
    Suggestion,
)
from app.core.clock import Now
from app.core.deps import AppSettings, CatalogueStaff, DbSession
from app.core.pagination import ListParams, link_pages
from app.core.rights import open_to_all
from app.core.schemas import Id, Text

router = APIRouter(prefix="/books", tags=["books"])
genres_router = APIRouter(prefix="/genres", tags=["books"])

BookId = Annotated[Id, Path()]
SuggestedText = Annotated[
    Text, Query(description="What was typed so far: words, or an ISBN.", examples=["tolk"])
]
Responses = dict[int | str, dict[str, Any]]

MISSING: Responses = {404: {"description": "BOOK_NOT_FOUND: no such book, or no longer sold"}}
STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
}
REFUSED: Responses = {
    409: {"description": "BOOK_ISBN_CONFLICT: another book has this ISBN"},
    422: {"description": "VALIDATION_ERROR, BOOK_ISBN_INVALID, GENRE_NOT_FOUND"},
}


@router.get("", summary="Find books")
@open_to_all
async def list_books(session: DbSession, query: Annotated[BookQuery, Query()]) -> BookPage:
    """Return a page of books, filtered, searched and sorted.

    Totals are counted to 1,000; `total_is_exact` tells whether there are more. A search that
    finds nothing is repeated with its spelling repaired, and `corrected_query` says so; one that
    finds little may have a `suggested_query`. `highlights` tells where the words were found.
    """
    return await service.list_books(session, query=query)


@router.get("/suggest", summary="Suggest what may be meant, as one types")
@open_to_all
async def suggest_books(session: DbSession, q: SuggestedText) -> list[Suggestion]:
    """Return works, people and series with all the words, the last of which may be unfinished.

    The most read come first. From four letters on, the last word may have a wrong letter.
    """
    return await service.suggest_books(session, text=q)


@router.get("/{book_id}", summary="A book", responses=MISSING)
@open_to_all
async def read_book(session: DbSession, book_id: BookId) -> BookRead:
    """Return a book with its genre, its contributors and its work's other editions."""
    return await service.get_book(session, book_id=book_id)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Add a book",
    responses=STAFF_ONLY | REFUSED,
)
async def create_book(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    book: BookCreate,
    settings: AppSettings,
) -> BookRead:
    """Add a book, with no copies in stock yet.

    A deleted book with the same ISBN comes back under its old id.
    """
    created = await service.create_book(session, book=book, currency=settings.currency)
    await trail.record("book.create", created.id, after=created)
    return created


@router.put("/{book_id}", summary="Change a book", responses=STAFF_ONLY | MISSING | REFUSED)
async def update_book(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    book_id: BookId,
    change: BookUpdate,
) -> BookRead:
    """Change what is sent; the rest stays. Null clears what may be missing."""
    before = await service.hold_book(session, book_id=book_id)
    changed = await service.update_book(session, book_id=book_id, change=change)
    await trail.record("book.update", book_id, before=before, after=changed)
    return changed


@router.delete(
    "/{book_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Stop selling a book",
    responses=STAFF_ONLY | MISSING,
)
async def delete_book(
    session: DbSession, _staff: CatalogueStaff, trail: AuditTrail, book_id: BookId, now: Now
) -> None:
    """Take a book out of the shop. Orders that have it keep it."""
    before = await service.hold_book(session, book_id=book_id)
    await service.delete_book(session, book_id=book_id, now=now)
    await trail.record("book.delete", book_id, before=before)


@router.patch("/{book_id}/stock", summary="Count a book's copies", responses=STAFF_ONLY | MISSING)
async def update_stock(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    book_id: BookId,
    stock: StockUpdate,
) -> BookRead:
    """Set how many copies can be bought. Those who wait are told when it was none before."""
    before = await service.hold_book(session, book_id=book_id)
    counted = await service.set_stock(
        session, book_id=book_id, quantity=stock.quantity, actor=trail.actor.name
    )
    await trail.record("book.count", book_id, before=before, after=counted)
    return counted


@genres_router.get("", summary="The shop's genres")
@open_to_all
async def list_genres(
    request: Request, response: Response, session: DbSession, query: ListParams
) -> list[GenreRead]:
    """Return genres by name, the first hundred; ``Link`` leads to more where there are more."""
    found = await service.read_genres(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@genres_router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Add a genre",
    responses=STAFF_ONLY | {409: {"description": "GENRE_CONFLICT: there is one of this name"}},
)
async def create_genre(
    session: DbSession, _staff: CatalogueStaff, trail: AuditTrail, genre: GenreCreate
) -> GenreRead:
    """Add a genre, which books can then be put into."""
    created = await service.create_genre(session, name=genre.name)
    await trail.record("genre.create", created.id, after=created)
    return created
