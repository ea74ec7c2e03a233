"""Staff and buyers work on orders over the API: what moves, what is refused, what stays."""

from decimal import Decimal
from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.check import check_in
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.rights import Right
from app.integrations.payments.gateway import RefundState
from app.orders.guests import order_token
from app.orders.refunds import pay_refund
from tests.factories import bearer, make_user
from tests.orders.bought import make_order, stock_of
from tests.orders.fulfilment.gateways import NO, Bank

ADMIN = "/api/v1/admin/orders"


async def staff(session: AsyncSession) -> dict[str, str]:
    return bearer(await make_user(session, email="nora@example.com", rights=[Right.ORDERS]))


async def events_of(session: AsyncSession) -> list[str]:
    found = await session.execute(text("SELECT name FROM outbox_events ORDER BY occurred_at"))
    return [str(name) for name in found.scalars()]


async def kinds_of(client: AsyncClient, headers: dict[str, str], order_id: int) -> list[str]:
    told = await client.get(f"/api/v1/orders/{order_id}/timeline", headers=headers)
    return [event["kind"] for event in told.json()]


async def pay_all(session: AsyncSession, bank: Bank) -> None:
    """Do what the worker does with the refunds that wait."""
    waiting = await session.execute(text("SELECT id FROM refunds WHERE state = 'pending'"))
    for refund_id in waiting.scalars().all():
        await pay_refund(
            session,
            refund_id=refund_id,
            find_gateway=bank.find,
            now=utc_now(),
            settings=get_settings(),
        )


def generous() -> Bank:
    return Bank(lambda _request: RefundState.REFUNDED)


async def test_an_order_leaves_in_two_parcels_and_arrives(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers, buyer = await staff(db_session), await make_user(db_session)
    order = await make_order(db_session, 2, 1, user_id=buyer.id)
    url = f"{ADMIN}/{order.id}"
    assert (await client.post(f"{url}/pack", headers=headers)).json()["status"] == "packed"
    parcel = {
        "lines": [{"line_id": order.lines[0], "quantity": 1}],
        "carrier": "DHL",
        "tracking_number": "0034",
        "tracking_url": "https://track.example/0034",
    }
    first = await client.post(f"{url}/shipments", json=parcel, headers=headers)
    assert (first.status_code, first.json()["status"]) == (201, "partly_shipped")
    assert [line["to_send"] for line in first.json()["lines"]] == [1, 1]
    too_many = {"lines": [{"line_id": order.lines[0], "quantity": 2}]}
    refused = await client.post(f"{url}/shipments", json=too_many, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "ORDER_TOO_MANY_COPIES")
    assert refused.json()["line_id"] == order.lines[0]
    foreign = {"lines": [{"line_id": 999_999, "quantity": 1}]}
    unknown = await client.post(f"{url}/shipments", json=foreign, headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "ORDER_LINE_NOT_FOUND")
    rest = await client.post(f"{url}/shipments", json={}, headers=headers)
    assert rest.json()["status"] == "shipped"
    assert [[each["quantity"] for each in one["lines"]] for one in rest.json()["shipments"]] == [
        [1],
        [1, 1],
    ]
    assert (await client.post(f"{url}/shipments", json={}, headers=headers)).status_code == 409
    delivered = await client.post(f"{url}/deliver", headers=headers)
    assert delivered.json()["status"] == "delivered"
    assert await events_of(db_session) == ["OrderShipped", "OrderShipped", "OrderDelivered"]
    own = await client.get(f"/api/v1/orders/{order.id}/timeline", headers=bearer(buyer))
    assert [(event["kind"], event["actor"]) for event in own.json()] == [
        ("packed", "shop"),
        ("shipped", "shop"),
        ("shipped", "shop"),
        ("delivered", "shop"),
    ]
    progress = await client.get(f"/api/v1/orders/{order.id}/fulfilment", headers=bearer(buyer))
    assert progress.json() == delivered.json()
    assert await check_in(db_session) == []


async def test_what_the_table_does_not_allow_names_both_states(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    order = await make_order(db_session)
    url = f"{ADMIN}/{order.id}"
    await client.post(f"{url}/ready", headers=headers)
    await client.post(f"{url}/deliver", headers=headers)
    for act, to in (("pack", "packed"), ("cancel", "cancelled"), ("ready", "ready_to_collect")):
        body: Any = {} if act == "cancel" else None
        refused = await client.post(f"{url}/{act}", json=body, headers=headers)
        answer = refused.json()
        assert refused.status_code == 409, act
        assert answer["code"] == "ORDER_MOVE_NOT_ALLOWED"
        assert (answer["from"], answer["to"]) == ("delivered", to)
        assert "delivered" in answer["detail"]
        assert to.replace("_", " ") in answer["detail"]
    missing = await client.post(f"{ADMIN}/999999/pack", headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "ORDER_NOT_FOUND")
    assert await kinds_of(client, headers, order.id) == ["ready_to_collect", "delivered"]


async def test_a_buyer_calls_off_until_it_is_packed(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    buyer, stranger = await make_user(db_session), await make_user(db_session)
    order = await make_order(db_session, 2, 1, user_id=buyer.id)
    url = f"/api/v1/orders/{order.id}/cancel"
    assert (await client.post(url, headers=bearer(stranger))).status_code == 404
    cancelled = await client.post(url, headers=bearer(buyer))
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await client.post(url, headers=bearer(buyer))).status_code == 409
    assert [await stock_of(db_session, book) for book in order.books] == [(2, 2, 2), (1, 1, 1)]
    progress = f"/api/v1/orders/{order.id}/fulfilment"
    (refund,) = (await client.get(progress, headers=bearer(buyer))).json()["refunds"]
    assert (refund["amount"], refund["state"], refund["reason"]) == (
        "30.00",
        "pending",
        "changed_mind",
    )
    assert [line["quantity"] for line in refund["lines"]] == [2, 1]
    bank = generous()
    await pay_all(db_session, bank)
    told = (await client.get(progress, headers=bearer(buyer))).json()
    assert [each["state"] for each in told["refunds"]] == ["done"]
    assert list(bank.paid.values()) == [30]
    assert await kinds_of(client, bearer(buyer), order.id) == [
        "cancelled",
        "refund_asked",
        "refunded",
    ]
    assert {"OrderCalledOff", "RefundPaid"} <= set(await events_of(db_session))
    assert await check_in(db_session) == []

    packed = await make_order(db_session, user_id=buyer.id)
    await client.post(f"{ADMIN}/{packed.id}/pack", headers=await staff(db_session))
    late = await client.post(f"/api/v1/orders/{packed.id}/cancel", headers=bearer(buyer))
    assert (late.status_code, late.json()["from"]) == (409, "packed")


async def test_copies_come_back_to_the_shelf_or_not_and_are_paid_back(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    order = await make_order(db_session, 2, 1)
    url = f"{ADMIN}/{order.id}"
    early = {"reason": "damaged", "lines": [{"line_id": order.lines[0], "quantity": 1}]}
    refused = await client.post(f"{url}/returns", json=early, headers=headers)
    assert (refused.status_code, refused.json()["to"]) == (409, "returned")
    await client.post(f"{url}/shipments", json={}, headers=headers)
    damaged = {
        "reason": "damaged",
        "lines": [{"line_id": order.lines[0], "quantity": 1, "on_shelf": False}],
        "note": "The corner is bent.",
    }
    first = await client.post(f"{url}/returns", json=damaged, headers=headers)
    assert (first.status_code, first.json()["status"]) == (201, "shipped")
    assert first.json()["refunded_total"] == "10.00"
    assert await stock_of(db_session, order.books[0]) == (0, 2, 0)
    rest = {
        "reason": "changed_mind",
        "lines": [{"line_id": line, "quantity": 1} for line in order.lines],
        "refund": False,
    }
    second = await client.post(f"{url}/returns", json=rest, headers=headers)
    assert (second.json()["status"], second.json()["refunded_total"]) == ("returned", "10.00")
    assert await stock_of(db_session, order.books[0]) == (1, 2, 1)
    assert (await client.post(f"{url}/returns", json=rest, headers=headers)).status_code == 409
    rows = await client.get(f"/api/v1/orders/{order.id}/timeline", headers=headers)
    notes = [event for event in rows.json() if event["kind"] == "note"]
    assert [(note["actor"], note["data"]) for note in notes] == [
        ("nora@example.com", {"text": "The corner is bent."})
    ]
    assert await check_in(db_session) == []


async def test_what_will_never_be_sent_is_dropped(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    order = await make_order(db_session, 2, 1)
    url = f"{ADMIN}/{order.id}"
    gone = {
        "reason": "out_of_stock",
        "was_sent": False,
        "lines": [{"line_id": order.lines[1], "quantity": 1, "on_shelf": False}],
    }
    dropped = await client.post(f"{url}/returns", json=gone, headers=headers)
    assert (dropped.status_code, dropped.json()["status"]) == (201, "confirmed")
    everything = gone | {"lines": [{"line_id": order.lines[0], "quantity": 2}]}
    refused = await client.post(f"{url}/returns", json=everything, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "ORDER_NOTHING_LEFT")
    sent = await client.post(f"{url}/shipments", json={}, headers=headers)
    assert sent.json()["status"] == "shipped"
    assert [line["sent"] for line in sent.json()["lines"]] == [2, 0]
    assert sent.json()["refunded_total"] == "10.00"
    assert await check_in(db_session) == []


async def test_money_goes_back_by_line_by_amount_and_as_a_whole_and_never_more(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    order = await make_order(db_session, 3)
    url = f"{ADMIN}/{order.id}/refunds"

    async def ask(**wanted: Any) -> Any:
        answer = await client.post(url, json={"reason": "goodwill"} | wanted, headers=headers)
        return answer.json() if answer.status_code == 201 else answer

    line = {"line_id": order.lines[0], "quantity": 1}
    assert (await ask(lines=[line]))["refunded_total"] == "10.00"
    assert (await ask(amount="0.01"))["refunded_total"] == "10.01"
    too_high = await ask(amount="20.00")
    assert (too_high.status_code, too_high.json()["refundable"]) == (409, "19.99")
    assert (await ask(lines=[line | {"quantity": 3}])).json()["code"] == "ORDER_TOO_MANY_COPIES"
    assert (await ask(lines=[line, line])).status_code == 422
    assert (await ask(amount="0.00")).status_code == 422
    assert (await ask())["refunded_total"] == "30.00"
    assert (await ask()).json()["refundable"] == "0.00"
    states = iter([RefundState.REFUNDED, RefundState.REFUSED, RefundState.UNKNOWN])
    bank = Bank(lambda _request: next(states))
    await pay_all(db_session, bank)
    told = (await client.get(f"{ADMIN}/{order.id}/fulfilment", headers=headers)).json()
    assert [(each["state"], each["failure"]) for each in told["refunds"]] == [
        ("done", None),
        ("failed", NO),
        ("pending", None),
    ]
    assert told["refunded_total"] == "29.99"
    await pay_all(db_session, bank)  # which had paid, and only not said so
    assert bank.asked == 4
    told = (await client.get(f"{ADMIN}/{order.id}/fulfilment", headers=headers)).json()
    assert sum(bank.paid.values()) == Decimal(told["refunded_total"]) == Decimal("29.99")
    assert await check_in(db_session) == []


async def test_a_guest_needs_nothing_but_the_link(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    order = await make_order(db_session, 1)
    other = await make_order(db_session, 1)
    link = f"?token={order_token(order.id, get_settings())}"
    api = "/api/v1/orders/by-link"
    assert (await client.get(api + link)).json()["number"] == order.number
    assert (await client.get(f"{api}/fulfilment{link}")).json()["order_id"] == order.id
    page = await client.get(f"/orders/by-link{link}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert order.number in page.text
    assert page.headers["Referrer-Policy"] == "strict-origin"
    for token in ("x", link[7:-1], order_token(other.id, get_settings())[:5] + link[12:]):
        refused = await client.get(f"{api}?token={token}")
        assert (refused.status_code, refused.json()["code"]) == (404, "ORDER_NOT_FOUND")
    cancelled = await client.post(f"{api}/cancel{link}")
    assert cancelled.json()["status"] == "cancelled"
    assert (await client.get(api + link)).json()["status"] == "cancelled"
    assert (await client.get(f"/orders/by-link{link}")).status_code == 200


async def test_orders_are_found_by_state_number_address_and_day(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    first = await make_order(db_session, email="a@example.com", number="AAAAA-11111")
    second = await make_order(db_session, email="b@example.com")
    await client.post(f"{ADMIN}/{second.id}/pack", headers=headers)

    async def found(query: str) -> list[int]:
        answer = await client.get(f"{ADMIN}?{query}", headers=headers)
        return [order["id"] for order in answer.json()]

    assert await found("") == [second.id, first.id]
    assert await found("status=packed") == [second.id]
    assert await found("number=aaaaa-11111") == [first.id]
    assert await found("email=b@example.com&status=confirmed") == []
    assert await found("from=2999-01-01") == []
    assert await found("to=2999-01-01") == [second.id, first.id]
    assert (await client.get(f"{ADMIN}?status=lost", headers=headers)).status_code == 422
