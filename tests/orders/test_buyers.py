"""Orders that change hands: from a guest to an account, and from an account to nobody."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Stock
from app.cart.models import Cart
from app.core.security import Role
from app.integrations.payments.gateway import ChargeOutcome, ChargeState
from app.jobs.models import OutboxEvent
from app.orders.buyers import claim_orders, forget_buyer
from app.orders.checkout import settle
from app.orders.handlers import claim_orders_of_guest
from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus
from app.users.events import AddressProved
from app.users.models import User
from tests.factories import bearer, make_book, make_user
from tests.users.readers import PASSWORD, make_reader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "GB",
}
_numbers = count(1)


async def place(
    session: AsyncSession,
    *,
    user: User | None = None,
    email: str = "ada@example.com",
    status: OrderStatus = OrderStatus.CONFIRMED,
    **changes: Any,
) -> int:
    """Write an order, a guest's without an account, and commit."""
    book = await make_book(session, price="9.99")
    values = {"idempotency_key": "key", "shipping_address": ADDRESS, **changes}
    order = Order(
        number=f"ORDER-{next(_numbers)}",
        user_id=user.id if user else None,
        email=email,
        status=status,
        currency="USD",
        total=Decimal("9.99"),
        request_hash=b"hash",
        reserved_until=NOW,
        settle_after=NOW,
        **values,
    )
    session.add(order)
    await session.flush()  # line and payment need the order's id
    session.add(
        OrderLine(
            order_id=order.id,
            book_id=book.id,
            title="Emma",
            author="Jane Austen",
            unit_price=Decimal("9.99"),
            quantity=1,
        )
    )
    session.add(
        Payment(
            order_id=order.id,
            gateway="demo",
            reference=uuid4().hex,
            amount=Decimal("9.99"),
            currency="USD",
            status=PaymentStatus.CAPTURED,
        )
    )
    await session.commit()
    session.expunge_all()
    return order.id


async def prove(session: AsyncSession, user: User) -> None:
    await session.execute(update(User).where(User.id == user.id).values(email_verified_at=NOW))
    await session.commit()


async def owners(session: AsyncSession) -> dict[int, int | None]:
    return {row.id: row.user_id for row in await session.execute(select(Order.id, Order.user_id))}


async def test_a_proved_address_claims_what_guests_ordered_with_it(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session, email="ada@example.com")
    other = await make_user(db_session)
    mine = await place(db_session)
    same_key = await place(db_session, user=user)
    strangers = await place(db_session, email="grace@example.com")
    others = await place(db_session, user=other)
    kept = {mine: None, same_key: user.id, strangers: None, others: other.id}

    assert await claim_orders(db_session, user_id=user.id) == 0
    assert await owners(db_session) == kept  # anybody could have registered with the address

    await prove(db_session, user)
    assert await claim_orders(db_session, user_id=user.id) == 1
    assert await claim_orders(db_session, user_id=user.id) == 0
    assert await owners(db_session) == kept | {mine: user.id}
    listed = (await client.get("/api/v1/orders", headers=bearer(user))).json()
    assert [order["id"] for order in listed] == [same_key, mine]
    assert (await client.get(f"/api/v1/orders/{mine}", headers=bearer(other))).status_code == 404


async def test_a_closed_account_claims_nothing(db_session: AsyncSession) -> None:
    user = await make_user(db_session, email="ada@example.com", is_active=False)
    await prove(db_session, user)
    order_id = await place(db_session)
    assert await claim_orders(db_session, user_id=user.id) == 0
    assert await owners(db_session) == {order_id: None}


async def test_the_handler_claims_however_often_it_hears_of_it(committed: AsyncSession) -> None:
    user = await make_user(committed, email="ada@example.com")
    await prove(committed, user)
    order_id = await place(committed)
    for _ in range(2):
        await claim_orders_of_guest.function(AddressProved(user_id=user.id), event_id=uuid4())
        assert await owners(committed) == {order_id: user.id}


async def test_signing_in_lets_a_proved_account_claim(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    body = {"email": "ada@example.com", "password": PASSWORD}
    heard = select(OutboxEvent.payload).where(OutboxEvent.name == "AddressProved")
    await client.post("/api/v1/auth/login", json=body)
    assert list(await db_session.scalars(heard)) == []
    await prove(db_session, user)
    await client.post("/api/v1/auth/login", json=body)
    assert list(await db_session.scalars(heard)) == [{"user_id": user.id}]


async def test_checking_out_claims_for_a_proved_account(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session, email="ada@example.com")
    earlier = await place(db_session)
    book = await make_book(db_session)

    async def buy() -> int:
        await client.post("/api/v1/cart/items", json={"book_id": book.id}, headers=bearer(user))
        bought = await client.post("/api/v1/orders/checkout", json={}, headers=bearer(user))
        assert bought.status_code == 201
        order_id: int = bought.json()["id"]
        return order_id

    first = await buy()
    assert await owners(db_session) == {earlier: None, first: user.id}
    await prove(db_session, user)
    second = await buy()
    assert await owners(db_session) == {earlier: user.id, first: user.id, second: user.id}


async def test_an_order_without_its_person_keeps_what_the_books_need(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session, email="ada@example.com")
    admin = bearer(await make_user(db_session, role=Role.ADMIN))
    order_id = await place(db_session, user=user)
    without_address = await place(
        db_session, user=user, idempotency_key="other", shipping_address=None
    )
    before = (await client.get(f"/api/v1/orders/{order_id}", headers=admin)).json()

    await forget_buyer(db_session, user_id=user.id)
    await db_session.commit()

    after = (await client.get(f"/api/v1/orders/{order_id}", headers=admin)).json()
    nowhere = {"name": "", "street": "", "postal_code": "", "city": "", "country": "GB"}
    assert after == before | {"email": None, "shipping_address": nowhere}
    bare = (await client.get(f"/api/v1/orders/{without_address}", headers=admin)).json()
    assert bare["shipping_address"] is None
    hashes = set(await db_session.scalars(select(Order.request_hash)))
    assert hashes == {b""}
    assert await owners(db_session) == {order_id: None, without_address: None}
    await prove(db_session, user)
    assert await claim_orders(db_session, user_id=user.id) == 0  # nothing leads back


async def test_a_guest_s_order_that_is_refused_goes_into_no_basket(
    db_session: AsyncSession,
) -> None:
    order_id = await place(db_session, status=OrderStatus.PENDING)
    await db_session.execute(update(Stock).values(on_hand=4, reserved=1))
    await db_session.commit()
    for _ in range(2):
        refused = await settle(
            db_session,
            order_id=order_id,
            outcome=ChargeOutcome(state=ChargeState.DECLINED),
            refusal=OrderStatus.CANCELLED,
            now=NOW,
        )
        assert refused.status is OrderStatus.CANCELLED
    stock = (await db_session.scalars(select(Stock))).one()
    assert (stock.on_hand, stock.reserved) == (5, 0)
    assert (await db_session.scalars(select(Cart))).all() == []
