"""The database goes away between the charge and the writing down of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.cart.schemas import CartOwner
from app.cart.service import add_item
from app.core.config import get_settings
from app.integrations.payments.demo import DemoGateway
from app.integrations.payments.factory import find_gateway
from app.integrations.payments.gateway import ChargeOutcome, ChargeRequest
from app.orders.checkout import place_order
from app.orders.models import Order, OrderStatus
from app.orders.overdue import settle_overdue
from app.orders.schemas import Buyer, CheckoutRequest
from tests.factories import MARKET, make_book, make_user
from tests.jobs.processes import Gate


class GatewayThatOutlivesTheDatabase(DemoGateway):
    """Takes the money; by then the shop cannot reach its database any more."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        outcome = await super().charge(request)
        await self.gate.close()
        return outcome


async def test_the_buyer_is_told_that_the_order_is_pending_and_it_is_settled_later(
    live_database: str, live_sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with live_sessions() as session:
        user = await make_user(session)
        book = await make_book(session, price="12.99")
        await add_item(
            session, owner=CartOwner.account(user.id), book_id=book.id, quantity=2, market=MARKET
        )
        await session.commit()
    buyer = Buyer(user_id=user.id, email=user.email)
    url = make_url(live_database)
    now = datetime.now(UTC)
    async with Gate(url.host or "localhost", url.port or 5432) as gate:
        await gate.open()
        engine = create_async_engine(url.set(host="127.0.0.1", port=gate.port))
        async with async_sessionmaker(engine, expire_on_commit=False)() as session:
            order = await place_order(
                session,
                buyer=buyer,
                request=CheckoutRequest(),
                idempotency_key="key",
                now=now,
                settings=get_settings(),
                gateway=GatewayThatOutlivesTheDatabase(gate),
            )
            await session.commit()  # as the request's end does: there is nothing left to fail
        await engine.dispose()
    assert order.status is OrderStatus.PENDING
    assert [(item.book_id, item.quantity) for item in order.items] == [(book.id, 2)]
    assert order.total_price == Decimal("25.98")

    async with live_sessions() as session:
        settled = await settle_overdue(
            session,
            find_gateway=find_gateway,
            now=now + timedelta(hours=1),
            settings=get_settings(),
        )
        assert settled == 1
        statuses = await session.execute(select(Order.id, Order.status))
        assert [tuple(row) for row in statuses] == [(order.id, OrderStatus.CONFIRMED)]
