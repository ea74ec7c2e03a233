"""`bookstore import` goes on where it was killed; `bookstore imports` tells of it."""

import asyncio
import csv
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import NullPool, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from typer.testing import CliRunner, Result

from app.books.importers.load import BATCH_ROWS
from app.books.imports.errors import ImportNotFoundError, ImportOverError
from app.books.models import Import, ImportKind, ImportStatus
from app.commands.imports import app
from app.core.clock import utc_now
from app.db.session import AsyncSessionLocal, session_scope
from tests.books.imports.files import csv_file
from tests.live import plain_url
from tests.servers import PROJECT, run_command

ROWS = 3 * BATCH_ROWS
REFUSED = 2 * ROWS // 50 - 1
TAKEN = ROWS - REFUSED
SECONDS = 60


async def kill_in_the_middle(connection: asyncpg.Connection, url: str, *arguments: str) -> int:
    """Start a command, kill it when something has landed, and return how many records have."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments),
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(SECONDS):
        while not await connection.fetchval("SELECT sum(records) FROM imports"):  # noqa: ASYNC110 (a database tells nobody)
            await asyncio.sleep(0.01)
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    return int(await connection.fetchval("SELECT records FROM imports"))


async def test_an_import_that_was_killed_goes_on_when_it_is_started_again(
    live_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "books.csv"
    file.write_bytes(csv_file(ROWS))
    arguments = ("import", "csv", str(file))
    connection = await asyncpg.connect(plain_url(live_database))
    try:
        landed = await kill_in_the_middle(connection, live_database, *arguments)
        assert 0 < landed < ROWS
        assert landed % BATCH_ROWS == 0
        report = tmp_path / "refused.csv"
        printed = await run_command(*arguments, "--report", str(report), database_url=live_database)
        assert f"it resumes after record {landed:,} (import 1)" in printed
        assert re.search(rf"rows\s+{ROWS:,}\b", printed)
        assert re.search(rf"taken\s+{TAKEN:,}\b", printed)
        assert re.search(rf"refused\s+{REFUSED}\b", printed)
        assert len(report.read_text(encoding="utf-8-sig").splitlines()) == 1 + REFUSED
        assert await connection.fetchval("SELECT count(*) FROM books") == TAKEN
        assert await connection.fetchval("SELECT count(*) FROM import_entries") == ROWS

        shown = await run_command("imports", "show", "1", database_url=live_database)
        assert re.search(r"status\s+finished\b", shown)
        assert re.search(rf"taken\s+{TAKEN:,}\b", shown)
        assert re.search(r"asked for by\s+the command line", shown)
        listed = await run_command("imports", "list", database_url=live_database)
        assert re.search(rf"1\b.*finished\b.*{ROWS:,}\b.*{REFUSED}\b", listed)
        told = await run_command("imports", "report", "1", database_url=live_database)
        assert len(list(csv.DictReader(io.StringIO(told)))) == ROWS
        output = ("imports", "report", "1", "--output", str(report))
        assert "The report is in" in await run_command(*output, database_url=live_database)
        rows = list(csv.DictReader(io.StringIO(report.read_text(encoding="utf-8-sig"))))
        assert rows[1] == {
            "record": "2", "line": "3", "reference": "Volume 1", "outcome": "refused",
            "reason": rows[1]["reason"],
        }  # fmt: skip
        assert rows[1]["reason"].startswith("The price is missing.")
    finally:
        await connection.close()


@pytest.fixture
def invoke(
    test_engine: AsyncEngine,
    committed: AsyncSession,  # noqa: ARG001 (empties the tables)
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Result]]:
    """Runs `bookstore imports` in this process, on the tests' database."""
    url = test_engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    before = AsyncSessionLocal.kw["bind"]
    AsyncSessionLocal.configure(bind=create_async_engine(url, poolclass=NullPool))
    yield lambda *arguments: CliRunner().invoke(app, arguments)
    AsyncSessionLocal.configure(bind=before)


def test_imports_are_shown_and_cancelled(invoke: Callable[..., Result]) -> None:
    assert invoke("list").output == "Nothing has been imported yet.\n"
    asyncio.run(fill())
    waiting, running, failed = (str(number) for number in asyncio.run(ids()))
    assert invoke("cancel", waiting).output == f"Import {waiting} is cancelled.\n"
    assert "stops after the batch in hand" in invoke("cancel", running).output
    assert isinstance(invoke("cancel", failed).exception, ImportOverError)
    assert isinstance(invoke("report", "999999").exception, ImportNotFoundError)
    shown = invoke("show", running).output
    assert re.search(r"status\s+stopping", shown)
    assert re.search(r"read\s+50 of 200 bytes \(25%\)", shown)
    assert re.search(r"records a second\s+10\.0", shown)
    assert re.search(r"seconds left\s+30", shown)
    shown = invoke("show", failed).output
    assert re.search(r"reason\s+The file is empty\.", shown)
    assert re.search(r"read\s+7 bytes", shown)
    assert re.search(r"Several genres\s+3", shown)
    assert re.search(r"columns that were not used\s+Shelf, Row", shown)
    assert re.search(r"records left out of the report\s+5", shown)


async def fill() -> None:
    now = utc_now()
    common = {"kind": ImportKind.CSV, "file_name": "b.csv", "requested_by": "boss@example.com"}
    rows = [
        Import(**common),
        Import(
            **common, status=ImportStatus.RUNNING, started_at=now, resumed_at=now,
            updated_at=now + timedelta(seconds=10), records=100, taken=100, bytes_read=50,
            bytes_total=200,
        ),
        Import(
            **common, status=ImportStatus.FAILED, reason="The file is empty.", finished_at=now,
            bytes_read=7, unused_columns=["Shelf", "Row"], records=100_005, taken=100_005,
            repairs=[{"kind": "Several genres", "count": 3, "examples": []}],
        ),
    ]  # fmt: skip
    async with session_scope() as session:
        session.add_all(rows)


async def ids() -> list[int]:
    async with session_scope() as session:
        return list(await session.scalars(select(Import.id).order_by(Import.id)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("is_cancelling = true", "bookstore: The import was cancelled: what has landed stays."),
        ("runner = gen_random_uuid()", "bookstore: The same file is imported elsewhere"),
    ],
)
async def test_an_import_that_was_stopped_says_so(
    live_database: str, tmp_path: Path, change: str, words: str
) -> None:
    file = tmp_path / "books.csv"
    file.write_bytes(csv_file(ROWS))
    connection = await asyncpg.connect(plain_url(live_database))
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "import", "csv", str(file)),
            cwd=PROJECT,
            env=os.environ | {"DATABASE_URL": live_database},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        changed = f"UPDATE imports SET {change} WHERE records > 0 RETURNING id"  # noqa: S608
        async with asyncio.timeout(SECONDS):
            while not await connection.fetchval(changed):  # noqa: ASYNC110 (a database tells nobody)
                await asyncio.sleep(0.01)
            output, _ = await process.communicate()
        assert (process.returncode, words in output.decode()) == (1, True)
        books = await connection.fetchval("SELECT count(*) FROM books")
        assert books == await connection.fetchval("SELECT taken FROM imports") > 0
    finally:
        await connection.close()
