"""Files into the catalogue: what the command line and the admin's page call."""

import asyncio
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.batches import collected_after_batches
from app.books.importers.columns import plan_columns
from app.books.importers.csv import BrokenRecord, CountingReader, Record, read_records
from app.books.importers.errors import ImportFileError
from app.books.importers.journal import Entry, Journal, NoJournal, OnLanded
from app.books.importers.load import import_rows
from app.books.importers.onix.landing import FeedOptions, import_products
from app.books.importers.onix.reader import read_message
from app.books.importers.report import ImportReport, Progress
from app.books.importers.rows import RowReader
from app.books.importers.sorting import ImportOptions
from app.books.importers.supply import SupplyOptions, import_supply
from app.books.importers.supply_rows import SupplyReader
from app.core.clock import utc_now

DEMO_CATALOGUE = Path(__file__).parents[1] / "data" / "demo_catalogue.csv"
"""The books of the demo shop, by ISBN; imported like any other file."""


async def import_csv(
    source: Path | BinaryIO,
    *,
    mapping: Mapping[str, str],
    options: ImportOptions,
    on_progress: Callable[[Progress], None],
    journal: Journal | None = None,
) -> ImportReport:
    """Import a CSV file, gzipped or not, and report what became of its rows.

    ``mapping`` says of columns, by their header, which field they hold (a name or a synonym of
    ``columns.BookField``), where their own names do not. ``on_progress`` is called after every
    batch. A stream is read to its end and left open. Batches are committed one by one: an import
    that was interrupted can be run again, and goes on where it was if a journal says where.

    Raises:
        ImportFileError: nothing can be read from the file, and nothing was imported.
        OSError: the file cannot be opened or read.
    """
    journal = journal or NoJournal()
    report = journal.report
    with _opened(source) as (stream, bytes_total), collected_after_batches() as collect:
        counter = CountingReader(stream)
        records = read_records(counter)
        header = await asyncio.to_thread(next, records, None)
        if not isinstance(header, Record):
            raise ImportFileError(header.reason if header else "The file is empty.")
        plan = plan_columns(header.cells, mapping)
        report.columns, report.unused_columns = plan.meanings, plan.unused
        reader = RowReader(plan, currency=options.currency)
        watched = _watched(records, report)
        await asyncio.to_thread(_go_past, watched, journal.records)
        await import_rows(
            map(reader.read, watched),
            options=options,
            report=report,
            lines=journal.lines,
            on_landed=_writing(journal, counter),
            on_batch=_telling(on_progress, journal, counter, bytes_total, collect),
        )
    return report


async def import_onix(
    source: Path | BinaryIO,
    *,
    options: FeedOptions,
    on_progress: Callable[[Progress], None],
    journal: Journal | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> ImportReport:
    """Import an ONIX message, gzipped or not, and report what became of its records.

    As ``import_csv`` in everything else; the message of an import that was interrupted can be
    imported again, and what had landed is found unchanged.

    Raises:
        ImportFileError: this is no ONIX message, and nothing was imported.
        OSError: the file cannot be opened or read.
    """
    journal = journal or NoJournal()
    report = journal.report
    with _opened(source) as (stream, bytes_total), collected_after_batches() as collect:
        counter = CountingReader(stream)
        message = await asyncio.to_thread(read_message, cast(BinaryIO, counter))
        await asyncio.to_thread(message.skip, journal.records)
        await import_products(
            message,
            options=options,
            report=report,
            started_at=journal.started_at or clock(),
            on_landed=_writing(journal, counter),
            on_batch=_telling(on_progress, journal, counter, bytes_total, collect),
            clock=clock,
        )
    return report


async def import_stock(
    source: Path | BinaryIO,
    *,
    mapping: Mapping[str, str],
    options: SupplyOptions,
    on_progress: Callable[[Progress], None],
) -> ImportReport:
    """Change stock, prices and availability of known books as a distributor's CSV file says.

    As ``import_csv`` in everything else. Books that the shop does not have are counted and noted.

    Raises:
        ImportFileError: nothing can be read from the file, and nothing was changed.
        OSError: the file cannot be opened or read.
    """
    journal = NoJournal()
    report = journal.report
    with _opened(source) as (stream, bytes_total), collected_after_batches() as collect:
        counter = CountingReader(stream)
        records = read_records(counter)
        header = await asyncio.to_thread(next, records, None)
        if not isinstance(header, Record):
            raise ImportFileError(header.reason if header else "The file is empty.")
        plan = plan_columns(header.cells, mapping)
        report.columns, report.unused_columns = plan.meanings, plan.unused
        reader = SupplyReader(plan, currency=options.currency)
        await import_supply(
            map(reader.read, _watched(records, report)),
            options=options,
            report=report,
            on_batch=_telling(on_progress, journal, counter, bytes_total, collect),
        )
    return report


def _writing(journal: Journal, counter: CountingReader) -> OnLanded:
    async def write(session: AsyncSession, entries: Sequence[Entry]) -> None:
        await journal.write(session, entries, bytes_read=counter.bytes_read)

    return write


def _telling(
    on_progress: Callable[[Progress], None],
    journal: Journal,
    counter: CountingReader,
    bytes_total: int | None,
    collect: Callable[[], None],
) -> Callable[[], None]:
    def tell() -> None:
        collect()
        on_progress(Progress(counter.bytes_read, bytes_total, journal.report.rows))
        journal.check()

    return tell


def _go_past(records: Iterator[Record | BrokenRecord], count: int) -> None:
    deque(islice(records, count), maxlen=0)


def _watched(
    records: Iterator[Record | BrokenRecord], report: ImportReport
) -> Iterator[Record | BrokenRecord]:
    """Pass the records on, and note in the report if the file breaks off."""
    for record in records:
        if isinstance(record, BrokenRecord) and record.ends_file:
            report.is_cut_short = True
        yield record


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield a stream and its length in bytes, as far as that can be known."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            status = os.fstat(file.fileno())
            yield file, status.st_size if stat.S_ISREG(status.st_mode) else None
    else:
        yield source, None
