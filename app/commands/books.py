"""Bring books in."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app import local
from app.books.importers.report import ImportReport, write_csv
from app.books.importers.report import Progress as ImportProgress
from app.books.importers.run import import_csv
from app.books.importers.sorting import ImportOptions
from app.books.schemas import MAX_QUANTITY
from app.commands.terminal import err, fail, out, visible
from app.core.config import get_settings
from app.core.schemas import Price
from app.db.session import dispose_engine

app = typer.Typer(help="Bring books in.", no_args_is_help=True, add_completion=False)
SHOWN_REFUSALS = 10


@app.callback()
def books() -> None:
    """Bring books in."""


@app.command("csv")
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
        int,
        typer.Option(
            min=0, max=MAX_QUANTITY, help="Copies of new books whose row says nothing of them."
        ),
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Write what was refused, and why, to this CSV file.")
    ] = None,
) -> None:
    """Take books from a CSV file: new ones are added, known ones updated.

    Columns are found by the names that the trade uses; --map says it for others. What a
    spreadsheet did to ISBNs and years is repaired where that is sure, and told.

    Rows that were refused are counted and do not fail the import: the exit status is 0.
    It is 1 if the file could not be read to its end.

    Examples:
        bookstore import csv books.csv.gz --default-price 9.99 --report refused.csv

        bookstore import csv - --map 'Titel=title' < list.csv
    """
    meanings = _read_mapping(mapping or [])
    source = sys.stdin.buffer if file == "-" else Path(file)
    if isinstance(source, Path) and source.is_dir():
        fail(f"{file} is a folder: name a file in it.")
    if isinstance(source, Path) and not source.exists():
        fail(f"There is no file {file}.")
    price = _read_price(default_price)
    if report is not None:
        with report.open("a", encoding="utf-8"):
            pass  # who asks for a report that cannot be written hears it before the import
    with local.local_database():
        options = ImportOptions(
            currency=get_settings().currency, default_price=price, default_stock=default_stock
        )
        result = _with_progress(source, meanings, options)
    _print_report(result)
    if report is not None:
        write_csv(result, report)
        out.print(f"Refused rows are in {report}.", markup=False)
    if result.is_cut_short:
        fail("The compressed file is damaged: what came before the damage was taken.")


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
        out.print(visible(words), markup=False)
    if report.refused_total > SHOWN_REFUSALS:
        out.print(
            f"  and {report.refused_total - SHOWN_REFUSALS:,} more: --report writes them down"
        )
    if report.unused_columns:
        unused = visible(", ".join(report.unused_columns))
        out.print(f"Columns that were not used: {unused}", markup=False)


def _read_mapping(words: list[str]) -> dict[str, str]:
    """Read ``Their title=title`` for every column that was named."""
    meanings = {}
    for word in words:
        column, equals, meaning = word.rpartition("=")
        if not equals:
            fail(f"--map {word!r} does not say which column is what: --map 'Their title=title'.")
        meanings[column] = meaning
    return meanings


def _read_price(text: str | None) -> Decimal | None:
    try:
        return TypeAdapter(Price | None).validate_python(text)
    except ValidationError:
        fail(f"{text!r} is no price: write it as 9.99.")


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
