"""Coupons."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line, record
from app.books.codes import BookFormat
from app.commands.terminal import fail, out, visible
from app.core import garbage
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.exceptions import AppError
from app.core.money import format_money
from app.core.pagination import ListQuery
from app.db.session import dispose_engine, session_scope
from app.promotions import coupons
from app.promotions.schemas import CouponCreate, CouponRead
from app.promotions.terms import CouponKind

app = typer.Typer(help="Coupons.", no_args_is_help=True, add_completion=False)

T = TypeVar("T")
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command("create")
def create_coupon(
    code: Annotated[str, typer.Argument(help="What readers type; case does not count.")],
    percent: Annotated[str | None, typer.Option(help="So many percent off.")] = None,
    amount: Annotated[str | None, typer.Option(help="So much off, in the shop's currency.")] = None,
    free_shipping: Annotated[
        bool, typer.Option("--free-shipping", help="Delivery without charge.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="What readers see; else the code.")] = None,
    minimum: Annotated[str | None, typer.Option(help="For books that cost at least this.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="In how many orders at most.")] = None,
    per_person: Annotated[
        int | None, typer.Option(min=1, help="In how many orders of one reader.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=MOMENTS, help="The first moment (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=MOMENTS, help="The first moment after (UTC).")
    ] = None,
    formats: Annotated[
        list[BookFormat] | None, typer.Option("--format", help="For these only. Repeatable.")
    ] = None,
    genre_ids: Annotated[
        list[int] | None, typer.Option("--genre", help="For these genres, by number. Repeatable.")
    ] = None,
) -> None:
    """Make a coupon. New books whose price a law binds stay at it.

    Publishers, single books and stacking are for the API, PUT /api/v1/admin/coupons/{id}.

    Examples:
        bookstore coupon create SPRING-26 --percent 10 --to 2026-06-01

        bookstore coupon create WELCOME --amount 5 --minimum 30 --per-person 1

        bookstore coupon create POST-FREE --free-shipping --limit 500
    """
    kinds = {
        CouponKind.PERCENT: percent is not None,
        CouponKind.AMOUNT: amount is not None,
        CouponKind.FREE_SHIPPING: free_shipping,
    }
    asked = [kind for kind, is_asked in kinds.items() if is_asked]
    if len(asked) != 1:
        fail("Say one of --percent, --amount and --free-shipping.")
    try:
        coupon = CouponCreate(
            code=code,
            title=title or code,
            kind=asked[0],
            percent=_decimal(percent),
            amount=_decimal(amount),
            minimum=_decimal(minimum),
            max_redemptions=limit,
            max_per_person=per_person,
            starts_at=since,
            ends_at=until,
            formats=formats or [],
            genre_ids=genre_ids or [],
        )
    except ValidationError as error:
        fault = error.errors()[0]
        fail(f"{' '.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": "))

    async def create(session: AsyncSession) -> CouponRead:
        made = await coupons.create_coupon(session, coupon=coupon, currency=get_settings().currency)
        await record(
            session, actor=command_line(), action="coupon.create", thing_id=made.id, after=made
        )
        return made

    made = _run(create)
    _say(f"{made.code}: {_worth(made)}.")


@app.command("list")
def list_coupons(
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at the most.")] = 20,
) -> None:
    """List coupons, the newest first, with how often they were used.

    Example: bookstore coupon list --limit 100
    """
    found = _run(lambda session: coupons.list_coupons(session, query=ListQuery(limit=limit)))
    if not found.rows:
        out.print("There is no coupon.")
        return
    table = Table("code", "title", "off", "used", "of", "until (UTC)", "ended")
    table.columns[0].overflow = "fold"  # however narrow the terminal, it is shown whole
    for coupon in found.rows:
        table.add_row(
            escape(visible(coupon.code)),
            escape(visible(coupon.title)),
            _worth(coupon),
            str(coupon.redeemed),
            "" if coupon.max_redemptions is None else str(coupon.max_redemptions),
            _moment(coupon.ends_at),
            _moment(coupon.ended_at),
        )
    out.print(table)


@app.command("end")
def end_coupon(
    code: Annotated[str, typer.Argument(help="The coupon's code.")],
) -> None:
    """End a coupon for good, whatever its dates. Orders keep what they had.

    Example: bookstore coupon end SPRING-26
    """

    async def end(session: AsyncSession) -> CouponRead:
        before = await coupons.get_coupon_by_code(session, code=code)
        ended = await coupons.end_coupon(session, coupon_id=before.id, now=utc_now())
        await record(
            session,
            actor=command_line(),
            action="coupon.end",
            thing_id=ended.id,
            before=before,
            after=ended,
        )
        return ended

    ended = _run(end)
    _say(f"{ended.code} is over; it was used {ended.redeemed:,} times.")


def _decimal(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        fail(f"{text} is no number.")


def _worth(coupon: CouponRead) -> str:
    if coupon.percent is not None:
        return f"{coupon.percent.normalize():f} %"
    if coupon.amount is not None:
        return format_money(coupon.amount, coupon.currency, get_settings().locale)
    return "free delivery"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _say(words: str) -> None:
    out.print(visible(words), markup=False, soft_wrap=True)


def _run(step: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Take a step in a transaction of its own, or end with what is in its way."""

    async def run() -> T:
        try:
            async with session_scope() as session:
                return await step(session)
        finally:
            await dispose_engine()

    with local.local_database():
        try:
            return garbage.run(run())
        except AppError as error:
            fail(error.detail)
