"""A reader's orders: the confirmation, and what became of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.cart.schemas import CartOwner
from app.core.clock import Now
from app.core.config import Settings
from app.core.deps import AppSettings, DbSession
from app.core.pagination import MAX_CURSOR, ListQuery
from app.core.rights import Right, of_its_owner, open_to_all
from app.core.schemas import Id
from app.orders import service
from app.orders.deps import LinkedOrder
from app.orders.fulfilment.papers import invoice_pdf
from app.orders.fulfilment.progress import describe
from app.orders.guests import order_token
from app.orders.models import OrderStatus, PaymentStatus
from app.orders.papers_http import pdf_response
from app.orders.schemas import OrderRead
from app.storefront.account_links import hide_address
from app.storefront.context import Page, PageContext
from app.storefront.templating import render
from app.users.deps import SignedInVisitor

router = APIRouter()

ORDERS_PER_PAGE = 20
HEADINGS = {
    OrderStatus.PENDING: "Waiting for the bank",
    OrderStatus.CONFIRMED: "Thank you. The books are yours.",
    OrderStatus.PACKED: "Your books are packed",
    OrderStatus.PARTLY_SHIPPED: "Some of your books are under way",
    OrderStatus.SHIPPED: "Your books are under way",
    OrderStatus.READY_TO_COLLECT: "Your books wait for you",
    OrderStatus.DELIVERED: "Your books are with you",
    OrderStatus.CANCELLED: "This order is cancelled",
    OrderStatus.RETURNED: "This order came back to us",
    OrderStatus.DECLINED: "This order was not paid",
}


@router.get("/checkout/orders/{order_id}")
@open_to_all
async def show_guest_order(
    request: Request,
    session: DbSession,
    page: Page,
    settings: AppSettings,
    order_id: Annotated[Id, Path()],
) -> Response:
    """The order of a guest, in the browser in which it was placed."""
    guest = CartOwner.guest(page.cart_token) if page.cart_token else CartOwner()
    order = await service.get_order_of_guest(
        session, order_id=order_id, guest_hash=guest.token_hash
    )
    invoice = _linked_invoice(order_token(order.id, settings))
    return await _order(request, session, page, settings, order, invoice=invoice)


@router.get("/orders")
async def list_orders(
    request: Request,
    session: DbSession,
    page: Page,
    buyer: SignedInVisitor,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
) -> Response:
    """The reader's orders, the newest first."""
    query = ListQuery(limit=ORDERS_PER_PAGE, cursor=cursor)
    found = await service.list_orders(session, user_id=buyer.id, query=query)
    return render(request, "orders.html", page=page, orders=found.rows, older=found.next_cursor)


@router.get("/orders/by-link")
@open_to_all
async def show_linked_order(
    request: Request, session: DbSession, page: Page, order: LinkedOrder, settings: AppSettings
) -> Response:
    """The order of somebody who has the link that was mailed to its buyer."""
    invoice = _linked_invoice(request.query_params["token"])
    shown = await _order(request, session, page, settings, order, invoice=invoice)
    return hide_address(shown)


@router.get("/orders/by-link/invoice")
@open_to_all
async def show_linked_invoice(
    session: DbSession, order: LinkedOrder, now: Now, settings: AppSettings
) -> Response:
    """The invoice of an order, for somebody who has its link."""
    drawn = await invoice_pdf(session, order=order, now=now, settings=settings)
    return hide_address(pdf_response(drawn, name=f"invoice-{order.number}.pdf"))


@router.get("/orders/{order_id}")
@of_its_owner(or_staff=Right.ORDERS)
async def show_order(
    request: Request,
    session: DbSession,
    page: Page,
    buyer: SignedInVisitor,
    settings: AppSettings,
    order_id: Annotated[Id, Path()],
) -> Response:
    """One order: the confirmation, and what became of it."""
    order = await service.get_order(session, order_id=order_id, reader=buyer)
    invoice = f"/orders/{order.id}/invoice"
    return await _order(request, session, page, settings, order, invoice=invoice)


@router.get("/orders/{order_id}/invoice")
@of_its_owner(or_staff=Right.ORDERS)
async def show_invoice(
    session: DbSession,
    buyer: SignedInVisitor,
    now: Now,
    settings: AppSettings,
    order_id: Annotated[Id, Path()],
) -> Response:
    """The invoice of an order."""
    order = await service.get_order(session, order_id=order_id, reader=buyer)
    drawn = await invoice_pdf(session, order=order, now=now, settings=settings)
    return pdf_response(drawn, name=f"invoice-{order.number}.pdf")


def _linked_invoice(token: str) -> str:
    return f"/orders/by-link/invoice?token={token}"


async def _order(
    request: Request,
    session: DbSession,
    page: PageContext,
    settings: Settings,
    order: OrderRead,
    *,
    invoice: str,
) -> Response:
    shows_folder = not settings.is_production and settings.smtp_host is None
    unpaid = HEADINGS[OrderStatus.DECLINED]
    return render(
        request,
        "order.html",
        page=page,
        order=order,
        heading=unpaid if order.payment_status is PaymentStatus.FAILED else HEADINGS[order.status],
        fulfilment=await describe(session, order=order),
        invoice=invoice if order.confirmed_at else None,
        mail_directory=settings.mail_directory.resolve() if shows_folder else None,
    )
