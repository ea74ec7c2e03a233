"""The load generator: a closed loop of keep-alive connections, in a process of its own.

Each connection sends a request, waits for the whole answer and sends the next, so a server that
stalls is asked less; latencies are those of a busy server with so many clients, not of an open
stream of visitors.
"""

import asyncio
import itertools
import math
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import cast

import uvloop

from bench.processes import cpu_seconds, machine_cpu_seconds

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
END_OF_HEAD = b"\r\n\r\n"
STATUS = slice(9, 12)
"""Where ``HTTP/1.1 200 OK`` has its status."""

NO_CONTENT = b"204"

PATIENCE_SECONDS = 30.0
"""How long after the end the last answers may take."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to send. Without ``repeat`` each request is sent once, and the run ends with the last.

    Seconds are those that count; ``warmup_seconds`` come before them. ``server`` and ``database``
    are the processes whose processor time is reported, with that of
    their descendants.
    """

    host: str
    port: int
    requests: Sequence[bytes]
    repeat: bool
    connections: int
    warmup_seconds: float
    seconds: float
    server: int
    database: int | None


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Processor time by second of measurement: 2.0 are two cores kept busy. None is unknown.

    ``machine`` is that of everything, so what it has beyond the others is a stranger's.
    """

    generator: float
    server: float | None
    database: float | None
    machine: float | None


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of a plan.

    ``rate`` is answers per second, and latencies are milliseconds, both of the seconds that
    count. ``statuses`` are of all answers, those of the warm-up included; ``broken`` is how many
    connections the server ended or answered with something else than HTTP. ``ran_out`` tells that
    there were too few requests for the time: a rate of less time than was asked for.
    """

    rate: float
    seconds: float
    p50: float
    p95: float
    p99: float
    statuses: dict[int, int]
    broken: int
    ran_out: bool
    cores: Cores


@dataclass
class Tally:
    """What all connections write down.

    Times are of ``time.perf_counter``: the loop's own clock counts whole milliseconds.
    """

    requests: Iterator[bytes]
    begins: float
    ends: float
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    ran_out_at: float | None = None

    def next_request(self, now: float) -> bytes | None:
        """Return what to send next; None at the end of the time or of the requests."""
        if now >= self.ends:
            return None
        request = next(self.requests, None)
        if request is None and self.ran_out_at is None:
            self.ran_out_at = now
        return request

    def answered(self, status: int, sent: float, now: float) -> None:
        """Count an answer, and its latency if it came in the seconds that count."""
        self.statuses[status] += 1
        if self.begins <= now < self.ends:
            self.latencies.append(now - sent)


class Connection(asyncio.Protocol):
    """One client: ``done`` is set when it has nothing left to send or its connection broke."""

    def __init__(self, tally: Tally, loop: asyncio.AbstractEventLoop) -> None:
        self._tally = tally
        self._received = bytearray()
        self._sent = 0.0
        self._write: asyncio.WriteTransport
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._write = cast(asyncio.WriteTransport, transport)
        self._send(time.perf_counter())

    def data_received(self, data: bytes) -> None:
        """Send the next request once the answer is complete."""
        received = self._received
        received += data
        end_of_head = received.find(END_OF_HEAD)
        if end_of_head < 0:
            return
        size = _body_size(received, end_of_head)
        missing = None if size is None else end_of_head + len(END_OF_HEAD) + size - len(received)
        if missing is None or missing < 0:
            self._break()
            return
        if missing > 0:
            return
        now = time.perf_counter()
        self._tally.answered(int(received[STATUS]), self._sent, now)
        received.clear()
        self._send(now)

    def connection_lost(self, _error: Exception | None) -> None:
        """Count a connection that the server ended."""
        if not self.done.done():
            self._break()

    def _send(self, now: float) -> None:
        request = self._tally.next_request(now)
        if request is None:
            self._finish()
            return
        self._sent = now
        self._write.write(request)

    def _break(self) -> None:
        self._tally.broken += 1
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._write.close()


def run(plan: Plan) -> Load:
    """Carry out a plan in a new process and return what came of it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_generate, plan).result()


def _generate(plan: Plan) -> Load:
    return uvloop.run(_drive(plan))


async def _drive(plan: Plan) -> Load:
    loop = asyncio.get_running_loop()
    begins = time.perf_counter() + plan.warmup_seconds
    tally = Tally(
        requests=itertools.cycle(plan.requests) if plan.repeat else iter(plan.requests),
        begins=begins,
        ends=begins + plan.seconds,
    )
    before: list[Cores] = []
    loop.call_later(plan.warmup_seconds, lambda: before.append(_used(plan)))
    connections = [
        (await loop.create_connection(lambda: Connection(tally, loop), plan.host, plan.port))[1]
        for _ in range(plan.connections)
    ]
    async with asyncio.timeout(plan.warmup_seconds + plan.seconds + PATIENCE_SECONDS):
        await asyncio.gather(*(connection.done for connection in connections))
    seconds = (tally.ran_out_at or tally.ends) - begins
    ordered = sorted(tally.latencies)
    return Load(
        rate=len(ordered) / seconds if seconds > 0 else 0.0,
        seconds=seconds,
        p50=_percentile(ordered, 0.50),
        p95=_percentile(ordered, 0.95),
        p99=_percentile(ordered, 0.99),
        statuses=dict(tally.statuses),
        broken=tally.broken,
        ran_out=tally.ran_out_at is not None,
        cores=_cores(before[0], _used(plan), time.perf_counter() - begins) if before else _UNKNOWN,
    )


def _used(plan: Plan) -> Cores:
    return Cores(
        generator=time.process_time(),
        server=cpu_seconds(plan.server),
        database=cpu_seconds(plan.database),
        machine=machine_cpu_seconds(),
    )


def _cores(before: Cores, after: Cores, seconds: float) -> Cores:
    return Cores(
        generator=(after.generator - before.generator) / seconds,
        server=_share(before.server, after.server, seconds),
        database=_share(before.database, after.database, seconds),
        machine=_share(before.machine, after.machine, seconds),
    )


def _share(before: float | None, after: float | None, seconds: float) -> float | None:
    return None if before is None or after is None else (after - before) / seconds


def _body_size(received: bytearray, end_of_head: int) -> int | None:
    """Return how long the answer's body is, or None if it does not say so in the one known way."""
    if received[STATUS] == NO_CONTENT:
        return 0
    length = CONTENT_LENGTH.search(received, 0, end_of_head + 2)
    return int(length[1]) if length else None


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return, in milliseconds, the value that this share of the seconds does not exceed."""
    if not ordered:
        return math.nan
    return ordered[math.ceil(share * len(ordered)) - 1] * 1000


_UNKNOWN = Cores(generator=math.nan, server=None, database=None, machine=None)
