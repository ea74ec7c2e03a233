"""The SQL that a request sends: every statement, with its values, by transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient, Response
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.requests import Request


class RecordingError(RuntimeError):
    """What a request sent cannot be repeated by pgbench; the message says why."""


@dataclass(frozen=True)
class Statement:
    """SQL as it went to the server, with ``$1`` … for its parameters."""

    sql: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class Recording:
    """What a request sent: its transactions, one after the other, each committed."""

    transactions: tuple[tuple[Statement, ...], ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements in their order."""
        return tuple(statement for transaction in self.transactions for statement in transaction)


class _Recorder:
    """Listens to an engine. A transaction without statements never reaches the server."""

    def __init__(self) -> None:
        self.transactions: list[list[Statement]] = []
        self._open: list[Statement] | None = None

    def on_begin(self, _connection: Connection) -> None:
        if self._open:
            raise RecordingError("two transactions at once do not fit one connection of pgbench")
        self._open = []

    def on_execute(
        self,
        _connection: Connection,
        _cursor: Any,
        sql: str,
        parameters: Any,
        _context: Any,
        executemany: bool,  # noqa: FBT001 (SQLAlchemy calls it so)
    ) -> None:
        if executemany:
            raise RecordingError(f"executemany is not repeated by pgbench: {sql}")
        if self._open is None:
            raise RecordingError(f"outside of a transaction: {sql}")
        values = (tuple(value) if isinstance(value, list) else value for value in parameters)
        self._open.append(Statement(sql, tuple(values)))

    def on_commit(self, _connection: Connection) -> None:
        if self._open:
            self.transactions.append(self._open)
        self._open = None

    def on_rollback(self, _connection: Connection) -> None:
        if self._open:
            raise RecordingError(f"rolled back: {[statement.sql for statement in self._open]}")
        self._open = None


@contextmanager
def _listening(engine: AsyncEngine) -> Iterator[_Recorder]:
    recorder = _Recorder()
    listeners: dict[str, Callable[..., None]] = {
        "begin": recorder.on_begin,
        "before_cursor_execute": recorder.on_execute,
        "commit": recorder.on_commit,
        "rollback": recorder.on_rollback,
    }
    for name, listener in listeners.items():
        event.listen(engine.sync_engine, name, listener)
    try:
        yield recorder
    finally:
        for name, listener in listeners.items():
            event.remove(engine.sync_engine, name, listener)


async def record(
    client: AsyncClient, engine: AsyncEngine, request: Request, *, status: int
) -> tuple[Recording, Response]:
    """Have the application answer a request in this process, and return what it sent.

    Raises:
        RecordingError: it answered otherwise, sent nothing, or what pgbench cannot repeat.
    """
    with _listening(engine) as recorder:
        response = await client.request(
            request.method,
            request.path,
            headers=request.headers,
            content=request.body,
        )
    if response.status_code != status:
        raise RecordingError(
            f"{request.method} {request.path}: {response.status_code} {response.text}"
        )
    if not recorder.transactions:
        raise RecordingError(f"{request.method} {request.path} asked the database for nothing")
    return Recording(tuple(map(tuple, recorder.transactions))), response
