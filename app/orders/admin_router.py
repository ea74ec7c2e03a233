"""Orders as JSON, for the staff who work on them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from app.audit.deps import AuditTrail
from app.core.clock import Now
from app.core.deps import AppSettings, DbSession, OrdersStaff
from app.core.pagination import link_pages
from app.core.schemas import EmptyAsNone, Id
from app.orders import bookkeeping, service
from app.orders.fulfilment import acts, papers
from app.orders.fulfilment.progress import describe
from app.orders.fulfilment_schemas import (
    BookkeepingDays,
    CancelRequest,
    FulfilmentRead,
    NoteCreate,
    OrderQuery,
    RefundCreate,
    ReturnCreate,
    ShipmentCreate,
)
from app.orders.papers_http import PDF, pdf_response
from app.orders.schemas import OrderRead

router = APIRouter(prefix="/admin/orders", tags=["admin"])

OrderId = Annotated[Id, Path()]
ShipmentId = Annotated[
    Annotated[Id, Query(description="Without one, of all that is still to be sent.")] | None,
    EmptyAsNone,
]
Responses = dict[int | str, dict[str, Any]]

STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `orders`"},
}
ONE: Responses = STAFF_ONLY | {404: {"description": "ORDER_NOT_FOUND"}}
MOVED = "ORDER_MOVE_NOT_ALLOWED: it stands where this cannot be done; `from` and `to` say both"
MOVES: Responses = ONE | {409: {"description": MOVED}}
COPIES = "ORDER_TOO_MANY_COPIES, ORDER_NOTHING_LEFT"
CSV: Responses = STAFF_ONLY | {
    200: {
        "description": "UTF-8 with a byte order mark; the first row names the columns.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


@router.get("", summary="All orders, the newest first", responses=STAFF_ONLY)
async def list_all_orders(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: OrdersStaff,
    query: Annotated[OrderQuery, Query()],
) -> list[OrderRead]:
    """Return the newest orders of everybody; the ``Link`` header leads to older and newer ones.

    Attempts that were declined are left out, unless that is the `status` that is asked for. A
    moment without a zone, or a day alone, is meant in UTC.
    """
    found = await service.list_all_orders(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.get(
    "/export.csv",
    summary="Orders for the books, as CSV",
    responses=CSV,
    response_class=StreamingResponse,
)
async def export_orders(
    _staff: OrdersStaff, settings: AppSettings, days: Annotated[BookkeepingDays, Query()]
) -> StreamingResponse:
    """Send the orders that were paid on some days of the shop's time zone, the first one first."""
    return _table(bookkeeping.export_orders(days=days, settings=settings), "orders.csv")


@router.get(
    "/days.csv",
    summary="Sales and refunds by day, as CSV",
    responses=CSV,
    response_class=StreamingResponse,
)
async def export_days(
    _staff: OrdersStaff, settings: AppSettings, days: Annotated[BookkeepingDays, Query()]
) -> StreamingResponse:
    """Send sums by day of the shop's time zone and by currency.

    An order counts on the day that it was paid, a refund on the day that it was.
    """
    return _table(bookkeeping.export_days(days=days, settings=settings), "days.csv")


@router.get("/{order_id}/fulfilment", summary="What has become of an order", responses=ONE)
async def read_fulfilment(
    session: DbSession, _staff: OrdersStaff, order_id: OrderId
) -> FulfilmentRead:
    """Return parcels, refunds, papers, and what became of each line's copies."""
    order = await service.get_order_of_shop(session, order_id=order_id)
    return await describe(session, order=order)


@router.get(
    "/{order_id}/packing-slip.pdf",
    summary="The slip for a parcel",
    responses=ONE | PDF,
    response_class=Response,
)
async def read_packing_slip(
    session: DbSession,
    _staff: OrdersStaff,
    order_id: OrderId,
    now: Now,
    settings: AppSettings,
    shipment_id: ShipmentId = None,
) -> Response:
    """Return what is in a parcel and to whom it goes, without prices."""
    order = await service.get_order_of_shop(session, order_id=order_id)
    drawn = await papers.packing_slip_pdf(
        session, order=order, shipment_id=shipment_id, now=now, settings=settings
    )
    return pdf_response(drawn, name=f"packing-slip-{order.number}.pdf")


@router.post("/{order_id}/pack", summary="Say that an order is packed", responses=MOVES)
async def pack(
    session: DbSession, _staff: OrdersStaff, trail: AuditTrail, order_id: OrderId
) -> FulfilmentRead:
    """From now on its buyer cannot call it off."""
    return await acts.pack(session, actor=trail.actor, order_id=order_id)


@router.post(
    "/{order_id}/shipments",
    status_code=status.HTTP_201_CREATED,
    summary="Send a parcel",
    responses=ONE
    | {
        409: {"description": f"{MOVED}; {COPIES}"},
        422: {"description": "ORDER_LINE_NOT_FOUND, VALIDATION_ERROR"},
    },
)
async def ship(
    session: DbSession,
    _staff: OrdersStaff,
    trail: AuditTrail,
    order_id: OrderId,
    parcel: ShipmentCreate,
) -> FulfilmentRead:
    """Send all that is left, or some copies; the buyer is told by mail, with the tracking link."""
    return await acts.ship(session, actor=trail.actor, order_id=order_id, parcel=parcel)


@router.post("/{order_id}/ready", summary="Say that an order waits at the counter", responses=MOVES)
async def make_ready(
    session: DbSession, _staff: OrdersStaff, trail: AuditTrail, order_id: OrderId
) -> FulfilmentRead:
    """The buyer is told by mail."""
    return await acts.make_ready(session, actor=trail.actor, order_id=order_id)


@router.post("/{order_id}/deliver", summary="Say that the buyer has it", responses=MOVES)
async def deliver(
    session: DbSession, _staff: OrdersStaff, trail: AuditTrail, order_id: OrderId
) -> FulfilmentRead:
    """What has not left by parcel is handed over with this, and what was due then is paid."""
    return await acts.deliver(session, actor=trail.actor, order_id=order_id)


@router.post(
    "/{order_id}/cancel",
    summary="Call an order off",
    responses=ONE
    | {409: {"description": f"{MOVED}; GIFT_CARD_USED: one that it bought was spent from"}},
)
async def cancel(
    session: DbSession,
    _staff: OrdersStaff,
    trail: AuditTrail,
    order_id: OrderId,
    wanted: CancelRequest,
    now: Now,
) -> FulfilmentRead:
    """Before anything of it left: the copies go back on the shelf, the money to the buyer."""
    return await acts.cancel(session, actor=trail.actor, order_id=order_id, wanted=wanted, now=now)


@router.post(
    "/{order_id}/refunds",
    status_code=status.HTTP_201_CREATED,
    summary="Pay money back",
    responses=ONE
    | {
        409: {"description": "ORDER_REFUND_TOO_HIGH (`refundable` is left), ORDER_TOO_MANY_COPIES"},
        422: {"description": "ORDER_LINE_NOT_FOUND, VALIDATION_ERROR"},
    },
)
async def refund(
    session: DbSession,
    _staff: OrdersStaff,
    trail: AuditTrail,
    order_id: OrderId,
    wanted: RefundCreate,
    now: Now,
) -> FulfilmentRead:
    """For copies of lines, an amount, or all that is left.

    It is `pending` until the worker has asked the gateway. One that failed no longer counts, and
    can be asked for anew.
    """
    return await acts.refund(session, actor=trail.actor, order_id=order_id, wanted=wanted, now=now)


@router.post(
    "/{order_id}/returns",
    status_code=status.HTTP_201_CREATED,
    summary="Take copies back",
    responses=ONE
    | {
        409: {"description": f"{MOVED}; {COPIES}, ORDER_REFUND_TOO_HIGH, GIFT_CARD_USED"},
        422: {"description": "ORDER_LINE_NOT_FOUND, VALIDATION_ERROR"},
    },
)
async def take_back(
    session: DbSession,
    _staff: OrdersStaff,
    trail: AuditTrail,
    order_id: OrderId,
    wanted: ReturnCreate,
    now: Now,
) -> FulfilmentRead:
    """Copies that came back, or with `was_sent` false such as will never be sent.

    They are paid back unless `refund` is false, and sold again unless `on_shelf` is.
    """
    return await acts.take_back(
        session, actor=trail.actor, order_id=order_id, wanted=wanted, now=now
    )


@router.post(
    "/{order_id}/notes",
    status_code=status.HTTP_201_CREATED,
    summary="Note something about an order",
    responses=ONE,
)
async def add_note(
    session: DbSession,
    _staff: OrdersStaff,
    trail: AuditTrail,
    order_id: OrderId,
    note: NoteCreate,
) -> FulfilmentRead:
    """It stands in the time line, for the staff alone."""
    return await acts.add_note(session, actor=trail.actor, order_id=order_id, text=note.text)


def _table(lines: Any, name: str) -> StreamingResponse:
    return StreamingResponse(
        lines,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
