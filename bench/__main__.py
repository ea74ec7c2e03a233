"""``python -m bench``: measure the shop on this machine."""

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from app.core.config import LOCAL_DIRECTORY
from app.db.embedded import EmbeddedPostgres
from app.db.session import use_database
from bench.catalogue import give_memory
from bench.data import DATABASE, Size, ensure_shop
from bench.equal_times import DATABASE as EQUAL_TIMES
from bench.equal_times import MOST, make_accounts, measure_times, print_cases
from bench.imports import measure_csv, measure_editions, measure_onix, measure_reading
from bench.measure import Options, Row, measure, serving
from bench.recommendations import measure_recommendations, print_result
from bench.report import as_json, print_rows, print_setting, read_setting
from bench.search_quality import measure_quality, print_scores
from bench.search_speed import measure_speed, print_timings
from bench.workloads import Name, make_workloads

DIRECTORY = LOCAL_DIRECTORY / "bench-postgres"
SEARCH_DIRECTORY = LOCAL_DIRECTORY / "bench-search-postgres"
PREFERRED_PORT = 5460
SMALLEST_SHOP = 5_000
WIDTH_OF_A_FILE = 120

app = typer.Typer(add_completion=False, rich_markup_mode=None)
out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    connections: Annotated[int, typer.Option(min=1, help="Clients at once.")] = 16,
    seconds: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 10,
    warmup: Annotated[int, typer.Option(min=1, help="Seconds before each that do not count.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many is printed.")] = 3,
    books: Annotated[int, typer.Option(min=SMALLEST_SHOP, help="In the catalogue.")] = 20_000,
    users: Annotated[
        int, typer.Option(min=SMALLEST_SHOP, help="Accounts; each checks out once a measurement.")
    ] = 50_000,
    workers: Annotated[int, typer.Option(min=1, help="Server processes.")] = 2,
    only: Annotated[str, typer.Option(help="What to measure, separated by commas.")] = ",".join(
        Name
    ),
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every round's figures here.")
    ] = None,
) -> None:
    """Measure requests per second beside pgbench running the same SQL and beside a bare endpoint.

    The database is the one that comes along, with data of its own in var/bench-postgres; it runs
    for as long as this does. docs/benchmarks.md tells what the columns mean.

    Examples:
        python -m bench

        python -m bench --only list,detail --seconds 5 --rounds 1

        python -m bench --books 100000 --json var/bench.json

        python -m bench import
    """
    if context.invoked_subcommand is not None:
        return
    try:
        names = [Name(name.strip()) for name in only.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{error}; there are {', '.join(Name)}") from None
    options = Options(
        connections=connections, seconds=seconds, warmup=warmup, rounds=rounds, workers=workers
    )
    with _server() as server:
        rows = _run(server, Size(books=books, users=users), options, names, json_file)
    if any(row.faults for row in rows):
        raise typer.Exit(1)


@app.command("import")
def measure_imports(
    rows: Annotated[int, typer.Option(min=1, help="Of the CSV file.")] = 50_000,
    megabytes: Annotated[int, typer.Option(min=1, help="Of the large ONIX message.")] = 200,
    landed_megabytes: Annotated[int, typer.Option(min=1, help="Of the one that is landed.")] = 20,
    editions: Annotated[
        int, typer.Option(help="Import so many by the command instead, and kill it on the way.")
    ] = 0,
) -> None:
    """Measure how quickly books come in, beside a bare COPY of the same rows.

    ONIX is made of the real records in ../shared/data/onix, if they are there.

    Examples:
        python -m bench import

        python -m bench import --megabytes 2000 --landed-megabytes 300

        python -m bench import --editions 1000000
    """
    with _server() as server:
        if editions:
            measure_editions(server, out, editions=editions)
            return
        measure_csv(server, out, rows=rows)
        measure_reading(out, megabytes=megabytes)
        measure_onix(server, out, megabytes=landed_megabytes)


@contextmanager
def _server() -> Iterator[EmbeddedPostgres]:
    """Have the benchmark's PostgreSQL for the time of the block; a fault ends the program."""
    server = EmbeddedPostgres(DIRECTORY, preferred_port=PREFERRED_PORT)
    started = server.up()
    try:
        yield server
    except RuntimeError as error:
        raise SystemExit(f"bench: {error}") from None
    finally:
        if started:
            server.down()


@app.command("search-speed")
def search_speed(
    books: Annotated[int, typer.Option(min=1_000, help="In the catalogue.")] = 1_000_000,
) -> None:
    """Time searches over a large catalogue, one after the other, by kind of query.

    The first time the catalogue is made, which takes some minutes; it stays in
    var/bench-search-postgres.
    """
    with _search_server() as server, out.status("Making a catalogue to search ...") as status:
        timings = asyncio.run(
            measure_speed(server, books=books, on_kind=lambda kind: status.update(f"{kind} ..."))
        )
    print_timings(out, timings)


@app.command("search-quality")
def search_quality(
    misses: Annotated[  # noqa: FBT002 (an option)
        bool, typer.Option(help="Print every query that did not find what was meant first.")
    ] = False,
) -> None:
    """Count how often a search finds what was meant, over real books.

    Needs the lists of ../shared/data: goodbooks and title_typo_queries.
    """
    with _search_server() as server, out.status("Searching ..."):
        scores = asyncio.run(measure_quality(server, show_misses=misses))
    print_scores(out, scores)


@app.command("recommendations")
def recommendations(
    readers: Annotated[int, typer.Option(min=100, help="Made-up readers.")] = 10_000,
    works: Annotated[int, typer.Option(min=100, help="In the made-up shop.")] = 5_000,
    ratings: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="CSV of reader, isbn, rating, instead."),
    ] = None,
) -> None:
    """Count how often "readers also bought" names the book that a reader bought next.

    Beside it stand the most bought books. The database is made anew each time.

    Examples:
        python -m bench recommendations

        python -m bench recommendations --ratings ratings.csv
    """
    with _server() as server, out.status("Selling books ..."):
        result = asyncio.run(
            measure_recommendations(server, readers=readers, works=works, ratings=ratings)
        )
    print_result(out, result)


@app.command("equal-times")
def equal_times(
    timings: Annotated[int, typer.Option(min=10, help="Of each kind of address.")] = 300,
) -> None:
    """Tell whether the time of an answer tells who has an account; exit with 1 if it does.

    Examples:
        python -m bench equal-times

        python -m bench equal-times --timings 1000
    """
    with _server() as server:
        asyncio.run(make_accounts(server, count=timings))
        _serve_from(server.url(EQUAL_TIMES), SILENT_REGISTRATION="everywhere")
        with (
            serving(workers=1, log=DIRECTORY / "shop.log") as (port, _),
            out.status("Asking who has an account ..."),
        ):
            cases = list(measure_times(port, timings=timings))
    print_cases(out, cases)
    if any(case.auc > MOST for case in cases):
        raise typer.Exit(1)


@contextmanager
def _search_server() -> Iterator[EmbeddedPostgres]:
    """Run the server with the search's databases, and with memory as for so many books."""
    server = EmbeddedPostgres(SEARCH_DIRECTORY, preferred_port=PREFERRED_PORT)
    started = server.up()
    asyncio.run(give_memory(server))
    if started:
        server.down()
        server.up()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield server
    finally:
        if started:
            server.down()


def _serve_from(url: str, **settings: str) -> None:
    """Let the processes that are started from here be a shop in production with this database."""
    os.environ.update(
        ENV="production",
        SECRET_KEY=secrets.token_urlsafe(48),
        PAYMENT_GATEWAY="demo",
        MAIL_DIRECTORY=str(DIRECTORY / "mail"),
        **settings,
    )
    use_database(url)


def _run(
    server: EmbeddedPostgres,
    size: Size,
    options: Options,
    names: Sequence[Name],
    json_file: Path | None,
) -> Sequence[Row]:
    with out.status("Making a shop to measure ..."):
        asyncio.run(ensure_shop(server, size))
    _serve_from(server.url(DATABASE))
    setting = asyncio.run(read_setting(server, size, options))
    print_setting(out, setting)
    with out.status("Recording the application's SQL ..."):
        workloads = asyncio.run(make_workloads(server, size, names))
    rows = [Row(workload) for workload in workloads]
    with (
        serving(workers=options.workers, log=DIRECTORY / "shop.log") as (port, pid),
        out.status("Measuring ...") as status,
    ):
        for activity in measure(server, rows, options, port=port, pid=pid):
            status.update(activity)
    print_rows(out, rows)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(setting, rows), indent=2) + "\n", "utf-8")
    return rows


if __name__ == "__main__":
    app()
