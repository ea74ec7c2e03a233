"""A shop whose processes die as in a power cut: server, worker, PostgreSQL, or all at once.

Everything is the test's own: PostgreSQL keeps its data in the test's directory and waits for the
disk at each commit, as it does where data are worth something.
"""

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

import asyncpg

from app.db.embedded import EmbeddedPostgres
from tests.live import LiveShop, free_port, plain_url
from tests.servers import run_alembic

DATABASE = "bookstore_test_killed"


class Victim(StrEnum):
    """What is killed."""

    SERVER = "server"
    WORKER = "worker"
    POSTGRES = "PostgreSQL"
    ALL = "all"


class MortalShop:
    """A server of several processes, one worker and a PostgreSQL, which can be killed apart."""

    def __init__(
        self, postgres: EmbeddedPostgres, directory: Path, *, settings: Mapping[str, str]
    ) -> None:
        self.postgres = postgres
        self.database_url = postgres.url(DATABASE)
        self.shop = LiveShop(self.database_url, directory, workers=2, settings=settings)
        self.worker = self.shop.start_worker()

    def kill(self, victim: Victim) -> None:
        """End a victim at once, with all of its processes, and start it again.

        Only PostgreSQL is waited for, until it has recovered.
        """
        if victim in {Victim.SERVER, Victim.ALL}:
            self.shop.server.kill()
        if victim in {Victim.WORKER, Victim.ALL}:
            self.worker.kill()
        if victim in {Victim.POSTGRES, Victim.ALL}:
            kill_postgres(self.postgres)
            self.postgres.up()
        if victim in {Victim.SERVER, Victim.ALL}:
            self.shop.restart()
        if victim in {Victim.WORKER, Victim.ALL}:
            self.worker = self.shop.start_worker()

    def stop(self) -> None:
        """Ask server and worker to end; both must do so cleanly."""
        codes = self.worker.stop(), self.shop.stop()
        assert codes == (0, 0), self.worker.output() + self.shop.server.output()


@asynccontextmanager
async def mortal_shop(directory: Path, *, settings: Mapping[str, str]) -> AsyncIterator[MortalShop]:
    """Have such a shop, with an empty database, for the time of the block."""
    postgres = EmbeddedPostgres(directory / "postgres", preferred_port=free_port())
    postgres.up()
    try:
        postgres.ensure_database(DATABASE)
        await run_alembic("upgrade", "head", database_url=postgres.url(DATABASE))
        await _prove_that_commits_reach_the_disk(postgres)
        mortal = MortalShop(postgres, directory, settings=settings)
        try:
            yield mortal
        finally:
            mortal.stop()
    finally:
        postgres.reset()


def kill_postgres(postgres: EmbeddedPostgres) -> None:
    """Kill a server's first process and all that it has started, before any can tell another."""
    first = postgres.status().pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # it starts no more
    for process in [*_children(first), first]:
        os.kill(process, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    """Return the processes that a process has started, as Linux knows them."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


async def _prove_that_commits_reach_the_disk(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(plain_url(postgres.url(DATABASE)))
    try:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"SHOW {name}") == "on"
    finally:
        await connection.close()
