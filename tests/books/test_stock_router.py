"""Staff receive, correct and watch copies, and read what happened to them."""

from httpx2 import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.core.rights import Right
from tests.factories import bearer, make_book, make_user

STOCK = "/api/v1/admin/stock"
UNKNOWN = 2**31 - 1


async def test_a_delivery_is_received_whole_or_not_at_all(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book, other = await make_book(db_session, copies=0), await make_book(db_session, copies=2)
    clerk = await make_user(db_session, email="ann@example.com", rights=[Right.CATALOGUE])
    lines = [{"book_id": other.id, "copies": 1}, {"book_id": book.id, "copies": 12}]
    sent = {"lines": lines, "reference": "Note 4711"}

    async def receive(delivery: object) -> int:
        answer = await client.post(f"{STOCK}/deliveries", headers=bearer(clerk), json=delivery)
        return answer.status_code

    assert await receive({"lines": [*lines, {"book_id": UNKNOWN, "copies": 1}]}) == 404
    assert await receive({"lines": [lines[0], lines[0]]}) == 422
    assert await receive({"lines": []}) == 422
    assert await receive({"lines": [{"book_id": book.id, "copies": 0}]}) == 422
    assert await receive(sent) == 201
    one = (await client.get(f"{STOCK}/{book.id}", headers=bearer(clerk))).json()
    assert (one["on_hand"], one["received"], one["reserved"], one["sold"]) == (12, 12, 0, 0)
    answer = await client.get(f"{STOCK}/{other.id}/movements", headers=bearer(clerk))
    newest, first = answer.json()
    assert (newest["kind"], newest["copies"]) == ("received", 1)
    assert (newest["actor"], newest["reference"]) == ("ann@example.com", "Note 4711")
    assert (first["copies"], first["actor"]) == (2, None)
    entries = (await db_session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(entry.action, entry.thing_id, entry.after) for entry in entries] == [
        ("stock.receive", str(book.id), {"on_hand": 12, "received": 12}),
        ("stock.receive", str(other.id), {"on_hand": 3, "received": 3}),
    ]


async def test_copies_are_lost_with_a_reason(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=2)
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    address = f"{STOCK}/{book.id}/corrections"
    lost = await client.post(address, headers=staff, json={"by": -1, "reason": "Torn"})
    assert (lost.status_code, lost.json()["on_hand"]) == (201, 1)
    more = await client.post(address, headers=staff, json={"by": -2, "reason": "Torn"})
    assert (more.status_code, more.json()["code"]) == (409, "STOCK_MISSING_COPIES")
    assert more.json()["available"] == 1
    for wrong in ({"by": 0, "reason": "Torn"}, {"by": -1}, {"by": -1, "reason": " "}):
        assert (await client.post(address, headers=staff, json=wrong)).status_code == 422
    unknown = await client.post(
        f"{STOCK}/{UNKNOWN}/corrections", headers=staff, json={"by": 1, "reason": "Found"}
    )
    assert unknown.status_code == 404


async def test_books_that_run_low_are_listed(client: AsyncClient, db_session: AsyncSession) -> None:
    books = [await make_book(db_session, copies=copies) for copies in (0, 3, 4, 0)]
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    for book in books[:3]:
        watched = await client.patch(f"{STOCK}/{book.id}", headers=staff, json={"low_level": 3})
        assert (watched.status_code, watched.json()["low_level"]) == (200, 3)

    async def low() -> list[int]:
        answer = await client.get(f"{STOCK}?low=true", headers=staff)
        return [row["book_id"] for row in answer.json()]

    assert await low() == [books[0].id, books[1].id]
    await client.patch(f"{STOCK}/{books[0].id}", headers=staff, json={"low_level": None})
    assert await low() == [books[1].id]
    everything = await client.get(f"{STOCK}?limit=2", headers=staff)
    assert len(everything.json()) == 2
    assert 'rel="next"' in everything.headers["Link"]
    assert (await client.get(f"{STOCK}/{UNKNOWN}/movements", headers=staff)).status_code == 404
