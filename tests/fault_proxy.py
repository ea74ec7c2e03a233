"""A bad line between a client and a server: what comes late, breaks off, or never arrives.

``async with FaultProxy(port) as proxy`` listens on ``proxy.port`` and passes every connection on.
What goes wrong with a connection is decided when it is made, by ``proxy.fault``.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 65536


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with a connection; by default nothing does.

    ``delay`` is how many seconds each way's first byte waits, at most; how long is drawn by lot.
    ``cut_request_after`` and ``cut_answer_after`` end both ways once so many bytes of a request or
    of an answer have passed: 0 bytes of an answer means that the request has arrived and nothing
    comes back. With ``half_close`` such a cut ends only the way of the request, which looks to the
    server as if the client had nothing more to say. ``black_hole`` takes everything, passes nothing
    on and answers nothing.
    """

    delay: float = 0.0
    cut_request_after: int | None = None
    cut_answer_after: int | None = None
    half_close: bool = False
    black_hole: bool = False


class FaultProxy:
    """Passes connections on to a port of this machine, as well as its ``fault`` allows."""

    def __init__(self, target_port: int, fault: Fault | None = None, *, seed: int = 0) -> None:
        self.target_port = target_port
        self.fault = fault or Fault()
        self.connections = 0
        self._lot = random.Random(seed)  # noqa: S311 (for delays)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.base_url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # for what was aborted to be closed

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        fault = self.fault
        if fault.black_hole:
            try:
                await _swallow(reader)
            finally:
                writer.transport.abort()
            return
        to_server, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)

        def cut() -> None:
            for end in (writer, server_writer):
                end.transport.abort()

        def end_request() -> None:
            if fault.half_close:
                server_writer.write_eof()
            else:
                cut()

        delay = self._lot.uniform(0, fault.delay)
        try:
            await asyncio.gather(
                _copy(reader, server_writer, fault.cut_request_after, end_request, delay=delay),
                _copy(to_server, writer, fault.cut_answer_after, cut, delay=delay),
            )
        finally:
            cut()


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(CHUNK):
            pass


async def _copy(
    source: asyncio.StreamReader,
    target: asyncio.StreamWriter,
    cut_after: int | None,
    cut: Callable[[], None],
    *,
    delay: float,
) -> None:
    """Pass one way on until it ends, or until so many bytes have passed."""
    passed = 0
    with suppress(ConnectionError):
        while chunk := await source.read(CHUNK):
            await asyncio.sleep(delay)
            delay = 0.0
            left = len(chunk) if cut_after is None else cut_after - passed
            target.write(chunk[:left])
            passed += min(len(chunk), left)
            await target.drain()
            if len(chunk) >= left and cut_after is not None:
                cut()
                return
        if target.can_write_eof():
            target.write_eof()
