"""``python -m bench import``: how quickly books come in, and in how much memory."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

from app.books.importers.run import import_csv
from app.books.importers.sorting import ImportOptions
from app.db.embedded import EmbeddedPostgres
from app.db.session import AsyncSessionLocal, dispose_engine, use_database
from app.registry import Base
from bench.data import connect
from bench.feeds import REAL_RECORDS, real_messages, write_csv, write_onix
from bench.processes import cpu_seconds
from bench.reading import Reading, peak_mib

DATABASE, COPIED = "bench_import", "bench_import_copy"
CURRENCY = "USD"
COUNTRY = "US"
STEP = 100_000
PAUSE_SECONDS = 0.25
MIB = 1024 * 1024
SAMPLE_BYTES = 8 * MIB

COPIED_TABLES = (
    "genres publishers contributors series works contributions series_memberships books stock"
)
COLUMNS = """
    SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


@dataclass(frozen=True)
class Effort:
    """How long something took, and the processor time of this process and of the database's."""

    seconds: float
    python: float
    database: float


@dataclass
class Watched:
    """A command that was run: ``reached`` is after how many seconds how many books were there."""

    seconds: float = 0.0
    peak_mib: int = 0
    was_killed: bool = False
    reached: list[tuple[float, int]] = field(default_factory=list)


def measure_csv(server: EmbeddedPostgres, console: Console, *, rows: int) -> None:
    """Land a list in an empty shop, land it again, and COPY the same rows into empty tables."""
    with TemporaryDirectory() as folder, _database(server, DATABASE), _database(server, COPIED):
        path = Path(folder, "books.csv")
        write_csv(path, rows=rows)
        use_database(server.url(DATABASE))
        landed = _timed(server, _import(path))
        again = _timed(server, _import(path))
        asyncio.run(_copy_out(server, Path(folder)))
        use_database(server.url(COPIED))
        copied = _timed(server, _copy_in(Path(folder)))
    table = _table("CSV", "seconds", "rows/s", "to COPY", "Python CPU s", "PostgreSQL CPU s")
    for what, effort in (
        ("landed, all of them new books", landed),
        ("the same file again: nothing is written", again),
        ("COPY of the rows that it made, into the same tables", copied),
    ):
        table.add_row(
            what,
            f"{effort.seconds:.1f}",
            f"{rows / effort.seconds:,.0f}",
            f"{copied.seconds / effort.seconds:.2f}",
            f"{effort.python:.1f}",
            f"{effort.database:.1f}",
        )
    console.print(table)


def measure_editions(server: EmbeddedPostgres, console: Console, *, editions: int) -> None:
    """Let the command import a list, kill it at a random moment, and let it run again."""
    with TemporaryDirectory() as folder, _database(server, DATABASE):
        path = Path(folder, "books.csv")
        with console.status("Writing the list ..."):
            write_csv(path, rows=editions)
        kill_at = random.randint(editions // 5, editions * 4 // 5)
        command = ["csv", str(path)]
        first = watch(server, command, kill_at=kill_at)
        last = watch(server, command)
        found, distinct = asyncio.run(_counts(server))
    rows = _rates([*first.reached, *((first.seconds + at, n) for at, n in last.reached)], editions)
    table = _table("Editions", "minutes", "books/s")
    for count, at, rate in rows:
        table.add_row(f"{count:,}", f"{at / 60:.1f}", f"{rate:,.0f}")
    console.print(table)
    console.print(
        f"Killed at {first.reached[-1][1]:,}, started again; {found:,} books with {distinct:,}"
        f" ISBNs; {first.seconds + last.seconds:,.0f} s in all, at most"
        f" {max(first.peak_mib, last.peak_mib)} MiB of memory."
    )
    if (found, distinct) != (editions, editions):
        raise RuntimeError(f"the list has {editions:,} books")


def measure_reading(console: Console, *, megabytes: int) -> None:
    """Read messages made of each real one, then a large one of all, in processes of their own."""
    messages = real_messages()
    if not messages:
        console.print(f"No ONIX is measured: there are no messages in {REAL_RECORDS}.")
        return
    table = _table("ONIX read", "KB a record", "records/s", "of two processes", "CPU s", "peak MiB")
    with TemporaryDirectory() as folder, console.status("Reading ONIX ..."):
        path = Path(folder, "message.xml")
        for message in messages:
            records = write_onix(path, like=[message], size=SAMPLE_BYTES)
            (alone,) = _read([path])
            both = _read([path, path])
            _add_reading(table, message.name, path, records, alone, both)
        records = write_onix(path, like=_reference_tags(messages), size=megabytes * MIB)
        (alone,) = _read([path])
        _add_reading(table, f"all, {megabytes:,} MB", path, records, alone, [])
    console.print(table)


def _reference_tags(messages: Sequence[Path]) -> list[Path]:
    """Return the messages whose records can stand in one file: ASCII's, with whole names."""
    return [path for path in messages if not {"short", "utf16"} & set(path.stem.split("_"))]


def _add_reading(
    table: Table,
    what: str,
    path: Path,
    records: int,
    alone: Reading,
    both: Sequence[Reading],
) -> None:
    rates = [records / reading.seconds for reading in both]
    table.add_row(
        what,
        f"{path.stat().st_size / records / 1000:.1f}",
        f"{records / alone.seconds:,.0f}",
        f"{sum(rates):,.0f}" if rates else "",
        f"{alone.cpu:.1f}",
        str(alone.peak_mib),
    )


def _read(paths: Sequence[Path]) -> list[Reading]:
    """Let a process of its own read each file, all at once."""
    command = [sys.executable, "-m", "bench.reading"]
    processes = [
        subprocess.Popen([*command, str(path)], stdout=subprocess.PIPE, text=True) for path in paths
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("a message was not read")
    return [Reading(**json.loads(output)) for output in outputs]


def measure_onix(server: EmbeddedPostgres, console: Console, *, megabytes: int) -> None:
    """Land a message in an empty shop, and again; say how much memory the command took."""
    messages = real_messages()
    if not messages:
        return
    with TemporaryDirectory() as folder, _database(server, DATABASE):
        path = Path(folder, "message.xml")
        records = write_onix(path, like=_reference_tags(messages), size=megabytes * MIB)
        landed = watch(server, ["onix", str(path)])
        again = watch(server, ["onix", str(path)])
    table = _table("ONIX landed", "records", "seconds", "records/s", "peak MiB")
    for what, watched in (("all of them new", landed), ("the same message again", again)):
        table.add_row(
            what,
            f"{records:,}",
            f"{watched.seconds:,.0f}",
            f"{records / watched.seconds:,.0f}",
            str(watched.peak_mib),
        )
    console.print(table)


def watch(
    server: EmbeddedPostgres,
    words: Sequence[str],
    *,
    kill_at: int | None = None,
) -> Watched:
    """Run ``bookstore import`` with nobody watching; kill it when so many books are there."""
    watched = Watched()
    environment = {**os.environ, "DATABASE_URL": server.url(DATABASE), "CURRENCY": CURRENCY}
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("bookstore")), "import", *words]
    with subprocess.Popen(command, env={**environment, "COUNTRY": COUNTRY}) as process:
        while process.poll() is None:
            time.sleep(PAUSE_SECONDS)
            watched.peak_mib = max(watched.peak_mib, peak_mib(process.pid))
            watched.reached.append((time.monotonic() - began, asyncio.run(_last_id(server))))
            if kill_at is not None and watched.reached[-1][1] >= kill_at:
                process.send_signal(signal.SIGKILL)
                kill_at, watched.was_killed = None, True
    watched.seconds = time.monotonic() - began
    if not watched.was_killed and process.returncode:
        raise RuntimeError(f"bookstore import ended with {process.returncode}")
    return watched


def _rates(
    reached: Sequence[tuple[float, int]], editions: int
) -> Iterator[tuple[int, float, float]]:
    """Yield for each step how many books there were, when, and how quickly the last ones came."""
    before, count_before = 0.0, 0
    for goal in [*range(STEP, editions, STEP), editions]:
        at = next((at for at, found in reached if found >= goal), reached[-1][0])
        yield goal, at, (goal - count_before) / (at - before)
        before, count_before = at, goal


@contextmanager
def _database(server: EmbeddedPostgres, name: str) -> Iterator[None]:
    """Have an empty shop, and drop it afterwards."""
    server.ensure_database(name)
    asyncio.run(_make_tables(server, name))
    try:
        yield
    finally:
        asyncio.run(_drop(server, name))


async def _make_tables(server: EmbeddedPostgres, name: str) -> None:
    async with connect(server, name) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(server.url(name))
    async with engine.begin() as schema:
        await schema.run_sync(Base.metadata.create_all)
    await engine.dispose()


async def _drop(server: EmbeddedPostgres, name: str) -> None:
    async with connect(server, "postgres") as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _timed(server: EmbeddedPostgres, step: Coroutine[Any, Any, None]) -> Effort:
    """Run a step that leaves its connection to the database open until the clock has stopped."""
    database = cpu_seconds(server.status().pid) or 0.0
    python, began = time.process_time(), time.monotonic()
    with asyncio.Runner() as runner:
        runner.run(step)
        effort = Effort(
            time.monotonic() - began,
            time.process_time() - python,
            (cpu_seconds(server.status().pid) or 0.0) - database,
        )
        runner.run(dispose_engine())
    return effort


async def _import(path: Path) -> None:
    options = ImportOptions(currency=CURRENCY)
    await import_csv(path, mapping={}, options=options, on_progress=lambda _: None)


async def _copy_out(server: EmbeddedPostgres, folder: Path) -> None:
    """Write what was imported to a file for each table."""
    async with connect(server, DATABASE) as connection:
        for table in COPIED_TABLES.split():
            columns = await connection.fetchval(COLUMNS, table)
            rows = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608
            await connection.copy_from_query(rows, output=folder / table)


async def _copy_in(folder: Path) -> None:
    """COPY the files into tables that are empty and have all their indexes."""
    async with AsyncSessionLocal() as session:
        connection = await (await session.connection()).get_raw_connection()
        driver = connection.driver_connection
        assert driver is not None  # noqa: S101 (it was just opened)
        for table in COPIED_TABLES.split():
            columns = await driver.fetchval(COLUMNS, table)
            await driver.copy_to_table(table, source=folder / table, columns=columns)


async def _last_id(server: EmbeddedPostgres) -> int:
    async with connect(server, DATABASE) as connection:
        return int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM books"))


async def _counts(server: EmbeddedPostgres) -> tuple[int, int]:
    async with connect(server, DATABASE) as connection:
        (row,) = await connection.fetch("SELECT count(*), count(DISTINCT isbn) FROM books")
    return int(row[0]), int(row[1])


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table
