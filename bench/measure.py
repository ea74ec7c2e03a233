"""One measurement after the other: the requests over HTTP, then the same SQL in pgbench."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.db.embedded import EmbeddedPostgres
from app.server import answers
from bench import load, pgbench
from bench.data import DATABASE, checkpoint, connect, reset_baskets
from bench.load import Load, Plan
from bench.server import HOST
from bench.workloads import Effect, Workload

START_SECONDS = 60
STOP_SECONDS = 15
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to measure. ``seconds`` count, of each measurement; ``warmup`` come before them."""

    connections: int
    seconds: int
    warmup: int
    rounds: int
    workers: int


@dataclass
class Row:
    """What was measured of a workload, a round each; ``faults`` make it worthless."""

    workload: Workload
    loads: list[Load] = field(default_factory=list)
    database_rates: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@contextmanager
def serving(*, workers: int, log: Path) -> Iterator[tuple[int, int]]:
    """Serve the shop in processes of their own for the time of the block; yield port and pid.

    Raises:
        RuntimeError: it does not answer; the message has its log's end.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.server", str(port), str(workers)],
            env=os.environ | {"PUBLIC_URL": f"http://{HOST}:{port}"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(
    server: EmbeddedPostgres,
    rows: Sequence[Row],
    options: Options,
    *,
    port: int,
    pid: int,
) -> Iterator[str]:
    """Measure each row in every round, and write it down there; yield what is being done."""
    for number in range(1, options.rounds + 1):
        for row in rows:
            yield f"Round {number} of {options.rounds}: {row.workload.title} ..."
            _measure_http(server, row, options, port=port, pid=pid)
            if row.workload.scripts:
                _measure_pgbench(server, row, options)


def _measure_http(
    server: EmbeddedPostgres, row: Row, options: Options, *, port: int, pid: int
) -> None:
    workload = row.workload
    plan = Plan(
        host=HOST,
        port=port,
        requests=workload.requests,
        repeat=not workload.writes,
        connections=options.connections,
        warmup_seconds=options.warmup,
        seconds=options.seconds,
        server=pid,
        database=server.status().pid,
    )
    before = _prepare(server, workload, workload.effects)
    result = load.run(plan)
    row.loads.append(result)
    answered = result.statuses.get(workload.status, 0)
    others = {status: n for status, n in result.statuses.items() if status != workload.status}
    if others:
        row.faults.append(f"answers with another status than {workload.status}: {others}")
    if result.broken:
        row.faults.append(f"{result.broken} connections broke or did not speak HTTP/1.1")
    if result.ran_out:
        row.faults.append(f"no baskets left after {result.seconds:.1f} s; give more --users")
    row.faults += _wrong_effects(server, workload.effects, before, answered, "HTTP")


def _measure_pgbench(server: EmbeddedPostgres, row: Row, options: Options) -> None:
    effects = row.workload.script_effects
    before = _prepare(server, row.workload, effects)
    speed = pgbench.run(
        server,
        row.workload.scripts,
        database=DATABASE,
        connections=options.connections,
        warmup_seconds=options.warmup,
        seconds=options.seconds,
    )
    row.database_rates.append(speed.rate)
    row.faults += _wrong_effects(server, effects, before, speed.transactions, "pgbench")


def _prepare(server: EmbeddedPostgres, workload: Workload, effects: Sequence[Effect]) -> list[int]:
    """Make baskets for a workload that writes, let the disk rest, and count effects so far."""
    if workload.writes:
        asyncio.run(reset_baskets(server, workload.baskets))
    asyncio.run(checkpoint(server))
    time.sleep(PAUSE_SECONDS)
    return asyncio.run(_count_effects(server, effects))


def _wrong_effects(
    server: EmbeddedPostgres, effects: Sequence[Effect], before: list[int], times: int, who: str
) -> list[str]:
    """Say which effects are not those of so many requests: then something else was measured."""
    after = asyncio.run(_count_effects(server, effects))
    return [
        f"{who}: {times} requests raised {effect.sql} by {now - then}, not {times * effect.each}"
        for effect, then, now in zip(effects, before, after, strict=True)
        if now - then != times * effect.each
    ]


async def _count_effects(server: EmbeddedPostgres, effects: Sequence[Effect]) -> list[int]:
    async with connect(server) as connection:
        return [int(await connection.fetchval(effect.sql)) for effect in effects]


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(f"http://{HOST}:{port}"):
            return
        time.sleep(0.1)
    raise RuntimeError(f"The shop does not answer:\n{log.read_text()[-2000:]}")
