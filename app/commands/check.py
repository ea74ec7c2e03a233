"""Whether every promise is kept."""

import typer
from rich.markup import escape
from rich.table import Table

from app import local
from app.check import check as find_breaches
from app.commands.terminal import out
from app.core import garbage
from app.core.findings import Finding
from app.db.session import dispose_engine

app = typer.Typer(add_completion=False)


@app.command()
def check() -> None:
    """Look for data that break the shop's promises; exit with 1 if there are any.

    Copies, orders, payments and mails are compared with each other, as they were at one moment:
    the shop may stay open.

    Example: bookstore check
    """
    with local.local_database():
        findings = garbage.run(_find_breaches())
    if not findings:
        out.print("Every promise is kept: nothing was found.")
        return
    table = Table("invariant", "what", "how it is")
    for finding in findings:
        table.add_row(finding.invariant, finding.subject, escape(finding.detail))
    out.print(table)
    raise typer.Exit(1)


async def _find_breaches() -> list[Finding]:
    try:
        return await find_breaches()
    finally:
        await dispose_engine()
