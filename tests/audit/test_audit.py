"""What staff do is written down once, in the transaction that it happens in, and for good."""

import csv
import getpass
import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import service
from app.audit.models import AuditEntry
from app.audit.schemas import AuditFilter
from app.audit.service import Actor, command_line, record
from app.books.models import Book, Genre
from app.core.clock import utc_now
from app.core.rights import Right
from app.core.security import Role
from tests.factories import bearer, make_book, make_user

ISBN = "9780141439518"
ADA = Actor(name="ada@example.com", account_id=7)


async def entries(session: AsyncSession) -> Sequence[AuditEntry]:
    return (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()


async def test_a_row_says_who_what_before_after_when_and_from_where(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    staff = await make_user(db_session, email="ada@example.com", rights=[Right.CATALOGUE])
    book = await make_book(db_session, title="Emma", price="7.99")
    answer = await client.put(
        f"/api/v1/books/{book.id}",
        headers=bearer(staff) | {"User-Agent": "browser " * 50},
        json={"price": "8.50", "pages": 300, "title": "Emma"},
    )
    assert answer.status_code == 200
    (entry,) = await entries(db_session)
    assert (entry.actor_id, entry.actor) == (staff.id, "ada@example.com")
    assert (entry.action, entry.thing, entry.thing_id) == ("book.update", "book", str(book.id))
    assert entry.before == {"price": "7.99", "pages": None}
    assert entry.after == {"price": "8.50", "pages": 300}
    assert entry.created_at == await db_session.scalar(select(func.now()))
    assert entry.client == "127.0.0.1"
    assert entry.user_agent == ("browser " * 25)


async def test_what_came_and_went_is_kept_whole(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    made = await client.post(
        "/api/v1/books", headers=staff, json={"title": "Emma", "author": "Ann", "price": "7.99"}
    )
    address = f"/api/v1/books/{made.json()['id']}"
    counted = await client.patch(f"{address}/stock", headers=staff, json={"quantity": 4})
    assert counted.status_code == 200
    assert (await client.delete(address, headers=staff)).status_code == 204
    create, count, remove = await entries(db_session)
    assert (create.action, create.before, create.after) == ("book.create", None, made.json())
    assert count.before is not None
    assert count.after is not None
    assert (count.action, count.before["stock_quantity"], count.after["stock_quantity"]) == (
        "book.count",
        0,
        4,
    )
    assert (remove.action, remove.before, remove.after) == ("book.delete", counted.json(), None)


async def test_an_act_that_is_refused_leaves_no_row(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    await make_book(db_session, isbn=ISBN)
    other = await make_book(db_session)
    answer = await client.put(f"/api/v1/books/{other.id}", headers=staff, json={"isbn": ISBN})
    assert answer.status_code == 409
    assert await entries(db_session) == []


async def test_an_act_whose_row_cannot_be_written_is_undone(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    boss = bearer(await make_user(db_session, role=Role.ADMIN))
    reader = await make_user(db_session)
    book = await make_book(db_session)
    await db_session.execute(text("ALTER TABLE audit_entries ADD CHECK (id < 0)"))
    await db_session.commit()
    answers = [
        await client.post("/api/v1/genres", headers=boss, json={"name": "Poetry"}),
        await client.delete(f"/api/v1/books/{book.id}", headers=boss),
        await client.put(
            f"/api/v1/admin/users/{reader.id}/rights", headers=boss, json={"rights": ["orders"]}
        ),
    ]
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert await db_session.scalar(select(func.count()).select_from(Genre)) == 0
    assert await db_session.scalar(select(Book.deleted_at).where(Book.id == book.id)) is None
    role = text("SELECT role FROM users WHERE id = :id")
    assert await db_session.scalar(role, {"id": reader.id}) == "user"
    assert await entries(db_session) == []


@pytest.mark.parametrize("statement", [update(AuditEntry).values(actor="x"), delete(AuditEntry)])
async def test_the_database_refuses_to_change_what_was_written(
    db_session: AsyncSession, statement: Any
) -> None:
    await record(db_session, actor=ADA, action="book.update", thing_id=1)
    with pytest.raises(DBAPIError, match="stays as it was written"):
        await db_session.execute(statement)


async def test_no_secret_is_written_down(db_session: AsyncSession) -> None:
    facts = {"email": "a@example.com", "password_hash": "$argon2id$", "refresh_token": "t"}
    await record(db_session, actor=ADA, action="user.update", before={}, after=facts)
    (entry,) = await entries(db_session)
    assert entry.after == {
        "email": "a@example.com",
        "password_hash": "[hidden]",
        "refresh_token": "[hidden]",
    }


async def test_changes_of_rights_and_of_accounts_are_told(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    boss = bearer(await make_user(db_session, role=Role.ADMIN))
    reader = await make_user(db_session)
    address = f"/api/v1/admin/users/{reader.id}"
    await client.put(f"{address}/rights", headers=boss, json={"rights": ["orders"]})
    for _ in range(2):
        await client.patch(f"{address}/deactivate", headers=boss)
    told = [(entry.action, entry.before, entry.after) for entry in await entries(db_session)]
    assert told == [
        (
            "user.set_rights",
            {"role": "user", "rights": []},
            {"role": "staff", "rights": ["orders"]},
        ),
        ("user.deactivate", {"is_active": True}, {"is_active": False}),
        ("user.deactivate", {}, {}),
    ]


async def test_names_and_works_tell_what_is_gone(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    staff = bearer(await make_user(db_session, rights=[Right.CATALOGUE]))
    kept, gone = await make_book(db_session), await make_book(db_session)
    merged = await client.post(
        f"/api/v1/admin/works/{kept.work_id}/merge",
        headers=staff,
        json={"work_ids": [gone.work_id]},
    )
    assert merged.status_code == 200
    split = await client.post(
        f"/api/v1/admin/works/{kept.work_id}/split", headers=staff, json={"book_ids": [gone.id]}
    )
    names = text("INSERT INTO series (title) VALUES ('One'), ('Two') RETURNING id")
    one, two = (await db_session.scalars(names)).all()
    await client.post(f"/api/v1/admin/series/{one}/merge", headers=staff, json={"ids": [two]})
    await client.patch(f"/api/v1/admin/series/{one}", headers=staff, json={"title": "Three"})
    found = await entries(db_session)
    assert [(entry.action, entry.thing_id) for entry in found] == [
        ("work.merge", str(kept.work_id)),
        ("work.split", str(kept.work_id)),
        ("series.merge", str(one)),
        ("series.update", str(one)),
    ]
    assert found[0].before == {"editions_of_merged_works": {str(gone.work_id): [gone.id]}}
    assert found[1].after == {
        "book_ids": [gone.id],
        "new_work_id": split.json()["id"],
        "title": split.json()["title"],
    }
    assert found[2].before == {"merged": [{"id": two, "title": "Two"}]}
    assert (found[3].before, found[3].after) == ({"title": "One"}, {"title": "Three"})


async def fill(session: AsyncSession) -> None:
    """Write three acts: Ada's of an hour ago, Ben's, and one of the command line."""
    await record(session, actor=ADA, action="book.update", thing_id=1, before={}, after={"a": 1})
    ben = Actor(name="ben@example.com", account_id=8, client="192.0.2.1", user_agent="=cmd()")
    await record(session, actor=ben, action="book.delete", thing_id=2, before={"title": "=1+1"})
    await record(session, actor=command_line(), action="job.requeue", thing_id=3)


async def test_admins_read_and_filter_it(client: AsyncClient, db_session: AsyncSession) -> None:
    boss = bearer(await make_user(db_session, role=Role.ADMIN))
    await fill(db_session)
    await db_session.commit()

    async def ask(**query: str) -> list[str]:
        answer = await client.get("/api/v1/admin/audit", headers=boss, params=query)
        assert answer.status_code == 200, answer.text
        return [f"{entry['action']} {entry['thing_id']}" for entry in answer.json()]

    ada, ben, shell = "book.update 1", "book.delete 2", "job.requeue 3"
    assert await ask() == [shell, ben, ada]
    assert await ask(actor="ada@example.com") == [ada]
    assert await ask(actor=f"the command line ({getpass.getuser()})") == [shell]
    assert await ask(actor_id="8") == [ben]
    assert await ask(action="book.update") == [ada]
    assert await ask(thing="book") == [ben, ada]
    assert await ask(thing="book", thing_id="2") == [ben]
    tomorrow = f"{utc_now() + timedelta(days=1):%Y-%m-%d}"
    hour_ago = f"{utc_now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    assert await ask(**{"from": tomorrow}) == []
    assert await ask(**{"from": hour_ago, "to": tomorrow}) == [shell, ben, ada]
    assert await ask(to=hour_ago) == []
    wrong = await client.get("/api/v1/admin/audit?from=yesterday", headers=boss)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "VALIDATION_ERROR")

    first = await client.get("/api/v1/admin/audit?limit=2&thing=book", headers=boss)
    assert "next" not in first.links
    first = await client.get("/api/v1/admin/audit?limit=2", headers=boss)
    rest = await client.get(first.links["next"]["url"], headers=boss)
    assert [entry["action"] for entry in rest.json()] == ["book.update"]
    assert rest.json()[0] | {"id": 0, "created_at": ""} == {
        "id": 0,
        "created_at": "",
        "actor_id": 7,
        "actor": "ada@example.com",
        "action": "book.update",
        "thing": "book",
        "thing_id": "1",
        "before": {"a": None},
        "after": {"a": 1},
        "client": None,
        "user_agent": None,
    }


@pytest.mark.parametrize("at_once", [1, 3, 1000])
async def test_the_export_is_whole_and_harmless_in_spreadsheets(
    committed: AsyncSession, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(service, "EXPORTED_AT_ONCE", at_once)
    await fill(committed)
    await committed.commit()

    async def export(**wanted: str) -> list[list[str]]:
        lines = [line async for line in service.export_lines(wanted=AuditFilter(**wanted))]
        assert lines[0].startswith("\ufeff")
        return list(csv.reader(io.StringIO("".join(lines)[1:])))

    head, *rows = await export()
    assert head == [
        *("id", "created_at", "actor_id", "actor", "action", "thing", "thing_id"),
        *("before", "after", "client", "user_agent"),
    ]
    assert [row[4:7] for row in rows] == [
        ["job.requeue", "job", "3"],
        ["book.delete", "book", "2"],
        ["book.update", "book", "1"],
    ]
    assert rows[1][2:4] == ["8", "ben@example.com"]
    assert rows[1][7:] == ['{"title": "=1+1"}', "", "192.0.2.1", "'=cmd()"]
    assert [row[4] for row in (await export(thing="book", actor="ben@example.com"))[1:]] == [
        "book.delete"
    ]


async def test_the_command_line_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command_line().name == f"the command line ({getpass.getuser()})"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert command_line().name == "the command line (unknown user)"
