"""A file on its way through a real server and real workers, some of which are killed.

``IMPORT_KILLS`` says how many workers die over each import; `make soak` kills more.
"""

import asyncio
import csv
import io
import json
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.core.security import Role
from app.db.session import session_scope
from app.users.models import User
from tests.books.imports.files import OUTCOMES, csv_file, onix_file
from tests.books.onix.messages import DATA, FILES
from tests.jobs.processes import Sessions
from tests.live import SECRET, LiveShop, live_shop, plain_url
from tests.servers import PROJECT

KILLS = int(os.environ.get("IMPORT_KILLS", "1"))
URL = "/api/v1/admin/imports"
SECONDS = 60
RECORDS = 1000
WATCHERS = 50


class Process:
    """A worker process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    async def end(self, number: signal.Signals) -> int:
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), SECONDS)

    def memory(self) -> int:
        """Return how many bytes it has had at the most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


async def start_worker(shop: LiveShop, number: int) -> Process:
    log = shop.directory / f"worker{number}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.books.imports.quick_worker"),
            cwd=PROJECT,
            env=os.environ
            | shop.settings
            | {"DATABASE_URL": shop.database_url, "SECRET_KEY": SECRET, "ENV": "test"},
            stdout=output,
            stderr=output,
        )
    return Process(process, log)


@asynccontextmanager
async def staff_client(shop: LiveShop) -> AsyncIterator[httpx.AsyncClient]:
    async with session_scope() as session:
        user = User(email="boss@example.com", role=Role.ADMIN, is_active=True)
        session.add(user)
        await session.flush()
    headers = {"Authorization": f"Bearer {shop.access_token(user.id, Role.ADMIN)}"}
    async with httpx.AsyncClient(
        base_url=shop.base_url, headers=headers, timeout=SECONDS
    ) as client:
        yield client


async def events(
    client: httpx.AsyncClient, url: str, **headers: str
) -> AsyncGenerator[tuple[str, str, dict[str, Any]], None]:
    """Yield what a stream tells: the event's name, its id and its data."""
    async with client.stream("GET", f"{url}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] in {"no-cache", "no-store"}
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield fields["event"], fields["id"], json.loads(fields["data"])
                fields = {}


async def follow(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """Follow an import to its end, and return every state that was told."""
    states: list[dict[str, Any]] = []
    async with asyncio.timeout(SECONDS), aclosing(events(client, url)) as stream:
        async for name, number, state in stream:
            assert number == str(state["version"])
            states.append(state)
            assert (name == "end") == (state["finished_at"] is not None)
    return states


async def import_whole(client: httpx.AsyncClient, content: bytes) -> dict[str, Any]:
    answer = await client.post(URL, content=content)
    assert answer.status_code == 202, answer.text
    return (await follow(client, answer.headers["Location"]))[-1]


@pytest.mark.skipif(not FILES, reason="the shared samples are not here")
async def test_files_are_uploaded_followed_and_reported(
    live_database: str, live_sessions: Sessions, tmp_path: Path
) -> None:
    del live_sessions
    settings = {"MEDIA_DIRECTORY": str(tmp_path / "media"), "DATABASE_POOL_SIZE": "1"}
    with live_shop(live_database, tmp_path, workers=1, settings=settings) as shop:
        worker = await start_worker(shop, 1)
        try:
            async with staff_client(shop) as client:
                await journey(client)
                assert worker.memory() < 300 * 1024 * 1024
                await break_off(client, tmp_path / "media" / "imports")
        finally:
            assert await worker.end(signal.SIGTERM) == 0, worker.log.read_text()
        await watch_until_the_server_stops(shop, client.headers)


async def break_off(client: httpx.AsyncClient, folder: Path) -> None:
    """Cut the connection in the middle of an upload, of which nothing stays."""
    before = {path.name for path in folder.iterdir()}
    seen: set[str] = set()

    async def half() -> AsyncIterator[bytes]:
        while not seen:
            yield b"x" * 1_000_000
            seen.update(path.name for path in folder.iterdir() if path.name not in before)
        raise ConnectionResetError

    async with asyncio.timeout(SECONDS):
        with pytest.raises(ConnectionResetError):
            await client.post(URL, content=half())
        while {path.name for path in folder.iterdir()} != before:  # noqa: ASYNC110 (a folder tells nobody)
            await asyncio.sleep(0.05)
    assert all(name.endswith(".part") for name in seen)


async def watch_until_the_server_stops(shop: LiveShop, headers: httpx.Headers) -> None:
    """Have many watchers, for whom no connection is held, and who do not hold up the end."""
    begun = [asyncio.Event() for _ in range(WATCHERS)]
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=shop.base_url, headers=headers, limits=limits, timeout=SECONDS
    ) as client:
        url = (await client.post(URL, content=csv_file(10))).headers["Location"]

        async def watch(started: asyncio.Event) -> str:
            name = ""
            async for name, _, _ in events(client, url):  # noqa: B007 (the last one)
                started.set()
            return name

        watching = [asyncio.create_task(watch(started)) for started in begun]
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(started.wait() for started in begun))
        # The server has one connection to the database, which is free.
        assert (await client.get(url)).json()["status"] == "waiting"
        assert await asyncio.to_thread(shop.server.stop) == 0
        async with asyncio.timeout(SECONDS):
            assert set(await asyncio.gather(*watching)) == {"progress"}


async def journey(client: httpx.AsyncClient) -> None:
    feeds = [path.read_bytes() for path in FILES]
    ends = await asyncio.gather(*(import_whole(client, feed) for feed in feeds))
    assert {end["status"] for end in ends} == {"finished"}
    assert {end["kind"] for end in ends} == {"onix"}
    assert sum(end["taken"] for end in ends) > 50
    assert all(end["bytes_read"] == end["bytes_total"] for end in ends)

    goodbooks = (DATA / "books" / "goodbooks10k_clean.csv.gz").read_bytes()
    files = {"file": ("goodbooks.csv.gz", goodbooks)}
    params = {"default_price": "9.99"}
    answer = await client.post(URL, params=params, files=files)
    url = answer.headers["Location"]
    async with asyncio.timeout(SECONDS), aclosing(events(client, url)) as stream:
        async for name, _, state in stream:
            if name == "progress" and state["records"]:
                break
        else:
            raise AssertionError("no progress was told")
    assert (await client.post(f"{url}/cancel")).json()["is_cancelling"]
    end = (await follow(client, url))[-1]
    assert (end["status"], end["kind"]) == ("cancelled", "csv")
    assert 0 < state["records"] <= end["records"] < 10_000
    assert end["records"] % 500 == 0
    async with aclosing(events(client, url, **{"Last-Event-ID": str(end["version"])})) as stream:
        assert [name async for name, _, _ in stream] == ["end"]

    report = await client.get(f"{url}/report.csv")
    assert report.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in report.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(report.text.removeprefix("\ufeff"))))
    assert [int(row["record"]) for row in rows] == list(range(1, end["records"] + 1))
    assert sum(row["outcome"] == "refused" for row in rows) == end["refused"]
    assert all(row["reason"] for row in rows if row["outcome"] == "refused")
    page = (await client.get(f"{url}/report", params={"size": 1})).json()
    assert page["total"] == end["records"]


async def test_workers_are_killed_and_nothing_is_lost_or_doubled(
    live_database: str, live_sessions: Sessions, tmp_path: Path
) -> None:
    del live_sessions
    settings = {"MEDIA_DIRECTORY": str(tmp_path / "media")}
    connection = await asyncpg.connect(plain_url(live_database))
    try:
        with live_shop(live_database, tmp_path, workers=1, settings=settings) as shop:
            async with staff_client(shop) as client:
                rows, products = await import_over_dead_workers(client, shop, connection)
        assert counts(rows) == {"taken": 1921, "refused": 79}
        assert counts(products) == {"taken": 801, "updated": 99, "refused": 100}
        assert await connection.fetchval("SELECT count(*) FROM books") == 1921 + 801
        assert await connection.fetchval("SELECT count(*) FROM works") == 1921 + 801
        for end in (rows, products):
            entries = await connection.fetch(
                "SELECT record, outcome FROM import_entries WHERE import_id = $1 ORDER BY 1",
                end["id"],
            )
            assert [entry["record"] for entry in entries] == list(range(1, end["records"] + 1))
            assert Counter(entry["outcome"] for entry in entries) == counts(end)
    finally:
        await connection.close()


def counts(end: dict[str, Any]) -> dict[str, int]:
    """Return how an import ended that has finished."""
    assert end["status"] == "finished"
    return {outcome: end[outcome] for outcome in OUTCOMES if end[outcome]}


async def import_over_dead_workers(
    client: httpx.AsyncClient, shop: LiveShop, connection: asyncpg.Connection
) -> list[dict[str, Any]]:
    chance = random.Random()  # noqa: S311 (when somebody dies is no secret)
    landed = "SELECT sum(records) FROM imports"
    waiting = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'imports.run'"
    urls = [
        (await client.post(URL, content=content)).headers["Location"]
        for content in (csv_file(2 * RECORDS), onix_file(RECORDS, first=1_000_000))
    ]
    for number in range(KILLS):
        before = await connection.fetchval(landed)
        worker = await start_worker(shop, number)
        async with asyncio.timeout(SECONDS):
            while (  # noqa: ASYNC110 (a database tells nobody)
                await connection.fetchval(landed) == before and await connection.fetchval(waiting)
            ):
                await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
    worker = await start_worker(shop, KILLS)
    try:
        return [(await follow(client, url))[-1] for url in urls]
    finally:
        assert await worker.end(signal.SIGTERM) == 0, worker.log.read_text()
