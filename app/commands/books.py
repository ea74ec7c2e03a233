"""Bring books in."""

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from app import local
from app.audit.service import command_line, record
from app.books.importers.errors import ImportFileError
from app.books.importers.report import ImportReport, write_csv, write_feed_csv
from app.books.importers.run import import_stock
from app.books.importers.supply import StockMeaning, SupplyOptions
from app.books.importers.thema import MAX_BYTES as MAX_LIST_BYTES
from app.books.importers.thema import ThemaReport, import_thema
from app.books.imports.errors import ImportStoppedError, ImportTakenOverError
from app.books.imports.runs import CUT_SHORT, Wishes, fingerprint, run, start_or_take_up
from app.books.models import ImportKind
from app.books.schemas import MAX_QUANTITY
from app.commands.progress import progress_shown
from app.commands.terminal import err, fail, out, visible
from app.core import garbage
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.market import shop_market
from app.core.schemas import Price
from app.db.session import dispose_engine, session_scope

app = typer.Typer(help="Bring books in.", no_args_is_help=True, add_completion=False)
SHOWN_LINES = 10


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

    An import of a file that was interrupted goes on where it was when it is started again.

    Examples:
        bookstore import csv books.csv.gz --default-price 9.99 --report refused.csv

        bookstore import csv - --map 'Titel=title' < list.csv
    """
    wishes = Wishes(
        mapping=_read_mapping(mapping or []),
        default_price=_read_price(default_price),
        default_stock=default_stock,
    )
    source = _source(file)
    _try_report(report)
    with local.local_database():
        result = _import(file, source, kind=ImportKind.CSV, wishes=wishes)
    _print_report(result)
    if report is not None:
        write_csv(result, report)
        out.print(f"Refused rows are in {report}.", markup=False)
    if result.is_cut_short:
        fail(CUT_SHORT)


@app.command("onix")
def import_onix_files(
    files: Annotated[
        list[str], typer.Argument(help="ONIX messages, plain or gzip; - for standard input.")
    ],
    report: Annotated[
        Path | None, typer.Option(help="Write what was refused or noted to this CSV file.")
    ] = None,
) -> None:
    """Take books from publishers' feeds: ONIX 3.1, 3.0 and 2.1, reference or short tags.

    New books are added, known ones updated, deleted ones no longer sold. The same message again
    changes nothing, nor does one that is older than what was taken before. A faulty record is
    told with its line and the reason, and costs none of the others. An import of a file that was
    interrupted goes on where it was when it is started again.

    Prices are those for shoppers in COUNTRY, in CURRENCY. A book without one is in the catalogue
    and is sold as soon as it has a price.

    Refused records are counted and do not fail the import: the exit status is 0. It is 1 if one
    of the files is no ONIX message.

    Examples:
        bookstore import onix feeds/*.xml --report report.csv

        ssh publisher cat feed.xml.gz | bookstore import onix -
    """
    sources = {file: _source(file) for file in files}
    _try_report(report)
    reports: dict[str, ImportReport] = {}
    unread: dict[str, str] = {}
    with local.local_database():
        for name, source in sources.items():
            if len(sources) > 1:
                out.print(visible(name), markup=False)
            try:
                reports[name] = _import(
                    name, source, kind=ImportKind.ONIX, wishes=Wishes(mapping={})
                )
            except ImportFileError as error:
                unread[name] = error.detail
                out.print(f"  {error.detail}", markup=False)
            else:
                _print_report(reports[name])
    if report is not None:
        write_feed_csv(reports, report)
        out.print(f"What was refused or noted is in {report}.", markup=False)
    if unread:
        fail("; ".join(f"{name}: {reason}" for name, reason in unread.items()))


@app.command("thema")
def import_thema_file(
    file: Annotated[
        str,
        typer.Argument(help="EDItEUR's list as JSON, plain or gzip; - for standard input."),
    ],
) -> None:
    """Give the catalogue's Thema codes their headings and their tree.

    The list is EDItEUR's, in any language. The same list again changes nothing; codes that it
    does not have stay, without a heading.

    Examples:
        bookstore import thema thema_v1.6_en.json.gz
    """
    source = _source(file)
    content = source.read_bytes() if isinstance(source, Path) else source.read(MAX_LIST_BYTES + 1)

    async def learn() -> ThemaReport:
        try:
            async with session_scope() as session:
                report = await import_thema(session, content)
                await record(
                    session,
                    actor=command_line(),
                    action="thema.import",
                    thing_id=report.issue,
                    after={"file_name": file, "codes": report.codes, "changed": report.changed},
                )
                return report
        finally:
            await dispose_engine()

    with local.local_database():
        try:
            report = garbage.run(learn())
        except ImportFileError as error:
            fail(error.detail)
    out.print(
        f"Thema {visible(report.issue)} has {report.codes:,} codes: "
        f"{report.changed:,} were new or changed.",
        markup=False,
    )


@app.command("stock")
def import_stock_files(
    files: Annotated[
        list[str], typer.Argument(help="CSV files, plain or gzip; - for standard input.")
    ],
    meaning: Annotated[
        StockMeaning,
        typer.Option("--as", help="Whose copies are counted: the supplier's, or the shop's own."),
    ] = StockMeaning.SUPPLIER,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="Which column is what, as 'Their qty=stock'. Repeatable."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what was refused or noted to this CSV file.")
    ] = None,
) -> None:
    """Take stock and prices from distributors' nightly files: known books change, none is added.

    A row is about the book with its ISBN or bar code (EAN). It may say price, availability (a code
    of ONIX list 65, or words), days to order and stock; a price of 0 is none. A supplier's stock
    tells whether the book can be ordered. With --as shelf it is the number of copies that can be
    bought: reserved copies stay reserved, and readers who wait for a book are told that it is back.

    Books that the shop does not have are counted. Refused rows do not fail the import: the exit
    status is 0. It is 1 if one of the files could not be read to its end.

    Examples:
        bookstore import stock gardners.csv.gz --report report.csv

        bookstore import stock counted.csv --as shelf --map 'Shelf=stock'
    """
    meanings = _read_mapping(mapping or [])
    sources = {file: _source(file) for file in files}
    _try_report(report)
    reports: dict[str, ImportReport] = {}
    unread: dict[str, str] = {}
    with local.local_database():
        options = SupplyOptions(
            currency=get_settings().currency,
            today=shop_market(now=utc_now(), settings=get_settings()).today,
            meaning=meaning,
        )
        for name, source in sources.items():
            if len(sources) > 1:
                out.print(visible(name), markup=False)
            try:
                reports[name] = _import_stock(name, source, mapping=meanings, options=options)
            except ImportFileError as error:
                unread[name] = error.detail
                out.print(f"  {error.detail}", markup=False)
                continue
            _print_report(reports[name])
            if reports[name].is_cut_short:
                unread[name] = "the file is damaged: what came before the damage was taken."
    if report is not None:
        write_feed_csv(reports, report)
        out.print(f"What was refused or noted is in {report}.", markup=False)
    if unread:
        fail("; ".join(f"{name}: {reason}" for name, reason in unread.items()))


def _import_stock(
    name: str, source: Path | BinaryIO, *, mapping: Mapping[str, str], options: SupplyOptions
) -> ImportReport:
    async def import_and_close() -> ImportReport:
        try:
            with progress_shown(err) as show:
                report = await import_stock(
                    source, mapping=mapping, options=options, on_progress=show
                )
            async with session_scope() as session:
                await record(
                    session,
                    actor=command_line(),
                    action="stock.import",
                    after={
                        "file_name": name,
                        "meaning": options.meaning,
                        "rows": report.rows,
                        "updated": report.updated,
                        "unchanged": report.unchanged,
                        "refused": report.refused_total,
                    },
                )
            return report
        finally:
            await dispose_engine()

    return garbage.run(import_and_close())


def _source(file: str) -> Path | BinaryIO:
    """Return what a command's argument names: standard input, or something that can be read."""
    if file == "-":
        return sys.stdin.buffer
    if Path(file).is_dir():
        fail(f"{file} is a folder: name a file in it.")
    if not Path(file).exists():
        fail(f"There is no file {file}.")
    return Path(file)


def _try_report(report: Path | None) -> None:
    """Let who asks for a report that cannot be written hear it before the import."""
    if report is not None:
        with report.open("a", encoding="utf-8"):
            pass


def _print_report(report: ImportReport) -> None:
    """Say what became of the rows, and what was done to them."""
    _print_counts(report)
    for kind, number in report.repairs.most_common():
        out.print(f"  {kind.value}: {number:,}")
        for example in report.examples.get(kind, [])[:1]:
            before, after = example.repair.before, example.repair.after
            out.print(f"    line {example.line}: {before!r} became {after!r}", markup=False)
    refused = [(item.line, item.reference, item.reason) for item in report.refused[:SHOWN_LINES]]
    _print_lines(refused, report.refused_total)
    noted = [(item.line, item.reference, item.text) for item in report.notes[:SHOWN_LINES]]
    _print_lines(noted, report.notes_total)
    if report.unused_columns:
        unused = visible(", ".join(report.unused_columns))
        out.print(f"Columns that were not used: {unused}", markup=False)


def _print_counts(report: ImportReport) -> None:
    table = Table(show_header=False, box=None)
    for words, number in (
        ("rows", report.rows),
        ("taken", report.taken),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
        ("refused", report.refused_total),
    ):
        table.add_row(words, f"{number:,}")
    for words, number in (
        ("deleted", report.deleted),
        ("older than known", report.outdated),
        ("not in the shop", report.unknown),
    ):
        if number:
            table.add_row(words, f"{number:,}")
    out.print(table)


def _print_lines(shown: Sequence[tuple[int, str, str]], total: int) -> None:
    """Print the first lines of a list, and how many more there are."""
    for line, reference, words in shown:
        out.print(visible(f"  line {line}, {reference}: {words}"), markup=False)
    if total > len(shown):
        out.print(f"  and {total - len(shown):,} more: --report writes them down")


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


def _import(
    name: str, source: Path | BinaryIO, *, kind: ImportKind, wishes: Wishes
) -> ImportReport:
    """Import a file behind a bar, from where an import of the same file was interrupted."""
    settings = get_settings()
    digest, bytes_total = None, None
    if isinstance(source, Path) and source.is_file():
        bytes_total = source.stat().st_size
        digest = fingerprint(source, kind=kind, wishes=wishes, settings=settings)

    async def import_file() -> ImportReport:
        journal = await start_or_take_up(
            kind=kind,
            file_name=name,
            fingerprint=digest,
            bytes_total=bytes_total,
            requested_by=command_line().name,
        )
        if journal.records:
            err.print(
                "The import of this file was interrupted: it resumes after record "
                f"{journal.records:,} (import {journal.import_id}).",
                soft_wrap=True,
            )
        with progress_shown(err) as show:
            return await run(
                source,
                kind=kind,
                wishes=wishes,
                journal=journal,
                settings=settings,
                on_progress=show,
            )

    async def import_and_close() -> ImportReport:
        try:
            return await import_file()
        finally:
            await dispose_engine()

    try:
        return garbage.run(import_and_close())
    except ImportStoppedError:
        fail("The import was cancelled: what has landed stays.")
    except ImportTakenOverError:
        fail("The same file is imported elsewhere, which goes on with it.")
