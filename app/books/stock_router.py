"""The stock as JSON, for staff."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.audit.deps import AuditTrail
from app.books import stock_keeping
from app.books.stock_schemas import (
    Correction,
    Delivery,
    LowLevel,
    MovementRead,
    PreordersOpen,
    StockQuery,
    StockRead,
)
from app.core.clock import Now
from app.core.deps import AppSettings, CatalogueStaff, DbSession
from app.core.market import shop_market
from app.core.pagination import ListParams, link_pages
from app.core.schemas import Id

router = APIRouter(prefix="/admin/stock", tags=["stock"])

BookId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
}
REFUSED: Responses = STAFF_ONLY | {404: {"description": "BOOK_NOT_FOUND"}}


@router.get("", summary="Where the copies are", responses=STAFF_ONLY)
async def list_stock(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: CatalogueStaff,
    query: Annotated[StockQuery, Query()],
) -> list[StockRead]:
    """Return the stock of all books by id; ``Link`` leads to more where there are more."""
    found = await stock_keeping.list_stock(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.post(
    "/deliveries",
    status_code=status.HTTP_201_CREATED,
    summary="Receive a delivery",
    responses=REFUSED,
)
async def receive_delivery(
    session: DbSession, _staff: CatalogueStaff, trail: AuditTrail, delivery: Delivery
) -> list[StockRead]:
    """Put delivered copies on the shelf, all lines or none. Those who wait for a book are told."""
    return await stock_keeping.receive_delivery(session, actor=trail.actor, delivery=delivery)


@router.get("/{book_id}", summary="Where the copies of a book are", responses=REFUSED)
async def get_stock(session: DbSession, _staff: CatalogueStaff, book_id: BookId) -> StockRead:
    """Return how many copies are on hand, reserved and sold, and came, or came back."""
    return await stock_keeping.get_stock(session, book_id=book_id)


@router.patch("/{book_id}", summary="Watch a book's copies", responses=REFUSED)
async def watch_stock(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    book_id: BookId,
    level: LowLevel,
) -> StockRead:
    """Set with how many copies on hand the book is to be ordered anew; null stops watching."""
    return await stock_keeping.watch_stock(session, actor=trail.actor, book_id=book_id, level=level)


@router.put(
    "/{book_id}/preorders",
    summary="Sell a book before it is on sale",
    responses=REFUSED | {409: {"description": "BOOK_NOT_FORTHCOMING"}},
)
async def open_preorders(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    settings: AppSettings,
    now: Now,
    book_id: BookId,
    announced: PreordersOpen,
) -> StockRead:
    """Let copies be bought in advance, those on hand and those announced; who waits is told.

    They are sold in the order in which they are paid for, and leave the shop on the on-sale date.
    """
    return await stock_keeping.open_preorders(
        session,
        actor=trail.actor,
        book_id=book_id,
        announced=announced,
        market=shop_market(now=now, settings=settings),
    )


@router.delete("/{book_id}/preorders", summary="Sell a book in advance no more", responses=REFUSED)
async def close_preorders(
    session: DbSession, _staff: CatalogueStaff, trail: AuditTrail, book_id: BookId
) -> StockRead:
    """Take no more orders before the on-sale date; those that were placed stay."""
    return await stock_keeping.close_preorders(session, actor=trail.actor, book_id=book_id)


@router.get("/{book_id}/movements", summary="What happened to a book's copies", responses=REFUSED)
async def list_movements(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: CatalogueStaff,
    query: ListParams,
    book_id: BookId,
) -> list[MovementRead]:
    """Return the ledger of a book, the newest movement first. Its sums are the stock."""
    found = await stock_keeping.list_movements(session, book_id=book_id, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.post(
    "/{book_id}/corrections",
    status_code=status.HTTP_201_CREATED,
    summary="Correct a book's copies",
    responses=REFUSED | {409: {"description": "STOCK_MISSING_COPIES: not so many are on hand"}},
)
async def correct_stock(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    book_id: BookId,
    correction: Correction,
) -> StockRead:
    """Count copies that were found, or with a minus lost or damaged, with the reason."""
    return await stock_keeping.correct_stock(
        session, actor=trail.actor, book_id=book_id, correction=correction
    )
