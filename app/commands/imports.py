"""Look after imports."""

import csv
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line, record
from app.books.imports import service
from app.books.imports.schemas import EntryRead, ImportRead
from app.commands.terminal import out, visible
from app.core import garbage
from app.core.clock import utc_now
from app.core.pagination import PageQuery
from app.core.schemas import MAX_ID
from app.db.session import dispose_engine, session_scope

app = typer.Typer(help="Look after imports.", no_args_is_help=True, add_completion=False)
ENTRIES_AT_ONCE = 1000

T = TypeVar("T")
ImportId = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Its id, as list shows it.")]


@app.command("list")
def list_imports(
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at the most.")] = 20,
) -> None:
    """List imports, uploaded and of the command line, the newest first.

    Example: bookstore imports list --limit 5
    """
    page = _ask(lambda session: service.list_imports(session, query=PageQuery(size=limit)))
    if not page.items:
        out.print("Nothing has been imported yet.")
        return
    table = Table("id", "file", "status", "records", "refused", "begun (UTC)")
    for item in page.items:
        table.add_row(
            str(item.id),
            escape(visible(item.file_name)),
            item.status,
            f"{item.records:,}",
            f"{item.refused:,}",
            _moment(item.started_at),
        )
    out.print(table)


@app.command("show")
def show_import(import_id: ImportId) -> None:
    """Show where an import stands and what became of its records so far.

    Example: bookstore imports show 42
    """
    found = _ask(lambda session: service.get_import(session, import_id=import_id))
    table = Table(show_header=False, box=None)
    for words, value in _facts(found):
        table.add_row(words, escape(visible(value)))
    out.print(table)


@app.command("report")
def write_report(
    import_id: ImportId,
    output: Annotated[
        Path | None, typer.Option(help="Write it to this file instead of the terminal.")
    ] = None,
) -> None:
    """Write what became of each record as CSV that is harmless in spreadsheets.

    Example: bookstore imports report 42 --output report.csv
    """
    if output is None:
        _run(lambda: _write_report(import_id, typer.get_text_stream("stdout")))
        return
    with output.open("w", newline="", encoding="utf-8-sig", errors="replace") as file:
        _run(lambda: _write_report(import_id, file))
    out.print(f"The report is in {output}.", markup=False)


@app.command("cancel")
def cancel_import(import_id: ImportId) -> None:
    """Stop an import after the batch in hand; what has landed stays.

    Example: bookstore imports cancel 42
    """
    found = _ask(lambda session: _cancel(session, import_id))
    if found.finished_at is None:
        out.print(f"Import {import_id} stops after the batch in hand.")
    else:
        out.print(f"Import {import_id} is cancelled.")


async def _cancel(session: AsyncSession, import_id: int) -> ImportRead:
    found = await service.cancel_import(session, import_id=import_id, now=utc_now())
    await record(
        session,
        actor=command_line(),
        action="import.cancel",
        thing_id=import_id,
        after=service.summary(found),
    )
    return found


def _facts(found: ImportRead) -> list[tuple[str, str]]:
    facts = [
        ("file", f"{found.file_name} ({found.kind})"),
        ("asked for by", found.requested_by),
        ("status", "stopping" if found.is_cancelling and not found.is_over else found.status),
        ("begun (UTC)", _moment(found.started_at)),
        ("ended (UTC)", _moment(found.finished_at)),
        ("read", _part(found)),
        ("records", f"{found.records:,}"),
    ]
    facts += [(outcome, f"{getattr(found, outcome):,}") for outcome in service.COUNTED]
    facts.append(("noted", f"{found.noted:,}"))
    if found.records_per_second is not None:
        facts.append(("records a second", f"{found.records_per_second:,}"))
    if found.seconds_left is not None:
        facts.append(("seconds left", f"{found.seconds_left:,.0f}"))
    facts += [(repair.kind, f"{repair.count:,}") for repair in found.repairs]
    if found.unused_columns:
        facts.append(("columns that were not used", ", ".join(found.unused_columns)))
    if found.left_out:
        facts.append(("records left out of the report", f"{found.left_out:,}"))
    if found.reason is not None:
        facts.append(("reason", found.reason))
    return facts


def _part(found: ImportRead) -> str:
    if not found.bytes_total:
        return f"{found.bytes_read:,} bytes"
    part = min(1.0, found.bytes_read / found.bytes_total)
    return f"{found.bytes_read:,} of {found.bytes_total:,} bytes ({part:.0%})"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


async def _write_report(import_id: int, file: TextIO) -> None:
    async with session_scope() as session:
        await service.get_import(session, import_id=import_id)
    writer = csv.writer(file)
    writer.writerow(EntryRead.columns())
    record = 0
    while True:
        async with session_scope() as session:
            entries = await service.entries_after(
                session, import_id=import_id, record=record, limit=ENTRIES_AT_ONCE
            )
        if not entries:
            return
        record = entries[-1].record
        writer.writerows(entry.cells() for entry in entries)


def _ask(question: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Ask in a transaction of its own, and return the answer."""

    async def ask() -> T:
        async with session_scope() as session:
            return await question(session)

    return _run(ask)


def _run(work: Callable[[], Awaitable[T]]) -> T:
    async def run_and_close() -> T:
        try:
            return await work()
        finally:
            await dispose_engine()

    with local.local_database():
        return garbage.run(run_and_close())
