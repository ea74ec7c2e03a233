"""Workers of the sample jobs, and waiting for what they do."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import Settings
from app.jobs.queue import Job
from app.jobs.runner import run_worker
from tests.jobs.sample_jobs import HANDLERS, JOBS
from tests.jobs.sample_worker import QUICK

Sessions = async_sessionmaker[AsyncSession]


def run_count(job: str) -> str:
    """Return the query for how often a sample job was run."""
    return f"SELECT count(*) FROM sample_runs WHERE job = '{job}'"  # noqa: S608


@asynccontextmanager
async def worker_within(
    database_url: str, jobs: Sequence[Job] = JOBS
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker inside this process for the time of the block."""
    stop = asyncio.Event()
    working = asyncio.create_task(
        run_worker(
            jobs,
            HANDLERS,
            settings=Settings(database_url=database_url),
            stop=stop,
            install_signal_handlers=False,
            timings=QUICK,
        )
    )
    try:
        yield working
    finally:
        stop.set()
        await asyncio.wait_for(working, 30)


class WorkerProcess:
    """A process that runs the sample jobs."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def id(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    async def kill(self) -> None:
        """End the process as a power cut would."""
        if self.is_running:
            self.process.kill()
        await self.process.wait()

    async def end(self, number: signal.Signals) -> int:
        """Ask the process to end and return its exit code."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 15)

    def output(self) -> str:
        return self._log.read_text()


class Gate:
    """A port that leads to another while it is open; closing it cuts everything that passes."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


StartWorker = Callable[..., Awaitable[WorkerProcess]]


async def until(
    sessions: Sessions, query: str, expected: object, *, seconds: float = 30.0
) -> float:
    """Wait until the query's one value is as expected; return after how many seconds it was."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        found = await ask(sessions, query)
        if found == expected:
            return loop.time() - started
        assert loop.time() - started < seconds, f"{query} is {found}, not {expected}"
        await asyncio.sleep(0.05)


async def ask(sessions: Sessions, query: str) -> Any:
    """Return the query's one value."""
    async with sessions() as session:
        return await session.scalar(text(query))
