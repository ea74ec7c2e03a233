"""`bookstore import` goes on where it was killed; `bookstore imports` tells of it."""

import asyncio
import csv
import io
import os
import re
import signal
import sys
from pathlib import Path

import asyncpg

from tests.books.imports.files import csv_file
from tests.live import plain_url
from tests.servers import PROJECT, run_command

ROWS = 2000
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
        assert landed % 500 == 0
        report = tmp_path / "refused.csv"
        printed = await run_command(*arguments, "--report", str(report), database_url=live_database)
        assert f"it resumes after record {landed:,} (import 1)" in printed
        assert re.search(r"rows\s+2,000\b", printed)
        assert re.search(r"taken\s+1,921\b", printed)
        assert re.search(r"refused\s+79\b", printed)
        assert len(report.read_text(encoding="utf-8-sig").splitlines()) == 1 + 79
        assert await connection.fetchval("SELECT count(*) FROM books") == 1921
        assert await connection.fetchval("SELECT count(*) FROM import_entries") == ROWS

        shown = await run_command("imports", "show", "1", database_url=live_database)
        assert re.search(r"status\s+finished\b", shown)
        assert re.search(r"taken\s+1,921\b", shown)
        assert re.search(r"asked for by\s+the command line", shown)
        listed = await run_command("imports", "list", database_url=live_database)
        assert re.search(r"1\b.*finished\b.*2,000\b.*79\b", listed)
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
