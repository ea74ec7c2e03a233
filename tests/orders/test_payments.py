"""Payments that are not over at once: the buyer's bank asks, the till waits, money comes late."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.models import CartItem
from app.core.config import get_settings
from app.integrations.payments.demo import ASKING_CARD, SIGNATURE_HEADER, Message, message_secret
from app.integrations.payments.demo import DemoGateway as Bank
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeState,
    PaymentGateway,
    RefundOutcome,
    RefundRequest,
    RefundState,
)
from app.integrations.payments.signatures import sign
from app.jobs.models import OutboxEvent
from app.orders.checkout import settle
from app.orders.due import record_payment
from app.orders.errors import PaymentNotDueError
from app.orders.invariants import find_breaches
from app.orders.late_money import NotGivenBackError, give_back
from app.orders.models import Order, OrderStatus, Payment, PaymentStatus, ReportedEvent
from app.orders.overdue import settle_overdue
from app.orders.webhooks import StillUnknownError, settle_reported
from tests.factories import bearer, make_book, make_user

CHECKOUT = "/api/v1/orders/checkout"
WEBHOOK = "/api/v1/payments/demo/webhook"
HOUR = timedelta(hours=1)
CAPTURED = ChargeOutcome(state=ChargeState.CAPTURED)


async def check_out(client: AsyncClient, session: AsyncSession, **body: Any) -> Response:
    """Check two copies of a new book out, as a new reader."""
    headers = bearer(await make_user(session)) | {"Idempotency-Key": "key"}
    book = await make_book(session, copies=5)
    await client.post(
        "/api/v1/cart/items", json={"book_id": book.id, "quantity": 2}, headers=headers
    )
    client.headers.update(headers)
    return await client.post(CHECKOUT, json=body)


async def stock(session: AsyncSession) -> tuple[Any, ...]:
    return tuple((await session.execute(text("SELECT on_hand, reserved, sold FROM stock"))).one())


async def status(session: AsyncSession) -> tuple[Any, ...]:
    rows = await session.execute(
        select(Order.status, Payment.status).join(Payment, Payment.order_id == Order.id)
    )
    return tuple(rows.one())


async def reference(session: AsyncSession) -> str:
    return (await session.scalars(select(Payment.reference))).one()


async def events(session: AsyncSession) -> list[str]:
    return sorted(await session.scalars(select(OutboxEvent.name)))


async def queued(session: AsyncSession) -> list[tuple[str, Any]]:
    rows = await session.execute(
        text("SELECT task_name, args FROM procrastinate_jobs WHERE task_name LIKE 'orders.%'")
    )
    return [(row.task_name, row.args) for row in rows]


async def report(session: AsyncSession, gateway: PaymentGateway | None = None) -> None:
    """Do what the job does about a message."""
    await settle_reported(
        session,
        gateway="demo",
        reference=await reference(session),
        find_gateway=lambda _name: gateway or Bank(),
        now=datetime.now(UTC),
        settings=get_settings(),
    )


class TestWhoIsAskedByTheirBank:
    async def test_waits_and_gets_the_same_answer_again(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        first = await check_out(client, db_session, payment_token=ASKING_CARD)
        again = await client.post(CHECKOUT, json={"payment_token": ASKING_CARD})
        asked = await reference(db_session)
        assert (first.status_code, first.json()["payment_status"]) == (202, "needs_action")
        assert first.json()["payment_action"] == {
            "url": f"{get_settings().public_url}/demo-bank/{asked}",
            "client_secret": None,
        }
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert await stock(db_session) == (3, 2, 0)
        read = await client.get(f"/api/v1/orders/{first.json()['id']}")
        assert read.json()["payment_action"] is None

    @pytest.mark.parametrize(
        ("approve", "answer", "kept"),
        [("confirm", 201, (3, 0, 2)), ("refuse", 402, (5, 0, 0))],
    )
    async def test_answers_on_the_banks_page_and_asks_again(
        self,
        client: AsyncClient,
        db_session: AsyncSession,
        approve: str,
        answer: int,
        kept: tuple[int, ...],
    ) -> None:
        asked = await check_out(client, db_session, payment_token=ASKING_CARD)
        url = asked.json()["payment_action"]["url"].removeprefix(get_settings().public_url)
        page = await client.get(url)
        assert "$25.98" in page.text
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        sent = await client.post(
            url,
            data={"csrf_token": token, "answer": approve},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert sent.status_code == 303
        assert sent.headers["location"].endswith(f"/orders/{asked.json()['id']}")
        assert "You have answered" in (await client.get(url)).text
        again = await client.post(CHECKOUT, json={"payment_token": ASKING_CARD})
        assert again.status_code == answer
        assert await stock(db_session) == kept

    async def test_is_settled_by_the_banks_message(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        await check_out(client, db_session, payment_token=ASKING_CARD)
        await report(db_session)
        assert await status(db_session) == (OrderStatus.PENDING, PaymentStatus.NEEDS_ACTION)
        await Bank().answer_challenge(await reference(db_session), approve=True)
        for _ in range(2):
            await report(db_session)
        assert await status(db_session) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED)
        assert await events(db_session) == ["OrderConfirmed"]

    async def test_who_never_answers_is_cancelled_at_the_deadline(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        await check_out(client, db_session, payment_token=ASKING_CARD)
        for later, settled in ((timedelta(minutes=2), 0), (HOUR, 1)):
            assert settled == await settle_overdue(
                db_session,
                find_gateway=lambda _name: Bank(),
                now=datetime.now(UTC) + later,
                settings=get_settings(),
            )
        assert await status(db_session) == (OrderStatus.CANCELLED, PaymentStatus.FAILED)
        assert await stock(db_session) == (5, 0, 0)
        assert await events(db_session) == ["OrderCancelled"]
        replayed = await client.post(CHECKOUT, json={"payment_token": ASKING_CARD})
        assert replayed.status_code == 402

    async def test_a_bank_that_cannot_say_is_asked_again(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        class Unsure(Bank):
            async def look_up(self, reference: str) -> ChargeOutcome:
                raise ConnectionResetError(reference)

        await check_out(client, db_session, payment_token=ASKING_CARD)
        with pytest.raises(StillUnknownError):
            await report(db_session, Unsure())
        assert await status(db_session) == (OrderStatus.PENDING, PaymentStatus.NEEDS_ACTION)


class TestMessages:
    async def send(self, client: AsyncClient, charge: str, *, age: float = 0) -> Response:
        now = datetime.now(UTC)
        message = Message(id=f"evt_{charge}", type="charge.captured", created=now, reference=charge)
        body = message.model_dump_json().encode()
        signed = now - timedelta(seconds=age)
        header = sign(body, secret=message_secret(get_settings()), now=signed)
        return await client.post(WEBHOOK, content=body, headers={SIGNATURE_HEADER: header})

    async def test_are_kept_once_and_asked_about_once(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        for _ in range(3):
            answer = await self.send(client, "r1")
            assert (answer.status_code, answer.json()) == (200, {"received": True})
        kept = (await db_session.scalars(select(ReportedEvent))).one()
        assert (kept.gateway, kept.event_id, kept.charge_reference) == ("demo", "evt_r1", "r1")
        assert await queued(db_session) == [
            ("orders.settle_reported", {"gateway": "demo", "reference": "r1"})
        ]

    async def test_of_charges_of_others_change_nothing(self, db_session: AsyncSession) -> None:
        await settle_reported(
            db_session,
            gateway="demo",
            reference="of-another-shop",
            find_gateway=lambda _name: Bank(),
            now=datetime.now(UTC),
            settings=get_settings(),
        )

    async def test_that_are_forged_or_old_are_refused_and_nothing_is_written(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        refused = [await self.send(client, "r1", age=301)]
        refused.append(await client.post(WEBHOOK, content=b"{}"))
        refused.append(await client.post("/api/v1/payments/in_shop/webhook", content=b"{}"))
        for answer in refused:
            assert answer.status_code == 400
            assert answer.json()["code"] == "PAYMENT_WEBHOOK_REFUSED"
        assert (await db_session.scalars(select(ReportedEvent))).all() == []
        assert await queued(db_session) == []

    async def test_of_a_gateway_without_keys_or_of_none_are_for_nobody(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        del db_session
        without = await client.post("/api/v1/payments/stripe/webhook", content=b"{}")
        assert (without.status_code, without.json()["code"]) == (404, "PAYMENT_GATEWAY_NOT_FOUND")
        none = await client.post("/api/v1/payments/paypal/webhook", content=b"{}")
        assert none.status_code == 422


@pytest.mark.usefixtures("till")
class TestWhoPaysInTheShop:
    async def test_has_the_books_before_paying(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        answer = await check_out(client, db_session)
        order = answer.json()
        assert (answer.status_code, order["status"], order["payment_status"]) == (
            201,
            "confirmed",
            "due",
        )
        assert await stock(db_session) == (3, 0, 2)
        assert await find_breaches(db_session, now=datetime.now(UTC)) == []
        await record_payment(db_session, order_id=order["id"])
        assert await status(db_session) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED)
        with pytest.raises(PaymentNotDueError):
            await record_payment(db_session, order_id=order["id"])


class TestMoneyThatComesLate:
    async def give_up(self, client: AsyncClient, session: AsyncSession) -> int:
        """Have an order that was given up, and then let the bank take the money."""
        order_id = int((await check_out(client, session, payment_token=ASKING_CARD)).json()["id"])
        await settle(
            session,
            order_id=order_id,
            outcome=ChargeOutcome(state=ChargeState.DECLINED),
            refusal=OrderStatus.CANCELLED,
            now=datetime.now(UTC),
        )
        await Bank().answer_challenge(await reference(session), approve=True)
        return order_id

    async def give_back(
        self, session: AsyncSession, order_id: int, gateway: PaymentGateway
    ) -> None:
        await give_back(
            session,
            order_id=order_id,
            find_gateway=lambda _name: gateway,
            now=datetime.now(UTC),
            settings=get_settings(),
        )

    async def test_goes_back_once_and_that_is_told(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        order_id = await self.give_up(client, db_session)
        for _ in range(3):
            await report(db_session)
        assert await status(db_session) == (OrderStatus.CANCELLED, PaymentStatus.FAILED)
        assert await queued(db_session) == [("orders.give_back_late_money", {"order_id": order_id})]
        for _ in range(2):
            await self.give_back(db_session, order_id, Bank())
        ledger = await db_session.execute(
            text("SELECT refunded FROM demo_charges WHERE reference = :reference"),
            {"reference": await reference(db_session)},
        )
        assert [str(row.refunded) for row in ledger] == ["25.98"]
        assert await events(db_session) == ["LateMoneyGivenBack", "OrderCancelled"]
        assert await stock(db_session) == (5, 0, 0)
        basket = await db_session.execute(select(CartItem.quantity))
        assert basket.scalars().all() == [2]
        assert await find_breaches(db_session, now=datetime.now(UTC) + 2 * HOUR) == []

    async def test_stays_on_the_list_while_the_bank_does_not_take_it(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        class Unwilling(Bank):
            async def refund(self, request: RefundRequest) -> RefundOutcome:
                assert str(request.amount) == "25.98"
                return RefundOutcome(state=RefundState.REFUSED, reason="No.")

        order_id = await self.give_up(client, db_session)
        await report(db_session)
        with pytest.raises(NotGivenBackError, match=r"refused, No\."):
            await self.give_back(db_session, order_id, Unwilling())
        assert await find_breaches(db_session, now=datetime.now(UTC)) == []
        (found,) = await find_breaches(db_session, now=datetime.now(UTC) + 2 * HOUR)
        assert found.invariant == "money that came too late for its order goes back"
        assert found.subject == f"order {order_id}"

    async def test_an_order_without_any_is_left_alone(
        self, client: AsyncClient, db_session: AsyncSession
    ) -> None:
        order_id = int((await check_out(client, db_session)).json()["id"])
        await settle(
            db_session,
            order_id=order_id,
            outcome=CAPTURED,
            refusal=OrderStatus.CANCELLED,
            now=datetime.now(UTC),
        )
        await self.give_back(db_session, order_id, Bank())
        assert await status(db_session) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED)
        assert await queued(db_session) == []
