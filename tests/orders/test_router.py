from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import Role
from app.integrations.payments.demo import DECLINED_CARD
from app.orders.models import Order
from tests.factories import bearer, make_book, make_user


async def buy(client: AsyncClient, headers: dict[str, str], book_id: int) -> int:
    await client.post("/api/v1/cart/items", json={"book_id": book_id}, headers=headers)
    response = await client.post("/api/v1/orders/checkout", json={}, headers=headers)
    assert response.status_code == 201
    return int(response.json()["id"])


async def test_my_orders_newest_first_with_a_link_to_older_ones(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session, copies=9)
    ids = [await buy(client, headers, book.id) for _ in range(3)]

    first = await client.get("/api/v1/orders?limit=2", headers=headers)
    assert [order["id"] for order in first.json()] == [ids[2], ids[1]]
    older = first.links["next"]["url"]
    assert older.startswith("/api/v1/orders?limit=2&cursor=")
    assert "prev" not in first.links
    second = await client.get(older, headers=headers)
    assert [order["id"] for order in second.json()] == [ids[0]]
    assert "next" not in second.links
    newer = await client.get(second.links["prev"]["url"], headers=headers)
    assert newer.json() == first.json()

    wrong = await client.get("/api/v1/orders?cursor=wrong", headers=headers)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "cursor")


async def test_an_order_is_its_buyers_and_the_staffs(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    buyer = bearer(await make_user(db_session))
    stranger = bearer(await make_user(db_session))
    admin = bearer(await make_user(db_session, role=Role.ADMIN))
    order_id = await buy(client, buyer, (await make_book(db_session)).id)
    path = f"/api/v1/orders/{order_id}"

    assert (await client.get(path, headers=buyer)).json()["id"] == order_id
    assert (await client.get(path, headers=admin)).json()["id"] == order_id
    foreign = await client.get(path, headers=stranger)
    missing = await client.get("/api/v1/orders/999999", headers=stranger)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()
    assert foreign.json()["code"] == "ORDER_NOT_FOUND"
    assert (await client.get(path)).status_code == 401


async def test_all_orders_are_the_staffs(client: AsyncClient, db_session: AsyncSession) -> None:
    buyer = bearer(await make_user(db_session))
    admin = bearer(await make_user(db_session, role=Role.ADMIN))
    order_id = await buy(client, buyer, (await make_book(db_session)).id)
    listed = await client.get("/api/v1/admin/orders", headers=admin)
    assert [order["id"] for order in listed.json()] == [order_id]
    refused = await client.get("/api/v1/admin/orders", headers=buyer)
    assert (refused.status_code, refused.json()["code"]) == (403, "AUTH_FORBIDDEN")


async def test_an_attempt_that_was_declined_is_in_no_list_and_can_be_read(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    buyer = bearer(await make_user(db_session))
    admin = bearer(await make_user(db_session, role=Role.ADMIN))
    book = await make_book(db_session)
    await client.post("/api/v1/cart/items", json={"book_id": book.id}, headers=buyer)
    declined = await client.post(
        "/api/v1/orders/checkout", json={"payment_token": DECLINED_CARD}, headers=buyer
    )
    assert declined.status_code == 402
    order_id = await db_session.scalar(select(Order.id))
    assert (await client.get("/api/v1/orders", headers=buyer)).json() == []
    assert (await client.get("/api/v1/admin/orders", headers=admin)).json() == []
    read = (await client.get(f"/api/v1/orders/{order_id}", headers=buyer)).json()
    assert (read["status"], read["payment_status"]) == ("declined", "failed")

    bought = await client.post("/api/v1/orders/checkout", json={}, headers=buyer)
    assert bought.status_code == 201
    assert (await client.get("/api/v1/orders", headers=buyer)).json() == [bought.json()]
    assert (await client.get("/api/v1/admin/orders", headers=admin)).json() == [bought.json()]


async def test_an_order_that_had_to_wait_and_was_cancelled_is_shown(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    buyer = bearer(await make_user(db_session))
    order_id = await buy(client, buyer, (await make_book(db_session)).id)
    await db_session.execute(text("UPDATE orders SET status = 'cancelled'"))
    await db_session.commit()
    (listed,) = (await client.get("/api/v1/orders", headers=buyer)).json()
    assert (listed["id"], listed["status"]) == (order_id, "cancelled")
