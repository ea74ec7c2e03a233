"""An order's time line and papers as JSON and PDF, for who bought it; and by a guest's link."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.core.clock import Now
from app.core.deps import AppSettings, CurrentUser, DbSession
from app.core.pagination import ListParams, link_pages
from app.core.rights import Right, of_its_owner, open_to_all
from app.core.schemas import Id
from app.orders import service
from app.orders.deps import LinkedOrder
from app.orders.fulfilment import cancelling, papers
from app.orders.fulfilment.progress import describe
from app.orders.fulfilment_schemas import FulfilmentRead, OrderEventRead
from app.orders.papers_http import PDF, pdf_response
from app.orders.schemas import OrderRead
from app.orders.timeline import list_events

router = APIRouter(prefix="/orders", tags=["orders"])

OrderId = Annotated[Id, Path()]
RefundId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

MISSING: Responses = {404: {"description": "ORDER_NOT_FOUND: none, or somebody else's"}}
NO_PAPER: Responses = {409: {"description": "ORDER_NO_PAPER: not paid, or not paid back yet"}}
TOO_LATE: Responses = {
    409: {
        "description": "ORDER_MOVE_NOT_ALLOWED: it is packed already, or was never paid; "
        "GIFT_CARD_USED: it was spent from"
    }
}


@router.get("/by-link", summary="An order by its mailed link", responses=MISSING)
@open_to_all
async def read_linked_order(order: LinkedOrder) -> OrderRead:
    """Return the order, to whoever has the link that was mailed to its buyer."""
    return order


@router.get("/by-link/fulfilment", summary="What has become of a linked order", responses=MISSING)
@open_to_all
async def read_linked_fulfilment(session: DbSession, order: LinkedOrder) -> FulfilmentRead:
    """Return parcels, refunds and papers."""
    return await describe(session, order=order)


@router.get(
    "/by-link/invoice.pdf",
    summary="A linked order's invoice",
    responses=MISSING | NO_PAPER | PDF,
    response_class=Response,
)
@open_to_all
async def read_linked_invoice(
    session: DbSession, order: LinkedOrder, now: Now, settings: AppSettings
) -> Response:
    """Return the invoice, which gets its number when it is first asked for."""
    drawn = await papers.invoice_pdf(session, order=order, now=now, settings=settings)
    return pdf_response(drawn, name=f"invoice-{order.number}.pdf")


@router.post("/by-link/cancel", summary="Call a linked order off", responses=MISSING | TOO_LATE)
@open_to_all
async def cancel_linked_order(session: DbSession, order: LinkedOrder, now: Now) -> OrderRead:
    """Until it is packed. The money goes back on the way that it came."""
    await cancelling.cancel_as_buyer(session, order_id=order.id, now=now)
    return await service.get_order_of_shop(session, order_id=order.id)


@router.get(
    "/{order_id}/timeline", summary="What happened to an order, step by step", responses=MISSING
)
@of_its_owner(or_staff=Right.ORDERS)
async def read_timeline(
    request: Request,
    response: Response,
    session: DbSession,
    user: CurrentUser,
    order_id: OrderId,
    query: ListParams,
) -> list[OrderEventRead]:
    """Return what happened, the oldest first; the ``Link`` header leads on.

    Staff see their notes and who of them did what; to the buyer it was the shop.
    """
    order = await service.get_order(session, order_id=order_id, reader=user)
    found = await list_events(
        session, order_id=order.id, is_staff=user.may(Right.ORDERS), query=query
    )
    link_pages(request, response, found)
    return list(found.rows)


@router.get("/{order_id}/fulfilment", summary="What has become of my order", responses=MISSING)
@of_its_owner(or_staff=Right.ORDERS)
async def read_own_fulfilment(
    session: DbSession, user: CurrentUser, order_id: OrderId
) -> FulfilmentRead:
    """Return parcels with their tracking links, refunds and papers."""
    order = await service.get_order(session, order_id=order_id, reader=user)
    return await describe(session, order=order)


@router.post("/{order_id}/cancel", summary="Call my order off", responses=MISSING | TOO_LATE)
@of_its_owner()
async def cancel_own_order(
    session: DbSession, user: CurrentUser, order_id: OrderId, now: Now
) -> OrderRead:
    """Until it is packed. The money goes back on the way that it came."""
    await service.get_own_order(session, order_id=order_id, buyer=user)
    await cancelling.cancel_as_buyer(session, order_id=order_id, now=now)
    return await service.get_order_of_shop(session, order_id=order_id)


@router.get(
    "/{order_id}/invoice.pdf",
    summary="An order's invoice",
    responses=MISSING | NO_PAPER | PDF,
    response_class=Response,
)
@of_its_owner(or_staff=Right.ORDERS)
async def read_invoice(
    session: DbSession, user: CurrentUser, order_id: OrderId, now: Now, settings: AppSettings
) -> Response:
    """Return the invoice, which gets its number when it is first asked for."""
    order = await service.get_order(session, order_id=order_id, reader=user)
    drawn = await papers.invoice_pdf(session, order=order, now=now, settings=settings)
    return pdf_response(drawn, name=f"invoice-{order.number}.pdf")


@router.get(
    "/{order_id}/refunds/{refund_id}/credit-note.pdf",
    summary="A refund's credit note",
    responses={404: {"description": "ORDER_NOT_FOUND, ORDER_REFUND_NOT_FOUND"}} | NO_PAPER | PDF,
    response_class=Response,
)
@of_its_owner(or_staff=Right.ORDERS)
async def read_credit_note(
    session: DbSession,
    user: CurrentUser,
    order_id: OrderId,
    refund_id: RefundId,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Return the credit note of money that went back, numbered as invoices are."""
    order = await service.get_order(session, order_id=order_id, reader=user)
    drawn = await papers.credit_note_pdf(
        session, order=order, refund_id=refund_id, now=now, settings=settings
    )
    return pdf_response(drawn, name=f"credit-note-{order.number}.pdf")
