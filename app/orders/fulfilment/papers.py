"""Invoices, credit notes and packing slips: their numbers, and the files."""

import asyncio
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.db.session import end_transaction
from app.orders import fulfilment_repository as repository
from app.orders.documents.facts import InvoiceData, PackingData
from app.orders.errors import NotInvoicedError
from app.orders.fulfilment.paper_facts import (
    credit_facts,
    invoice_facts,
    packing_facts,
    seller_of,
)
from app.orders.fulfilment.progress import describe, find_refund, is_done
from app.orders.fulfilment_models import EventKind, Paper, PaperKind
from app.orders.models import OrderStatus, PaymentStatus
from app.orders.moves import PAID
from app.orders.schemas import OrderRead
from app.orders.timeline import SHOP, write_event

INVOICED = PAID | {OrderStatus.CANCELLED}


async def invoice_pdf(
    session: AsyncSession, *, order: OrderRead, now: datetime, settings: Settings
) -> bytes:
    """Return an order's invoice, which gets its number when it is first asked for.

    Raises:
        NotInvoicedError: the order was never paid.
    """
    paper = await issue_invoice(session, order=order, now=now, settings=settings)
    fulfilment = await describe(session, order=order)
    data = invoice_facts(order, paper, fulfilment=fulfilment, settings=settings)
    await end_transaction(session)
    return await _draw("invoice", data, settings)


async def credit_note_pdf(
    session: AsyncSession, *, order: OrderRead, refund_id: int, now: datetime, settings: Settings
) -> bytes:
    """Return the credit note of a refund, which gets its number when it is first asked for.

    Raises:
        RefundNotFoundError: the order has no such refund.
        NotInvoicedError: the money has not gone back.
    """
    fulfilment = await describe(session, order=order)
    refund = find_refund(fulfilment, refund_id)
    if not is_done(refund):
        raise NotInvoicedError
    invoice = await issue_invoice(session, order=order, now=now, settings=settings)
    paper = await _issue(
        session,
        order=order,
        kind=PaperKind.CREDIT_NOTE,
        refund_id=refund.id,
        now=now,
        settings=settings,
    )
    data = credit_facts(
        order, paper, invoice=invoice, refund=refund, fulfilment=fulfilment, settings=settings
    )
    await end_transaction(session)
    return await _draw("invoice", data, settings)


async def packing_slip_pdf(
    session: AsyncSession,
    *,
    order: OrderRead,
    shipment_id: int | None,
    now: datetime,
    settings: Settings,
) -> bytes:
    """Return the slip of a parcel, or of all that is still to be sent.

    Raises:
        ShipmentNotFoundError: the order has no such parcel.
    """
    fulfilment = await describe(session, order=order)
    data = packing_facts(order, fulfilment, shipment_id=shipment_id, now=now, settings=settings)
    await end_transaction(session)
    return await _draw("packing_slip", data, settings)


async def issue_invoice(
    session: AsyncSession, *, order: OrderRead, now: datetime, settings: Settings
) -> Paper:
    """Return an order's invoice; if there is none, it gets the next number.

    Raises:
        NotInvoicedError: the order was never paid.
    """
    was_paid = order.status in PAID or order.confirmed_at is not None
    if not was_paid or order.payment_status is PaymentStatus.VOIDED:
        raise NotInvoicedError
    return await _issue(
        session,
        order=order,
        kind=PaperKind.INVOICE,
        refund_id=None,
        now=now,
        settings=settings,
    )


async def _issue(
    session: AsyncSession,
    *,
    order: OrderRead,
    kind: PaperKind,
    refund_id: int | None,
    now: datetime,
    settings: Settings,
) -> Paper:
    known = await _find(session, order_id=order.id, kind=kind, refund_id=refund_id)
    if known is not None:
        return known
    await repository.lock_in(session, order_id=order.id, statuses=INVOICED)
    year = now.astimezone(ZoneInfo(settings.time_zone)).year
    series = f"{year}" if kind is PaperKind.INVOICE else f"C{year}"
    paper = await repository.number_paper(
        session,
        order_id=order.id,
        kind=kind,
        refund_id=refund_id,
        series=series,
        issued_at=now,
        seller=asdict(seller_of(settings)),
    )
    if paper is None:  # somebody else asked at the same moment
        known = await _find(session, order_id=order.id, kind=kind, refund_id=refund_id)
        if known is None:
            raise NotInvoicedError
        return known
    await write_event(
        session,
        order_id=order.id,
        kind=EventKind.INVOICED if kind is PaperKind.INVOICE else EventKind.CREDITED,
        actor=SHOP,
        number=paper.label,
        refund_id=refund_id,
    )
    return paper


async def _find(
    session: AsyncSession, *, order_id: int, kind: PaperKind, refund_id: int | None
) -> Paper | None:
    for paper in await repository.list_papers(session, order_id=order_id):
        if (paper.kind, paper.refund_id) == (kind, refund_id):
            return paper
    return None


async def _draw(paper: str, data: InvoiceData | PackingData, settings: Settings) -> bytes:
    """Draw a paper in a thread. What draws is loaded with the first: it takes time and memory."""

    def draw() -> bytes:
        module = import_module(f"app.orders.documents.{paper}")
        drawn: bytes = getattr(module, f"draw_{paper}")(data, more_fonts=settings.document_fonts)
        return drawn

    return await asyncio.to_thread(draw)
