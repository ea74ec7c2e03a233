"""Copies: where they are, what happened to them, and what came or was lost."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line
from app.books import service, stock_keeping
from app.books.stock_schemas import Correction, Delivery, LowLevel, StockQuery, StockRead
from app.commands.terminal import fail, out, visible
from app.core import garbage
from app.core.pagination import ListQuery
from app.db.session import dispose_engine, session_scope

app = typer.Typer(
    help="Copies: show, receive, correct, watch.", no_args_is_help=True, add_completion=False
)

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

Named = Annotated[str, typer.Argument(metavar="BOOK", help="The book's ISBN, or its number.")]
Reference = Annotated[
    str | None, typer.Option("--reference", help="What the delivery note calls it.")
]


@app.command("show")
def show_stock(book: Named) -> None:
    """Show where the copies of a book are, and what happened to them last.

    Example: bookstore stock show 9780141439518
    """

    async def show(session: AsyncSession) -> None:
        book_id = await service.find_book_id(session, named=book)
        _print_stock([await stock_keeping.get_stock(session, book_id=book_id)])
        found = await stock_keeping.list_movements(
            session, book_id=book_id, query=ListQuery(limit=20)
        )
        table = Table("when (UTC)", "what", "copies", "order", "who", "why", "reference")
        for row in found.rows:
            table.add_row(
                f"{row.created_at:%Y-%m-%d %H:%M}",
                row.kind,
                f"{row.copies:+}",
                str(row.order_id or ""),
                *(escape(visible(text or "")) for text in (row.actor, row.reason, row.reference)),
            )
        out.print(table)

    _run(show)


@app.command("low")
def list_low() -> None:
    """List the books that are to be ordered anew: no more copies on hand than their level.

    Example: bookstore stock low
    """

    async def show(session: AsyncSession) -> None:
        found = await stock_keeping.list_stock(session, query=StockQuery(low=True))
        rows = list(found.rows)
        while found.next_cursor is not None:
            query = StockQuery(low=True, cursor=found.next_cursor)
            found = await stock_keeping.list_stock(session, query=query)
            rows += found.rows
        if rows:
            _print_stock(rows)
        else:
            out.print("No book that is watched is low.")

    _run(show)


@app.command("receive")
def receive(
    book: Named,
    copies: Annotated[int, typer.Argument(help="How many came.")],
    reference: Reference = None,
) -> None:
    """Put delivered copies on the shelf; readers who wait for the book are told.

    Example: bookstore stock receive 9780141439518 12 --reference 'Delivery note 4711'
    """

    async def do(session: AsyncSession) -> None:
        book_id = await service.find_book_id(session, named=book)
        line = {"book_id": book_id, "copies": copies}
        delivery = _read(Delivery, lines=[line], reference=reference)
        _print_stock(
            await stock_keeping.receive_delivery(session, actor=command_line(), delivery=delivery)
        )

    _run(do)


@app.command("correct", context_settings={"ignore_unknown_options": True})
def correct(
    book: Named,
    by: Annotated[int, typer.Argument(help="How many were found, or with a minus lost.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger.")],
    reference: Reference = None,
) -> None:
    """Count copies that were found, or with a minus lost or damaged.

    Example: bookstore stock correct 9780141439518 -1 --reason 'Water damage'
    """

    async def do(session: AsyncSession) -> None:
        book_id = await service.find_book_id(session, named=book)
        correction = _read(Correction, by=by, reason=reason, reference=reference)
        changed = await stock_keeping.correct_stock(
            session, actor=command_line(), book_id=book_id, correction=correction
        )
        _print_stock([changed])

    _run(do)


@app.command("watch")
def watch(
    book: Named,
    level: Annotated[
        int | None, typer.Argument(help="Order anew with so many on hand; none: stop watching.")
    ] = None,
) -> None:
    """Say with how many copies on hand a book is to be ordered anew.

    Examples:
        bookstore stock watch 9780141439518 3

        bookstore stock watch 9780141439518
    """

    async def do(session: AsyncSession) -> None:
        book_id = await service.find_book_id(session, named=book)
        changed = await stock_keeping.watch_stock(
            session, actor=command_line(), book_id=book_id, level=_read(LowLevel, low_level=level)
        )
        _print_stock([changed])

    _run(do)


def _read(model: type[Model], **values: object) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"{first['loc'][-1] if first['loc'] else 'This'}: {first['msg']}.")


def _run(step: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def run() -> T:
        try:
            async with session_scope() as session:
                return await step(session)
        finally:
            await dispose_engine()

    with local.local_database():
        return garbage.run(run())


def _print_stock(rows: list[StockRead]) -> None:
    table = Table("book", "ISBN", "title", "on hand", "reserved", "sold", "low level")
    for row in rows:
        table.add_row(
            str(row.book_id),
            row.isbn or "",
            escape(visible(row.title)),
            str(row.on_hand),
            str(row.reserved),
            str(row.sold),
            "" if row.low_level is None else str(row.low_level),
        )
    out.print(table)
