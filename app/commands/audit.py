"""What staff did."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from pydantic import ValidationError

from app import local
from app.audit.schemas import AuditFilter
from app.audit.service import export_lines
from app.commands.terminal import err, fail
from app.core import garbage
from app.db.session import dispose_engine

app = typer.Typer(help="What staff did.", no_args_is_help=True, add_completion=False)

MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.callback()
def audit() -> None:
    """What staff did."""


@app.command("export")
def export(
    file: Annotated[str, typer.Argument(help="The file to write; - for standard output.")] = "-",
    since: Annotated[
        datetime | None, typer.Option("--from", formats=MOMENTS, help="The first moment (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=MOMENTS, help="The first moment after (UTC).")
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Only what this e-mail address, as it was then, did.")
    ] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as book.update.")] = None,
    thing: Annotated[str | None, typer.Option(help="Only what was done to this, as book.")] = None,
    thing_id: Annotated[str | None, typer.Option(help="Only to the one of this id.")] = None,
) -> None:
    """Write down as CSV what staff did, by the API and by the command line, the newest first.

    It is harmless in spreadsheets. Nothing of it is ever changed or deleted by the shop.

    Examples:
        bookstore audit export audit.csv --from 2026-11-01 --to 2026-12-01

        bookstore audit export --thing book --thing-id 42
    """
    try:
        wanted = AuditFilter(
            actor=actor, action=action, thing=thing, thing_id=thing_id, since=since, until=until
        )
    except ValidationError as error:
        fail(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}.")
    if file == "-":
        _run(wanted, sys.stdout.buffer)
        return
    if Path(file).is_dir():
        fail(f"{file} is a folder: name a file in it.")
    with Path(file).open("wb") as target:
        _run(wanted, target)
    err.print(f"The audit is in {file}.", markup=False)


def _run(wanted: AuditFilter, target: BinaryIO) -> None:
    async def write() -> None:
        try:
            async for lines in export_lines(wanted=wanted):
                target.write(lines.encode())
        finally:
            await dispose_engine()

    with local.local_database():
        garbage.run(write())
