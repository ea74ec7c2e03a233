"""Many who pay one order's money back at once never pay back more than was captured."""

import asyncio
import os
import random
from decimal import Decimal
from pathlib import Path

import asyncpg
import httpx
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.books import stock
from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.rights import Right
from app.core.security import Role
from app.db.session import transactional
from app.integrations.payments.gateway import RefundRequest, RefundState
from app.orders.errors import RefundTooHighError, TooManyCopiesError
from app.orders.fulfilment_models import Reason, Refund
from app.orders.fulfilment_models import RefundState as Kept
from app.orders.fulfilment_schemas import LineCopies, RefundCreate
from app.orders.models import Payment
from app.orders.refunds import pay_refund, refund_as_staff
from tests.factories import make_user
from tests.live import live_shop, plain_url
from tests.orders.bought import Bought, make_order
from tests.orders.fulfilment.gateways import Bank

SEQUENCES = int(os.environ.get("REFUND_RACES", "100"))
"""Promised are 500, and `make soak` runs 5,000; fewer are run each time, to keep its time short."""

LIVE_ORDERS = int(os.environ.get("REFUND_LIVE_ORDERS", "10"))
AT_ONCE = 4
ANSWERS = [RefundState.REFUNDED, RefundState.REFUNDED, RefundState.REFUSED, RefundState.UNKNOWN]

ask = transactional(refund_as_staff)


async def run_sequence(
    sessions: async_sessionmaker[AsyncSession], order: Bought, dice: random.Random
) -> None:
    """Ask for refunds, and pay them, both by several at once; the bank is whimsical."""

    def decide(_request: RefundRequest) -> RefundState:
        return dice.choice(ANSWERS)

    bank = Bank(decide)

    def wish() -> RefundCreate:
        kind = dice.randrange(3)
        lines = [LineCopies(line_id=order.lines[0], quantity=dice.randint(1, 2))]
        amount = Decimal(dice.randint(1, 2500)) / 100
        return RefundCreate(
            reason=Reason.GOODWILL,
            lines=lines if kind == 0 else [],
            amount=amount if kind == 1 else None,
        )

    async def one(wanted: RefundCreate) -> None:
        async with sessions() as session:
            try:
                refund_id = await ask(
                    session, order_id=order.id, wanted=wanted, actor="a", now=utc_now()
                )
            except (RefundTooHighError, TooManyCopiesError):
                return
        await asyncio.gather(pay(refund_id), pay(refund_id))

    async def pay(refund_id: int) -> None:
        async with sessions() as session:
            await pay_refund(
                session,
                refund_id=refund_id,
                find_gateway=bank.find,
                now=utc_now(),
                settings=get_settings(),
            )

    await asyncio.gather(*(one(wish()) for _ in range(AT_ONCE)))
    async with sessions() as session:
        captured, counted = (
            await session.execute(
                select(Payment.amount, Payment.refunded_total).where(Payment.order_id == order.id)
            )
        ).one()
        refunds = (await session.scalars(select(Refund).where(Refund.order_id == order.id))).all()
    assert sum(bank.paid.values()) <= counted <= captured
    assert counted == sum(each.amount for each in refunds if each.state is not Kept.FAILED)
    paid = {each.reference for each in refunds if each.state is Kept.DONE}
    assert paid <= bank.paid.keys()


async def test_refunds_that_race_are_never_more_than_was_captured(
    test_engine: AsyncEngine, committed: AsyncSession
) -> None:
    dice = random.Random(13)  # noqa: S311 (a seed, so that a failure can be repeated)
    orders = await fill(committed, SEQUENCES)
    sessions = async_sessionmaker(test_engine, expire_on_commit=False, autoflush=False)
    for order in orders:
        await run_sequence(sessions, order, dice)
    assert await check_in(committed) == []


async def fill(session: AsyncSession, count: int) -> list[Bought]:
    """Write paid orders of three copies, as copies of one."""
    first = await make_order(session, 3)
    copies = text("""
        WITH numbers AS (SELECT generate_series(2, :count) AS n),
        new_orders AS (
            INSERT INTO orders (number, email, status, currency, total, idempotency_key,
                                request_hash, reserved_until, settle_after, confirmed_at)
            SELECT 'R' || n, email, status, currency, total, 'R' || n, '', now(), now(), now()
            FROM orders, numbers RETURNING id, number
        ),
        new_payments AS (
            INSERT INTO payments (order_id, gateway, reference, amount, currency, status)
            SELECT id, 'demo', 'charge-' || number, 30, 'USD', 'captured' FROM new_orders
        )
        INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity)
        SELECT n.id, l.book_id, l.title, l.author, l.unit_price, l.quantity
        FROM new_orders n, order_lines l RETURNING order_id, id
    """)
    rows = await session.execute(copies, {"count": count})
    rest = [Bought(row.order_id, "", [row.id], first.books) for row in rows]
    await stock.receive(session, quantities={first.books[0]: 3 * len(rest)}, actor=None)
    for order in rest:
        sold = {first.books[0]: 3}
        await stock.reserve(session, quantities=sold, order_id=order.id)
        await stock.sell(session, quantities=sold, order_id=order.id)
    await session.commit()
    return [first, *rest]


async def test_refunds_race_over_real_sockets(
    live_database: str,
    live_sessions: async_sessionmaker[AsyncSession],
    tmp_path: Path,
) -> None:
    async with live_sessions() as session:
        nora = await make_user(session, rights=[Right.ORDERS])
        orders = await fill(session, LIVE_ORDERS)
    with live_shop(live_database, tmp_path, workers=2) as shop:
        headers = {"Authorization": f"Bearer {shop.access_token(nora.id, Role.STAFF)}"}
        async with httpx.AsyncClient(base_url=shop.base_url, headers=headers) as client:

            async def refund(order: Bought) -> int:
                url = f"/api/v1/admin/orders/{order.id}/refunds"
                wanted = {"reason": "goodwill", "amount": "8.00"}
                return (await client.post(url, json=wanted)).status_code

            for order in orders:
                answers = await asyncio.gather(*(refund(order) for _ in range(8)))
                assert sorted(answers) == [201] * 3 + [409] * 5
    connection = await asyncpg.connect(plain_url(live_database))
    totals = await connection.fetch("SELECT refunded_total FROM payments")
    await connection.close()
    assert [row[0] for row in totals] == [Decimal("24.00")] * LIVE_ORDERS
    async with live_sessions() as session:
        assert await check_in(session) == []
