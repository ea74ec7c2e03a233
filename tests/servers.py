"""Where the tests' PostgreSQL is: one that answers, else one that this run starts and stops."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import URL, make_url

from app.db.embedded import EmbeddedPostgres

DEFAULT_URL = "postgresql+asyncpg://postgres:postgres@localhost:5433/bookstore_test"
PROJECT = Path(__file__).parents[1]

UNSAFE_AND_QUICK = ("fsync", "synchronous_commit", "full_page_writes")
"""What saves data from a power cut. The tests' are worth nothing: ``make clean`` makes do."""

HANGS_SECONDS = 120
"""No command of the tests takes nearly so long."""


def configured_url() -> URL:
    """Return the URL from ``TEST_DATABASE_URL``, else the one that the compose file serves.

    Raises:
        pytest.UsageError: its name does not say that it is for tests, which drop all tables.
    """
    url = make_url(os.environ.get("TEST_DATABASE_URL", DEFAULT_URL))
    if "test" not in (url.database or ""):
        raise pytest.UsageError(
            f"TEST_DATABASE_URL names the database {url.database!r}. The tests drop every table in "
            'theirs, so they take only one with "test" in its name.'
        )
    return url


async def answers(url: URL) -> bool:
    """Tell whether the server that the URL names is there and lets us in."""
    try:
        async with _maintenance(url):
            return True
    except (OSError, asyncpg.PostgresError):
        return False


def start_if_nothing_answers() -> EmbeddedPostgres | None:
    """Start the embedded server for this run, unless a server was named or already answers.

    The chosen URL is put into the environment, for the processes that run tests in parallel.
    """
    url = configured_url()
    if "TEST_DATABASE_URL" in os.environ or asyncio.run(answers(url)):
        return None
    server = EmbeddedPostgres(
        PROJECT / "var" / "test-postgres", preferred_port=5433, password="postgres"
    )
    server.up()
    os.environ["TEST_DATABASE_URL"] = server.url("bookstore_test")
    asyncio.run(_do_without(UNSAFE_AND_QUICK))
    return server


async def _do_without(settings: tuple[str, ...]) -> None:
    """Switch settings off on the tests' server, for as long as its data are kept."""
    async with _maintenance(configured_url()) as connection:
        for name in settings:
            await connection.execute(f"ALTER SYSTEM SET {name} = off")
        await connection.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def _maintenance(url: URL) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=url.host,
        port=url.port,
        user=url.username,
        password=url.password,
        database="postgres",
    )
    try:
        yield connection
    finally:
        await connection.close()


async def make_database(suffix: str = "", *, template: str = "template1") -> str:
    """Make sure of a database for this test process and return its URL.

    Without suffix and parallel runs it is the configured one, as it is. Processes that run in
    parallel (pytest-xdist) and tests that need another database get one of their own, made anew.
    """
    url = configured_url()
    own = [part for part in (os.environ.get("PYTEST_XDIST_WORKER"), suffix) if part]
    url = url.set(database="_".join([url.database or "bookstore_test", *own]))
    async with _maintenance(url) as connection:
        if own:
            await connection.execute(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')
        if not await connection.fetchval(
            "SELECT true FROM pg_database WHERE datname = $1", url.database
        ):
            await connection.execute(f'CREATE DATABASE "{url.database}" TEMPLATE "{template}"')
    return url.render_as_string(hide_password=False)


async def drop_database(database_url: str) -> None:
    """Drop a database that ``make_database`` made, whoever is still connected."""
    url = make_url(database_url)
    async with _maintenance(url) as connection:
        await connection.execute(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')


async def run_command(
    *arguments: str, database_url: str, stdin: bytes = b"", status: int = 0
) -> str:
    """Run the shop's command line on a database; return what it printed. It must end as said."""
    return await run_module(
        "app.cli", *arguments, database_url=database_url, stdin=stdin, status=status
    )


async def run_alembic(*arguments: str, database_url: str) -> str:
    """Run Alembic on a database and return what it printed; it must succeed."""
    return await run_module("alembic", *arguments, database_url=database_url)


async def run_module(
    module: str, *arguments: str, database_url: str, stdin: bytes = b"", status: int = 0
) -> str:
    """Run a program on a database; return what it printed. It must end as said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": database_url, "PYTHONFAULTHANDLER": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    # One that hangs fails by what it was doing, instead of holding up all tests after it.
    watch = asyncio.get_running_loop().call_later(
        HANGS_SECONDS, process.send_signal, signal.SIGABRT
    )
    output, _ = await process.communicate(stdin)
    watch.cancel()
    assert process.returncode == status, output.decode()
    return output.decode()
