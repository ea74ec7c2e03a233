"""Uploading imports and reading of them, as JSON."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.deps import get_storage
from app.books.importers.journal import Entry
from app.books.imports import service
from app.books.models import Import
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.security import Role
from app.integrations.storage import FolderStorage
from app.main import app
from tests.books.imports.files import csv_file, onix_file
from tests.factories import bearer, make_user

URL = "/api/v1/admin/imports"
CSV = csv_file(10)
BOUNDED = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
def media(client: AsyncClient, tmp_path: Path) -> Path:  # noqa: ARG001 (it clears the override)
    """The folder that uploads go to."""
    app.dependency_overrides[get_storage] = lambda: FolderStorage(tmp_path)
    return tmp_path


async def staff(session: AsyncSession) -> dict[str, str]:
    return bearer(await make_user(session, role=Role.ADMIN, email="boss@example.com"))


def files_of(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


async def jobs(session: AsyncSession) -> list[tuple[Any, ...]]:
    sql = "SELECT id, queue_name, args FROM procrastinate_jobs WHERE task_name = 'imports.run'"
    return [tuple(row) for row in await session.execute(text(sql))]


@pytest.mark.parametrize("as_form", [True, False])
async def test_an_upload_is_kept_and_queued(
    client: AsyncClient, db_session: AsyncSession, media: Path, *, as_form: bool
) -> None:
    headers = await staff(db_session)
    content = onix_file(20)
    body: dict[str, Any] = {"content": content}
    if as_form:
        body = {"files": {"file": ("feed.xml", content)}}
    answer = await client.post(URL, headers=headers, params={"default_stock": 2}, **body)
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["Location"] == f"{URL}/{told['id']}"
    assert (told["kind"], told["status"], told["requested_by"]) == (
        "onix", "waiting", "boss@example.com"
    )  # fmt: skip
    assert told["file_name"] == ("feed.xml" if as_form else "")
    assert (told["bytes_total"], told["records"]) == (len(content), 0)
    assert [path.read_bytes() for path in files_of(media)] == [content]
    found = (await db_session.scalars(select(Import))).one()
    assert found.options == {"default_stock": 2, "mapping": []}
    assert await jobs(db_session) == [(found.job_id, "imports", {"import_id": found.id})]
    assert (await client.get(answer.headers["Location"], headers=headers)).json() == told
    listed = (await client.get(URL, headers=headers)).json()
    assert listed == {
        "items": [told],
        "total": 1,
        "page": 1,
        "size": 20,
        "next_cursor": None,
        "previous_cursor": None,
    }


async def test_what_is_said_goes_before_what_is_found(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    params = {
        "kind": "csv", "file_name": "Liste.csv", "default_price": "4.50",
        "mapping": ["Titel=title", "a=b=price"],
    }  # fmt: skip
    headers = await staff(db_session)
    answer = await client.post(URL, headers=headers, params=params, content=b"<x/>")
    assert (answer.json()["kind"], answer.json()["file_name"]) == ("csv", "Liste.csv")
    found = (await db_session.scalars(select(Import))).one()
    assert found.options == {
        "default_price": "4.50", "default_stock": 0, "mapping": ["Titel=title", "a=b=price"],
    }  # fmt: skip
    assert len(files_of(media)) == 1


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b""}, 422, "IMPORT_FILE_INVALID"),
        ({"content": CSV, "params": {"kind": "pdf"}}, 422, "VALIDATION_ERROR"),
        ({"content": CSV, "params": {"default_price": "-1"}}, 422, "VALIDATION_ERROR"),
        ({"content": CSV, "params": {"mapping": "Titel"}}, 422, "VALIDATION_ERROR"),
        ({"content": CSV, "params": {"mapping": "=title"}}, 422, "VALIDATION_ERROR"),
        ({"content": CSV, "params": {"colour": "red"}}, 422, "VALIDATION_ERROR"),
        ({"files": {"other": CSV}}, 422, "VALIDATION_ERROR"),
        ({"files": [("file", CSV), ("file", CSV)]}, 422, "VALIDATION_ERROR"),
        ({"content": b"--b", "headers": BOUNDED}, 422, "VALIDATION_ERROR"),
    ],
)
async def test_a_refused_upload_leaves_nothing(
    client: AsyncClient,
    db_session: AsyncSession,
    media: Path,
    request_: dict[str, Any],
    status: int,
    code: str,
) -> None:
    headers = await staff(db_session) | request_.pop("headers", {})
    answer = await client.post(URL, **request_, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert files_of(media) == []
    assert (await db_session.scalars(select(Import))).all() == []
    assert await jobs(db_session) == []


async def test_too_much_is_refused_while_it_comes(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    limit = get_settings().max_import_bytes
    headers = await staff(db_session)
    declared = headers | {"Content-Length": str(limit + 1)}
    answer = await client.post(URL, headers=declared, content=_pieces())
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert files_of(media) == []


async def _pieces() -> AsyncIterator[bytes]:
    yield CSV


async def test_others_are_shut_out(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    found = await client.post(URL, headers=await staff(db_session), content=CSV)
    reader = bearer(await make_user(db_session))
    for method, path in (
        ("POST", ""), ("GET", ""), ("GET", "/1"), ("GET", "/1/events"), ("GET", "/1/report"),
        ("GET", "/1/report.csv"), ("POST", "/1/cancel"),
    ):  # fmt: skip
        url = f"{URL}{path.replace('1', str(found.json()['id']))}"
        for headers, status in (({}, 401), (reader, 403)):
            answer = await client.request(method, url, headers=headers)
            assert answer.status_code == status, url
    assert len(files_of(media)) == 1
    assert [row.status for row in await db_session.scalars(select(Import))] == ["waiting"]


async def test_what_is_not_there(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = await staff(db_session)
    for method, path in (
        ("GET", ""), ("GET", "/events"), ("GET", "/report"), ("GET", "/report.csv"),
        ("POST", "/cancel"),
    ):  # fmt: skip
        answer = await client.request(method, f"{URL}/999999{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "IMPORT_NOT_FOUND")


async def test_a_report_is_read_in_parts(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    headers = await staff(db_session)
    told = (await client.post(URL, headers=headers, content=CSV)).json()
    assert len(files_of(media)) == 1
    runner = uuid4()
    await service.take_up(db_session, import_id=told["id"], runner=runner, now=utc_now())
    await db_session.commit()
    entries = [
        Entry(2, "a", "taken"),
        Entry(3, "b", "taken", "Not on sale: the record has no price."),
        Entry(4, "=c", "refused", "The price is missing."),
        Entry(5, "d", "unchanged"),
    ]
    await service.write_batch(
        db_session, import_id=told["id"], runner=runner, entries=entries, bytes_read=9,
        now=utc_now(),
    )  # fmt: skip
    await db_session.commit()
    url = f"{URL}/{told['id']}"

    async def records(**params: Any) -> list[int]:
        page = (await client.get(f"{url}/report", headers=headers, params=params)).json()
        assert page["total"] >= len(page["items"])
        return [item["record"] for item in page["items"]]

    assert await records() == [1, 2, 3, 4]
    assert await records(page=2, size=3) == [4]
    assert await records(outcome="taken") == [1, 2]
    assert await records(with_reason=True) == [2, 3]
    assert await records(with_reason=True, outcome="refused") == [3]
    refused = await client.get(f"{url}/report", headers=headers, params={"outcome": "lost"})
    assert refused.status_code == 422
    page = (await client.get(f"{url}/report", headers=headers, params={"size": 1})).json()
    assert page["items"] == [
        {"record": 1, "line": 2, "reference": "a", "outcome": "taken", "reason": None}
    ]
    state = (await client.get(url, headers=headers)).json()
    assert (state["status"], state["taken"], state["unchanged"], state["refused"]) == (
        "running", 2, 1, 1
    )  # fmt: skip
    assert (state["noted"], state["bytes_read"], state["left_out"]) == (1, 9, 0)
    cancelled = (await client.post(f"{url}/cancel", headers=headers)).json()
    assert (cancelled["status"], cancelled["is_cancelling"]) == ("running", True)


async def test_an_import_is_cancelled_once(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    del media
    headers = await staff(db_session)
    url = (await client.post(URL, headers=headers, content=CSV)).headers["Location"]
    assert (await client.post(f"{url}/cancel", headers=headers)).json()["status"] == "cancelled"
    again = await client.post(f"{url}/cancel", headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "IMPORT_OVER")
