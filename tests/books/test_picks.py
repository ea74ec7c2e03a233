"""What staff recommend."""

import csv
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import picks
from app.books.importers.run import DEMO_CATALOGUE
from app.books.models import StaffPick
from app.books.work_schemas import StaffPickUpdate
from app.commands.demo import DEMO_PICKS
from app.core.security import Role
from tests.factories import bearer, make_book, make_user, withdraw_book

PICKS, ADMIN = "/api/v1/staff-picks", "/api/v1/admin/staff-picks"
NOTE = {"note": "I missed my stop.", "picked_by": "Nora", "position": 2}


async def pick(session: AsyncSession, work_id: int, **facts: Any) -> None:
    update = StaffPickUpdate.model_validate(NOTE | facts)
    await picks.set_pick(session, work_id=work_id, pick=update)
    await session.commit()


async def test_picks_are_made_changed_and_taken_back(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    made = await client.put(f"{ADMIN}/{book.work_id}", json=NOTE, headers=headers)
    assert made.status_code == 200
    assert made.json() == {
        **NOTE,
        "work_id": book.work_id,
        "picked_at": made.json()["picked_at"],
    }
    changed = await client.put(
        f"{ADMIN}/{book.work_id}", json={"note": "Twice.", "picked_by": "Tom"}, headers=headers
    )
    assert changed.json() == made.json() | {"note": "Twice.", "picked_by": "Tom", "position": 0}
    listed = (await client.get(PICKS)).json()
    summary = (await client.get("/api/v1/books")).json()["items"][0]
    assert listed == {
        "items": [changed.json() | {"book": summary}],
        "total": 1,
        "page": 1,
        "size": 20,
        "next_cursor": None,
        "previous_cursor": None,
    }
    assert (await client.delete(f"{ADMIN}/{book.work_id}", headers=headers)).status_code == 204
    gone = await client.delete(f"{ADMIN}/{book.work_id}", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "STAFF_PICK_NOT_FOUND")
    assert (await client.get(PICKS)).json()["items"] == []


async def test_picks_come_in_staffs_order_and_only_with_a_book_that_is_sold(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    books = [await make_book(db_session, title=title) for title in ("One", "Two", "Three", "Four")]
    for book, position in zip(books, (3, 1, 2, 0), strict=True):
        await pick(db_session, book.work_id, position=position)
    await withdraw_book(db_session, books[3])
    page = (await client.get(PICKS, params={"size": 2})).json()
    assert [item["book"]["title"] for item in page["items"]] == ["Two", "Three"]
    assert page["total"] == 3
    behind = (await client.get(PICKS, params={"size": 2, "cursor": page["next_cursor"]})).json()
    assert [item["book"]["title"] for item in behind["items"]] == ["One"]
    before = {"size": 2, "cursor": behind["previous_cursor"]}
    assert (await client.get(PICKS, params=before)).json()["items"] == page["items"]
    page = (await client.get(PICKS, params={"size": 2, "page": 2})).json()
    assert [item["book"]["title"] for item in page["items"]] == ["One"]


@pytest.mark.parametrize(
    "wrong",
    [{"note": ""}, {"note": "x" * 2001}, {"picked_by": " "}, {"position": -1}, {"position": 2**15}],
)
async def test_picks_that_are_refused(
    client: AsyncClient, db_session: AsyncSession, wrong: dict[str, Any]
) -> None:
    address = f"{ADMIN}/{(await make_book(db_session)).work_id}"
    assert (await client.put(address, json=NOTE)).status_code == 401
    reader = bearer(await make_user(db_session))
    assert (await client.put(address, json=NOTE, headers=reader)).status_code == 403
    assert (await client.delete(address, headers=reader)).status_code == 403
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    assert (await client.put(address, json=NOTE | wrong, headers=headers)).status_code == 422
    unknown = await client.put(f"{ADMIN}/{2**31 - 1}", json=NOTE, headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "WORK_NOT_FOUND")
    assert await db_session.scalar(select(func.count()).select_from(StaffPick)) == 0


async def test_the_home_page_has_a_shelf_of_them(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    html = {"Accept": "text/html"}
    assert 'id="picks"' not in (await client.get("/", headers=html)).text
    await pick(db_session, book.work_id, note="I <b>missed</b> my stop.")
    page = (await client.get("/", headers=html)).text
    assert 'id="picks"' in page
    assert "I &lt;b&gt;missed&lt;/b&gt; my stop." in page
    assert "Nora" in page


def test_the_demos_picks_are_books_of_its_catalogue() -> None:
    with DEMO_PICKS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with DEMO_CATALOGUE.open(encoding="utf-8", newline="") as file:
        known = {row["isbn13"] for row in csv.DictReader(file)}
    assert len(rows) == 5
    assert {row["isbn13"] for row in rows} <= known
    for row in rows:
        StaffPickUpdate(note=row["note"], picked_by=row["picked_by"])
