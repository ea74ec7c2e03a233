"""Tax: the rates."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, TypeVar, get_args

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line
from app.commands.terminal import fail, out, visible
from app.core import garbage
from app.core.clock import utc_now
from app.core.countries import Country
from app.core.pagination import MAX_SIZE
from app.db.session import dispose_engine, session_scope
from app.tax import service
from app.tax.kinds import RATED, ProductKind
from app.tax.schemas import (
    RatedKind,
    TaxRateQuery,
    TaxRateRead,
    TaxRateUpdate,
    plain_percent,
)

app = typer.Typer(help="Tax.", no_args_is_help=True, add_completion=False)
rates = typer.Typer(help="The rates of each country.", no_args_is_help=True)
app.add_typer(rates, name="rates")

T = TypeVar("T")
Code = Annotated[str, typer.Argument(help="The country's two letters (ISO 3166-1), such as FR.")]


@app.callback()
def tax() -> None:
    """Tax: the rates."""


@rates.command("list")
def list_rates(
    country: Annotated[
        str | None, typer.Argument(help="Only this country's: two letters (ISO 3166-1).")
    ] = None,
) -> None:
    """List the rates, in per cent, with the day that each is from and what it rests on.

    Of a kind that has several, the one of the latest day that has come is in force.

    Examples:
        bookstore tax rates list

        bookstore tax rates list FR
    """
    code = None if country is None else _country(country)
    found = _run(lambda session: _list(session, code))
    if not found:
        out.print("There is no such rate: what is sold there bears no tax.")
        return
    table = Table("country", "kind", "from", "per cent", "source", "note")
    for rate in found:
        table.add_row(
            rate.country,
            rate.kind,
            str(rate.valid_from),
            plain_percent(rate.rate),
            escape(visible(rate.source)),
            escape(visible(rate.note or "")),
        )
    out.print(table)


@rates.command("set")
def set_rate(
    country: Code,
    kind: Annotated[
        ProductKind, typer.Argument(help=f"One of: {', '.join(RATED)} (everything else).")
    ],
    rate: Annotated[str, typer.Argument(help="Per cent of the net price, such as 5.5.")],
    valid_from: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="From which day on; else from today."),
    ] = None,
    source: Annotated[str, typer.Option(help="What it rests on, such as a law.")] = "Set by staff",
) -> None:
    """Set a country's rate from a day on. Orders that were placed keep their tax.

    Examples:
        bookstore tax rates set FR book 5.5

        bookstore tax rates set DK book 12.5 --from 2027-01-01 --source 'Their letter'
    """
    code = _country(country)
    if kind not in get_args(RatedKind):
        fail(f"There are rates for {', '.join(RATED)}.")
    day: date | None = None if valid_from is None else valid_from.date()
    try:
        update = TaxRateUpdate.model_validate({"rate": rate, "valid_from": day, "source": source})
    except ValidationError as error:
        fail(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}.")
    done = _run(
        lambda session: service.set_rate(
            session, actor=command_line(), country=code, kind=kind, update=update, now=utc_now()
        )
    )
    out.print(f"{code}, {kind}: {plain_percent(done.rate)} per cent from {done.valid_from} on.")


@rates.command("reset")
def reset_rates(
    country: Annotated[
        str | None, typer.Argument(help="Only this country's: two letters (ISO 3166-1).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Set the rates to those that this version of the shop comes with; others there are deleted.

    Examples:
        bookstore tax rates reset FR

        bookstore tax rates reset --yes
    """
    code = None if country is None else _country(country)
    if not yes:
        typer.confirm(f"Forget what was set for {code or 'every country'}?", abort=True)
    done = _run(lambda session: service.reset_rates(session, actor=command_line(), country=code))
    out.print(f"{done.rates} rates are set as the shop comes with them.")


def _country(text: str) -> str:
    try:
        code: str = TypeAdapter(Country).validate_python(text.strip().upper())
    except ValidationError:
        fail(f"{text} is no country: name its two letters, such as FR.")
    return code


async def _list(session: AsyncSession, country: str | None) -> list[TaxRateRead]:
    """Return all rates, however many pages they are."""
    query = TaxRateQuery(country=country, limit=MAX_SIZE)
    found = await service.list_rates(session, query=query)
    listed = list(found.rows)
    while found.next_cursor is not None:
        query = query.model_copy(update={"cursor": found.next_cursor})
        found = await service.list_rates(session, query=query)
        listed += found.rows
    return listed


def _run(step: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def run() -> T:
        try:
            async with session_scope() as session:
                return await step(session)
        finally:
            await dispose_engine()

    with local.local_database():
        return garbage.run(run())
