"""The routes and the command that hand the catalogue out."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from httpx import AsyncClient
from lxml import etree
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.exporters.csv import COLUMNS, csv_parts
from app.books.exporters.run import write_export
from app.core.security import Role
from tests.factories import bearer, make_book, make_user

PATHS = ["/api/v1/admin/exports/books.csv", "/api/v1/admin/exports/books.onix.xml"]


@pytest.mark.parametrize("path", PATHS)
async def test_exports_are_for_staff(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize("path", PATHS)
async def test_readers_are_refused(
    client: AsyncClient, db_session: AsyncSession, path: str
) -> None:
    reader = await make_user(db_session)
    answer = await client.get(path, headers=bearer(reader))
    assert (answer.status_code, answer.json()["code"]) == (403, "AUTH_FORBIDDEN")


async def test_staff_download_the_catalogue(committed: AsyncSession, client: AsyncClient) -> None:
    admin = await make_user(committed, role=Role.ADMIN)
    await make_book(committed, title="=Emma", isbn="9780141439587")
    answer = await client.get(PATHS[0], headers=bearer(admin))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="books.csv"'
    assert answer.headers["cache-control"] == "no-store"
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert header == [field.value for field in COLUMNS]
    assert (row[header.index("isbn")], row[header.index("title")]) == (
        "978-0-14-143958-7",
        "'=Emma",
    )
    answer = await client.get(PATHS[1], headers=bearer(admin))
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["content-disposition"] == 'attachment; filename="books.onix.xml"'
    root = etree.fromstring(answer.content)
    titles = [item.text for item in root.iter("{*}TitleText")]
    assert titles == ["=Emma"]


async def test_files_are_packed_by_their_name_and_complete_or_absent(
    committed: AsyncSession, tmp_path: Path
) -> None:
    await make_book(committed, title="Emma", isbn="9780141439587")
    seen: list[int] = []
    plain, packed, stream = tmp_path / "b.csv", tmp_path / "b.csv.gz", io.BytesIO()
    written = await write_export(csv_parts, plain, on_progress=seen.append)
    assert written == seen[-1] == len(plain.read_bytes())
    await write_export(csv_parts, packed, on_progress=seen.append)
    await write_export(csv_parts, stream, on_progress=seen.append)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes() == stream.getvalue()

    def fail(_: int) -> None:
        raise OSError("the disk is full")

    before = plain.read_bytes()
    with pytest.raises(OSError, match="the disk is full"):
        await write_export(csv_parts, plain, on_progress=fail)
    assert plain.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.csv", "b.csv.gz"]
