from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import Role
from app.jobs.models import OutboxEvent
from app.notifications.handlers import tell_that_book_is_back
from app.notifications.models import Mail
from tests.factories import bearer, make_book, make_user

PREBOOKS = "/api/v1/prebooks"


async def test_waiting_and_stopping(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session, title="Emma", author="Jane Austen", copies=0)
    created = await client.post(PREBOOKS, json={"book_id": book.id}, headers=headers)
    assert created.status_code == 201
    prebook = created.json()
    assert prebook == {
        "id": prebook["id"],
        "book_id": book.id,
        "book_title": "Emma",
        "book_author": "Jane Austen",
        "status": "waiting",
        "created_at": prebook["created_at"],
        "notified_at": None,
        "cancelled_at": None,
    }
    again = await client.post(PREBOOKS, json={"book_id": book.id}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "PREBOOK_DUPLICATE")

    path = f"{PREBOOKS}/{prebook['id']}"
    assert (await client.delete(path, headers=headers)).status_code == 204
    twice = await client.delete(path, headers=headers)
    assert (twice.status_code, twice.json()["code"]) == (409, "PREBOOK_ALREADY_CANCELLED")
    listed = (await client.get(PREBOOKS, headers=headers)).json()
    assert [item["status"] for item in listed] == ["cancelled"]
    anew = await client.post(PREBOOKS, json={"book_id": book.id}, headers=headers)
    assert anew.status_code == 201


async def test_refusals(client: AsyncClient, db_session: AsyncSession) -> None:
    owner = bearer(await make_user(db_session))
    stranger = bearer(await make_user(db_session))
    there = await make_book(db_session, copies=1)
    gone = await make_book(db_session, copies=0)
    in_stock = await client.post(PREBOOKS, json={"book_id": there.id}, headers=owner)
    assert (in_stock.status_code, in_stock.json()["code"]) == (409, "PREBOOK_BOOK_IN_STOCK")
    unknown = await client.post(PREBOOKS, json={"book_id": 999999}, headers=owner)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "BOOK_NOT_FOUND")
    mine = (await client.post(PREBOOKS, json={"book_id": gone.id}, headers=owner)).json()
    foreign = await client.delete(f"{PREBOOKS}/{mine['id']}", headers=stranger)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "PREBOOK_NOT_FOUND")
    assert (await client.get(PREBOOKS, headers=stranger)).json() == []


async def test_a_restock_publishes_once(client: AsyncClient, db_session: AsyncSession) -> None:
    admin = bearer(await make_user(db_session, role=Role.ADMIN))
    book = await make_book(db_session, copies=0)
    for quantity in (3, 5, 0):
        response = await client.patch(
            f"/api/v1/books/{book.id}/stock", json={"quantity": quantity}, headers=admin
        )
        assert (response.status_code, response.json()["stock_quantity"]) == (200, quantity)
    events = (await db_session.scalars(select(OutboxEvent))).all()
    assert [(event.name, event.payload) for event in events] == [
        ("BookRestocked", {"book_id": book.id})
    ]
    assert tell_that_book_is_back.event_type.__name__ == "BookRestocked"
    assert (await db_session.scalars(select(Mail))).all() == []
