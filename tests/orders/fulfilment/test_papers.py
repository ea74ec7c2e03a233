"""Invoices and credit notes: numbers without gaps, and papers that say it all in any script."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.core.config import Settings, get_settings
from app.core.rights import Right
from app.db.session import transactional
from app.orders.documents import fonts
from app.orders.documents.facts import Extra, InvoiceData, InvoiceLine, Seller, TaxSum
from app.orders.documents.fonts import cut_fonts
from app.orders.documents.invoice import draw_invoice
from app.orders.errors import NotInvoicedError
from app.orders.fulfilment import paper_facts, papers
from app.orders.fulfilment.progress import describe, find_refund
from app.orders.fulfilment_models import Paper, PaperKind
from app.orders.service import get_order_of_shop
from tests.factories import bearer, make_user
from tests.orders.bought import make_order

NOW = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
TITLES = ["Война и мир", "Ἰλιάς καὶ Ὀδύσσεια", "紅樓夢 · 红楼梦", "源氏物語 げんじ", "토지"]


@transactional
async def issue(session: AsyncSession, *, order_id: int, settings: Settings) -> str:
    order = await get_order_of_shop(session, order_id=order_id)
    paper = await papers.issue_invoice(session, order=order, now=NOW, settings=settings)
    return paper.label


async def test_numbers_have_no_gaps_however_many_ask_at_once(
    test_engine: AsyncEngine, committed: AsyncSession
) -> None:
    sessions = async_sessionmaker(test_engine, expire_on_commit=False, autoflush=False)
    orders = [await make_order(committed) for _ in range(8)]

    async def ask(order_id: int) -> str:
        async with sessions() as session:
            return await issue(session, order_id=order_id, settings=get_settings())

    told = await asyncio.gather(*(ask(order.id) for order in orders for _ in range(3)))
    by_order = [set(told[start : start + 3]) for start in range(0, len(told), 3)]
    assert all(len(labels) == 1 for labels in by_order)
    assert sorted(set(told)) == [f"2026-{number:06d}" for number in range(1, 9)]
    events = "SELECT count(*) FROM order_events WHERE kind = 'invoiced'"
    assert await committed.scalar(text(events)) == 8


async def test_a_number_that_was_undone_is_given_again(db_session: AsyncSession) -> None:
    settings = get_settings().model_copy(update={"time_zone": "Asia/Tokyo"})
    first, second = await make_order(db_session), await make_order(db_session)
    order = await get_order_of_shop(db_session, order_id=first.id)
    async with db_session.begin_nested() as savepoint:
        paper = await papers.issue_invoice(db_session, order=order, now=NOW, settings=settings)
        assert paper.label == "2027-000001"  # it is next year there
        await savepoint.rollback()
    assert await issue(db_session, order_id=second.id, settings=settings) == "2027-000001"
    assert await issue(db_session, order_id=first.id, settings=settings) == "2027-000002"
    assert await issue(db_session, order_id=first.id, settings=settings) == "2027-000002"


async def test_an_order_that_was_never_paid_has_no_invoice(db_session: AsyncSession) -> None:
    order = await make_order(db_session)
    never = "UPDATE orders SET status = 'cancelled', confirmed_at = NULL"
    await db_session.execute(text(never))
    with pytest.raises(NotInvoicedError):
        await issue(db_session, order_id=order.id, settings=get_settings())
    assert await db_session.scalar(text("SELECT count(*) FROM papers")) == 0


async def test_papers_say_what_was_agreed_and_who_sold(db_session: AsyncSession) -> None:
    settings = get_settings().model_copy(
        update={
            "seller_name": "Nora Books Ltd",
            "seller_address": ("3 High Street", "Leeds"),
            "seller_vat_id": "GB999999973",
            "time_zone": "Europe/London",
        }
    )
    bought = await make_order(db_session, 2, 1, titles=["Emma", "Persuasion"], now=NOW)
    await db_session.execute(
        text(
            "INSERT INTO refunds (order_id, reference, amount, currency, reason, state, ask_after,"
            " decided_at) VALUES (:id, 'r', 8.50, 'USD', 'damaged', 'done', now(), :now)"
        ),
        {"id": bought.id, "now": NOW},
    )
    await db_session.execute(
        text("INSERT INTO refund_lines SELECT id, :line, 1, 10 FROM refunds"),
        {"line": bought.lines[0]},
    )
    await db_session.commit()
    order = await get_order_of_shop(db_session, order_id=bought.id)
    fulfilment = await describe(db_session, order=order)
    invoice = await papers.issue_invoice(db_session, order=order, now=NOW, settings=settings)
    renamed = settings.model_copy(update={"seller_name": "Another"})
    told = paper_facts.invoice_facts(order, invoice, fulfilment=fulfilment, settings=renamed)
    assert (told.seller.name, told.seller.vat_id) == ("Nora Books Ltd", "GB999999973")
    assert told.buyer == ["Ada Lovelace", "1 Road", "SW1 London", "United Kingdom"]
    assert [(line.title, line.quantity, line.total) for line in told.lines] == [
        ("Emma", 2, Decimal("20.00")),
        ("Persuasion", 1, Decimal("10.00")),
    ]
    assert (told.total, told.issued_on, told.supplied_on) == (
        Decimal("30.00"),
        date(2026, 12, 31),
        date(2026, 12, 31),
    )
    refund = find_refund(fulfilment, fulfilment.refunds[0].id)
    pdf = await papers.credit_note_pdf(
        db_session, order=order, refund_id=refund.id, now=NOW, settings=settings
    )
    assert pdf.startswith(b"%PDF-")
    note = (
        await db_session.scalars(select(Paper).where(Paper.kind == PaperKind.CREDIT_NOTE))
    ).one()
    credit = paper_facts.credit_facts(
        order, note, invoice=invoice, refund=refund, fulfilment=fulfilment, settings=settings
    )
    assert (credit.number, credit.corrects) == ("C2026-000001", "2026-000001")
    assert [(line.title, line.quantity) for line in credit.lines] == [("Emma", 1)]
    assert [(extra.label, extra.amount) for extra in credit.extras] == [
        ("Adjustment", Decimal("-1.50"))
    ]
    assert credit.total == Decimal("8.50")


async def test_papers_are_files_that_are_always_the_same(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    buyer = await make_user(db_session)
    order = await make_order(db_session, *[1] * len(TITLES), titles=TITLES, user_id=buyer.id)
    url = f"/api/v1/orders/{order.id}/invoice.pdf"
    drawn = await client.get(url, headers=bearer(buyer))
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "application/pdf")
    assert drawn.content.startswith(b"%PDF-")
    assert b"NotoSansCJK" in drawn.content
    nora = bearer(await make_user(db_session, rights=[Right.ORDERS]))
    plain = f"/api/v1/orders/{(await make_order(db_session)).id}/invoice.pdf"
    first = await client.get(plain, headers=nora)
    fonts._cut.cache_clear()
    cut_anew, kept = [await client.get(plain, headers=nora) for _ in range(2)]
    assert first.content == cut_anew.content == kept.content
    slip = f"/api/v1/admin/orders/{order.id}/packing-slip.pdf"
    missing = await client.get(f"{slip}?shipment_id=1", headers=nora)
    assert (missing.status_code, missing.json()["code"]) == (404, "ORDER_SHIPMENT_NOT_FOUND")


def test_a_long_invoice_with_taxes_goes_over_pages() -> None:
    line = InvoiceLine(
        title="A Long Title " * 9,
        detail="9780141439518",
        quantity=2,
        unit_price=Decimal("5.35"),
        rate=Decimal("7.00"),
        total=Decimal("10.70"),
    )
    data = InvoiceData(
        number="2026-000001",
        issued_at=NOW,
        issued_on=NOW.date(),
        supplied_on=NOW.date(),
        order_number="7KQ2M-XR94T",
        ordered_on=NOW.date(),
        seller=Seller(name="Nora Books", address=("3 High Street",), vat_id="GB999999973"),
        buyer=("Ada Lovelace",),
        lines=[line] * 40,
        extras=[Extra(label="Coupon", amount=Decimal("-1.00"))],
        taxes=[
            TaxSum(
                rate=Decimal(7),
                net=Decimal("399.07"),
                tax=Decimal("27.93"),
                gross=Decimal("427.00"),
            )
        ],
        prices_include_tax=True,
        total=Decimal("427.00"),
        currency="EUR",
        locale="de_DE",
        paid_with="Paid.",
    )
    assert b"/Count 5\n" in draw_invoice(data)  # pages


def test_every_letter_of_a_title_is_drawn(tmp_path: Path) -> None:
    words = "".join(TITLES) + "Żółć ₤"
    wanted = {ord(letter) for letter in words}
    drawn: set[int] = set()
    for regular, bold in cut_fonts(words, more=(), folder=tmp_path):
        for file in (regular, bold):
            with TTFont(file) as font:
                letters = font.getBestCmap()
                assert letters.keys() <= wanted
                outlines = font["glyf"]
                empty = {
                    code
                    for code, name in letters.items()
                    if not outlines[name].numberOfContours and chr(code) not in " \u3000"
                }
                assert empty == set()
                drawn |= letters.keys()
        assert regular.read_bytes() != bold.read_bytes()
    assert wanted == drawn
