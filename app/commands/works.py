"""Works and their editions."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line
from app.books.schemas import Line
from app.books.work_schemas import WorkRead
from app.books.works import get_work, merge_works_as_staff, split_work_as_staff
from app.commands.terminal import fail, out, visible
from app.core import garbage
from app.core.schemas import MAX_ID
from app.db.session import dispose_engine, session_scope

app = typer.Typer(help="Works and their editions.", no_args_is_help=True, add_completion=False)

ISBN_DIGITS = 13
"""However narrow the terminal, they are shown whole, to be copied."""

WorkId = Annotated[
    int, typer.Argument(min=1, max=MAX_ID, help="The work's number, as books and works show it.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


@app.command("show")
def show_work(work_id: WorkId) -> None:
    """Show a work and all of its editions, also those that are not sold.

    Example: bookstore works show 42
    """
    with local.local_database():
        _print_work(_show(work_id))


@app.command("merge")
def merge(
    work_id: WorkId,
    other_ids: Annotated[
        list[int], typer.Argument(min=1, max=MAX_ID, help="The works that are the same.")
    ],
    yes: Yes = False,
) -> None:
    """Merge other works into this one: their editions move, and they are gone.

    The work keeps its title and facts and takes from the others what it lacks. Old addresses lead
    to it, and feeds do not undo it. To take it back, split the editions off again.

    Examples:
        bookstore works merge 42 1042

        bookstore works merge 42 1042 2310 --yes
    """
    with local.local_database():
        if not yes:
            for number in (work_id, *other_ids):
                _print_work(_show(number))
            typer.confirm(f"Merge the others into work {work_id}?", abort=True)
        _print_work(
            _run(
                lambda session: merge_works_as_staff(
                    session, actor=command_line(), work_id=work_id, other_ids=other_ids
                )
            )
        )


@app.command("split")
def split(
    work_id: WorkId,
    book_ids: Annotated[
        list[int], typer.Argument(min=1, max=MAX_ID, help="The books that do not belong to it.")
    ],
    title: Annotated[str | None, typer.Option(help="The new work's title.")] = None,
    yes: Yes = False,
) -> None:
    """Split editions off a work: they become a work of their own, with a copy of its facts.

    Feeds do not undo it. To take it back, merge the new work into the old one.

    Examples:
        bookstore works split 42 77

        bookstore works split 42 77 78 --title 'Emma: a retelling' --yes
    """
    named = _read_title(title)
    with local.local_database():
        if not yes:
            _print_work(_show(work_id))
            books = ", ".join(str(book_id) for book_id in book_ids)
            typer.confirm(f"Make a new work of {books}?", abort=True)
        _print_work(
            _run(
                lambda session: split_work_as_staff(
                    session, actor=command_line(), work_id=work_id, book_ids=book_ids, title=named
                )
            )
        )


def _show(work_id: int) -> WorkRead:
    return _run(lambda session: get_work(session, work_id=work_id, is_staff=True))


def _read_title(title: str | None) -> str | None:
    if title is None:
        return None
    try:
        return TypeAdapter(Line).validate_python(title.strip())
    except ValidationError:
        fail("A title has 1 to 500 characters that can be printed.")


def _run(step: Callable[[AsyncSession], Awaitable[WorkRead]]) -> WorkRead:
    async def run() -> WorkRead:
        try:
            async with session_scope() as session:
                return await step(session)
        finally:
            await dispose_engine()

    return garbage.run(run())


def _print_work(work: WorkRead) -> None:
    """Print a work in a line and its editions in a table."""
    out.print(visible(f"Work {work.id}: {work.title}, by {work.author}"), markup=False)
    table = Table("book", "ISBN", "format", "publisher", "year", "price", "availability")
    table.columns[1].min_width = ISBN_DIGITS
    for edition in work.editions:
        table.add_row(
            str(edition.id),
            edition.isbn or "",
            edition.format,
            escape(visible(edition.publisher or "")),
            str(edition.publish_year or ""),
            f"{edition.price} {edition.currency}" if edition.price else "",
            edition.availability.text if edition.is_sold else "Not sold",
        )
    out.print(table)
    if work.edition_count > len(work.editions):
        out.print(f"and {work.edition_count - len(work.editions):,} more")
