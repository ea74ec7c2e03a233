"""What was measured, where and how: for people as tables, for programs as JSON."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from app.core.config import get_settings
from app.db.embedded import EmbeddedPostgres
from bench.data import Size, connect
from bench.load import Load
from bench.measure import Options, Row

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
    """Print the figures, and what is wrong with them."""
    table = Table(caption="requests/s: median of the rounds (least - most). Latencies in ms.")
    table.add_column("", no_wrap=True)
    for heading in (
        "requests/s",
        "p50",
        "p95",
        "p99",
        "pgbench tps",
        "ratio to pgbench",
        "ratio to bare",
        "SQL",
        "cores: load",
        "server",
        "database",
        "errors",
    ):
        table.add_column(heading, justify="right")
    bare = _rate(rows[0])
    for row in rows:
        table.add_row(*_cells(row, bare))
    console.print(table)
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


def _cells(row: Row, bare: float) -> list[str]:
    workload = row.workload
    rate = _rate(row)
    rates = [load.rate for load in row.loads]
    database = median(row.database_rates) if row.database_rates else None
    sql = f"{workload.statements:.3g} in {workload.transactions:.3g}" if database else ""
    return [
        workload.title,
        f"{rate:,.0f} ({min(rates):,.0f} - {max(rates):,.0f})",
        *(f"{median(getattr(load, name) for load in row.loads):.1f}" for name in _PERCENTILES),
        f"{database:,.0f}" if database else "",
        f"{rate / database:.2f}" if database else "",
        f"{rate / bare:.2f}",
        sql,
        *(_cores(row.loads, name) for name in ("generator", "server", "database")),
        "INVALID" if row.faults else "0",
    ]


_PERCENTILES = ("p50", "p95", "p99")


def _rate(row: Row) -> float:
    return median(load.rate for load in row.loads)


def _cores(loads: Sequence[Load], name: str) -> str:
    shares = [getattr(load.cores, name) for load in loads]
    return "?" if None in shares else f"{median(shares):.2f}"


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
