"""What was measured, where and how: for people as tables, for programs as JSON."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.core.config import get_settings
from app.db.embedded import EmbeddedPostgres
from bench.data import Size, connect
from bench.load import Cores
from bench.measure import Options, Row

_PERCENTILES = ("p50", "p95", "p99")
_PROGRAMS = ("server", "database", "generator")
_FIGURES = (
    "",
    "requests/s",
    "least-most",
    *(f"{name} ms" for name in _PERCENTILES),
    "pgbench tps",
    "to pgbench",
    "to bare",
    "errors",
)
_EFFORT = (
    "",
    "SQL statements",
    "transactions",
    *(f"{name} cores" for name in (*_PROGRAMS, "others'")),
)

CPU_FACTS = Path("/proc/cpuinfo")
SERVER_SETTINGS = ("server_version", "fsync", "synchronous_commit", "shared_buffers")


async def read_setting(
    server: EmbeddedPostgres, size: Size, options: Options
) -> dict[str, str | int]:
    """Return all that the figures depend on, by name."""
    settings = get_settings()
    async with connect(server) as connection:
        postgres = {name: await connection.fetchval(f"SHOW {name}") for name in SERVER_SETTINGS}
    return {
        "processors": f"{os.cpu_count()} x {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": postgres.pop("server_version"),
        **postgres,
        "books": size.books,
        "accounts": size.users,
        "server processes": options.workers,
        "database connections of each": settings.database_pool_size,
        "HTTP connections": options.connections,
        "seconds": f"{options.seconds} after {options.warmup} of warm-up, {options.rounds} rounds",
        "commit": _commit(),
    }


def print_setting(console: Console, setting: Mapping[str, str | int]) -> None:
    """Print what the figures depend on."""
    table = Table(show_header=False, box=None)
    for name, value in setting.items():
        table.add_row(name, str(value))
    console.print(table)


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print the figures, where the time went, and what makes figures worthless."""
    _print_table(console, _FIGURES, [_figures(row, _rate(rows[0])) for row in rows])
    _print_table(console, _EFFORT, [_effort(row) for row in rows])
    for row in rows:
        for fault in row.faults:
            console.print(f"{row.workload.title} is invalid: {fault}", style="bold red")


def as_json(setting: Mapping[str, str | int], rows: Sequence[Row]) -> dict[str, Any]:
    """Return every round's figures."""
    return {
        "setting": dict(setting),
        "rows": [
            {
                "name": row.workload.title,
                "statements": row.workload.statements,
                "transactions": row.workload.transactions,
                "rounds": [asdict(load) for load in row.loads],
                "pgbench": row.database_rates,
                "faults": row.faults,
            }
            for row in rows
        ],
    }


def _print_table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _figures(row: Row, bare: float) -> list[str]:
    rate = _rate(row)
    rates = [load.rate for load in row.loads]
    pgbench = median(row.database_rates) if row.database_rates else None
    return [
        row.workload.title,
        f"{rate:,.0f}",
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        *(f"{median(getattr(load, name) for load in row.loads):.1f}" for name in _PERCENTILES),
        f"{pgbench:,.0f}" if pgbench else "",
        f"{rate / pgbench:.2f}" if pgbench else "",
        f"{rate / bare:.2f}",
        "INVALID" if row.faults else "0",
    ]


def _effort(row: Row) -> list[str]:
    workload = row.workload
    cores = [load.cores for load in row.loads]
    return [
        workload.title,
        f"{workload.statements:.3g}",
        f"{workload.transactions:.3g}",
        *(_share([getattr(share, name) for share in cores]) for name in _PROGRAMS),
        _share([_of_others(share) for share in cores]),
    ]


def _rate(row: Row) -> float:
    return median(load.rate for load in row.loads)


def _share(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{median(known):.2f}" if known else "?"


def _of_others(cores: Cores) -> float | None:
    """Return the processor time of programs that have no part in the benchmark."""
    if cores.machine is None or cores.server is None or cores.database is None:
        return None
    return max(cores.machine - cores.server - cores.database - cores.generator, 0.0)


def _processor() -> str:
    if CPU_FACTS.exists():
        for line in CPU_FACTS.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit that was measured, and whether files differ from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return f"{commit} and changes" if _git("status", "--porcelain") else commit
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
