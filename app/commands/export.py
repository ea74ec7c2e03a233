"""Take the catalogue out, and orders for the books."""

import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from pydantic import ValidationError
from rich.progress import Progress, TextColumn

from app import local
from app.books.exporters.csv import csv_parts
from app.books.exporters.onix import OnixOptions, OnixParts
from app.books.exporters.run import Parts, write_export
from app.commands.terminal import err, fail
from app.core import garbage
from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import dispose_engine
from app.orders import bookkeeping
from app.orders.fulfilment_schemas import BookkeepingDays

app = typer.Typer(
    help="Take the catalogue out, and orders for the books.",
    no_args_is_help=True,
    add_completion=False,
)

DAYS = ["%Y-%m-%d"]

File = Annotated[
    str, typer.Argument(help="The file to write, gzipped if it ends in .gz; - for standard output.")
]


@app.callback()
def export() -> None:
    """Take the catalogue out, and orders for the books."""


@app.command("csv")
def export_csv(file: File = "-") -> None:
    """Write all editions to a CSV file, one a row, in every column that the import knows.

    Removed books and those without a price are among them. All is of one moment. What a
    spreadsheet would take for a formula, a number or a date gets an apostrophe in front, which
    the import takes away again: imported again the file changes nothing.

    Examples:
        bookstore export csv books.csv.gz

        bookstore export csv | wc -l
    """
    with local.local_database():
        _export(csv_parts, file)


@app.command("onix")
def export_onix(file: File = "-") -> None:
    """Write all editions to an ONIX for Books 3.0 message, with reference tags.

    Removed books are deletions. Codes that ONIX does not know are left out, so that the message is
    valid by EDItEUR's schema. Genres, copies and popularity have no place in it.

    Examples:
        bookstore export onix books.onix.xml.gz

        bookstore export onix | ssh partner 'cat > feed.xml'
    """
    with local.local_database():
        options = OnixOptions.of_shop(get_settings(), now=utc_now())
        _export(OnixParts(options), file)


@app.command("orders")
def export_orders(
    first: Annotated[
        datetime, typer.Option("--from", formats=DAYS, help="The first day, in the shop's zone.")
    ],
    after: Annotated[datetime, typer.Option("--to", formats=DAYS, help="The first day after.")],
    file: Annotated[str, typer.Argument(help="The file to write; - for standard output.")] = "-",
    by_day: Annotated[
        bool, typer.Option("--by-day", help="Sums of sales and refunds, one row a day.")
    ] = False,
) -> None:
    """Write the orders that were paid on some days to a CSV file, for the books.

    An order counts on the day that it was paid, a refund on the day that it was, both in the
    shop's time zone. The file is harmless in spreadsheets.

    Examples:
        bookstore export orders november.csv --from 2026-11-01 --to 2026-12-01

        bookstore export orders --by-day --from 2026-01-01 --to 2027-01-01
    """
    try:
        days = BookkeepingDays(first=first.date(), after=after.date())
    except ValidationError as error:
        fail(f"{error.errors()[0]['msg']}.")
    if file != "-" and Path(file).is_dir():
        fail(f"{file} is a folder: name a file in it.")
    write = bookkeeping.export_days if by_day else bookkeeping.export_orders
    with local.local_database():
        lines = write(days=days, settings=get_settings())
        if file == "-":
            garbage.run(_write_lines(lines, sys.stdout.buffer))
            return
        with Path(file).open("wb") as target:
            garbage.run(_write_lines(lines, target))
    err.print(f"The orders are in {file}.", markup=False)


async def _write_lines(lines: AsyncIterator[str], target: BinaryIO) -> None:
    try:
        async for part in lines:
            target.write(part.encode())
    finally:
        await dispose_engine()


def _export(parts: Parts, file: str) -> None:
    target: Path | BinaryIO = sys.stdout.buffer if file == "-" else Path(file)
    if isinstance(target, Path) and target.is_dir():
        fail(f"{file} is a folder: name a file in it.")

    async def write_and_close(progress: Progress) -> int:
        task = progress.add_task("Writing", total=None)

        def show(written: int) -> None:
            progress.update(task, description=f"{written:,} bytes")

        try:
            return await write_export(parts, target, on_progress=show)
        finally:
            await dispose_engine()

    with Progress(TextColumn("{task.description}"), console=err, transient=True) as progress:
        written = garbage.run(write_and_close(progress))
    err.print(f"{written:,} bytes were written.")
