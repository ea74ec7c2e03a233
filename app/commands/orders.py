"""Orders: look at one, send it, call it off, pay money back."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line
from app.commands.terminal import fail, out, visible
from app.core import garbage
from app.core.clock import utc_now
from app.db.session import dispose_engine, session_scope
from app.orders.fulfilment import acts
from app.orders.fulfilment.progress import describe
from app.orders.fulfilment_models import Reason
from app.orders.fulfilment_schemas import (
    CancelRequest,
    FulfilmentRead,
    RefundCreate,
    ShipmentCreate,
)
from app.orders.service import find_order_id, get_order_of_shop

app = typer.Typer(help="Look after orders.", no_args_is_help=True, add_completion=False)

Number = Annotated[str, typer.Argument(help="The order's number, such as 7KQ2M-XR94T.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Why = Annotated[Reason, typer.Option(help="Why.")]

M = TypeVar("M", bound=BaseModel)
Act = Callable[[AsyncSession, int], Awaitable[FulfilmentRead]]


@app.command("show")
def show(number: Number) -> None:
    """Show an order: what was bought, what has left, what went back.

    Example: bookstore order show 7KQ2M-XR94T
    """
    with local.local_database():
        _print(_run(number, _describe))


@app.command("ship")
def ship(
    number: Number,
    carrier: Annotated[str | None, typer.Option(help="Who carries the parcel.")] = None,
    tracking: Annotated[str | None, typer.Option(help="The parcel's tracking number.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the buyer can follow it.")] = None,
) -> None:
    """Send all that is left of an order in one parcel; its buyer is told by mail.

    Examples:
        bookstore order ship 7KQ2M-XR94T

        bookstore order ship 7KQ2M-XR94T --carrier DHL --tracking 00340434161094000000
    """
    parcel = _read(
        ShipmentCreate, {"carrier": carrier, "tracking_number": tracking, "tracking_url": url}
    )
    with local.local_database():
        _print(
            _run(
                number,
                lambda session, order_id: acts.ship(
                    session, actor=command_line(), order_id=order_id, parcel=parcel
                ),
            )
        )


@app.command("cancel")
def cancel(number: Number, reason: Why = Reason.OTHER, yes: Yes = False) -> None:
    """Call an order off of which nothing has left: copies and money go back.

    Example: bookstore order cancel 7KQ2M-XR94T --reason out_of_stock
    """
    with local.local_database():
        if not yes:
            _print(_run(number, _describe))
            typer.confirm("Call this order off?", abort=True)
        wanted = CancelRequest(reason=reason)
        _print(
            _run(
                number,
                lambda session, order_id: acts.cancel(
                    session,
                    actor=command_line(),
                    order_id=order_id,
                    wanted=wanted,
                    now=utc_now(),
                ),
            )
        )


@app.command("refund")
def refund(
    number: Number,
    amount: Annotated[
        str | None, typer.Option(help="How much; all that is left if it is not said.")
    ] = None,
    reason: Why = Reason.OTHER,
    yes: Yes = False,
) -> None:
    """Pay money of an order back. The worker asks the gateway, and the buyer is told by mail.

    Examples:
        bookstore order refund 7KQ2M-XR94T --amount 5.00 --reason goodwill

        bookstore order refund 7KQ2M-XR94T --yes
    """
    wanted = _read(RefundCreate, {"reason": reason, "amount": amount})
    with local.local_database():
        if not yes:
            _print(_run(number, _describe))
            how_much = "all that is left" if wanted.amount is None else f"{wanted.amount}"
            typer.confirm(f"Pay {how_much} back?", abort=True)
        _print(
            _run(
                number,
                lambda session, order_id: acts.refund(
                    session,
                    actor=command_line(),
                    order_id=order_id,
                    wanted=wanted,
                    now=utc_now(),
                ),
            )
        )


async def _describe(session: AsyncSession, order_id: int) -> FulfilmentRead:
    return await describe(session, order=await get_order_of_shop(session, order_id=order_id))


def _read(model: type[M], given: dict[str, str | None]) -> M:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        fail(f"{fault['loc'][0]}: {fault['msg']}.")


def _run(number: str, act: Act) -> FulfilmentRead:
    async def run() -> FulfilmentRead:
        try:
            async with session_scope() as session:
                order_id = await find_order_id(session, number=number)
                return await act(session, order_id)
        finally:
            await dispose_engine()

    return garbage.run(run())


def _print(order: FulfilmentRead) -> None:
    out.print(f"Order {order.number}: {order.status.replace('_', ' ')}")
    table = Table("book", "ordered", "sent", "dropped", "returned", "refunded")
    for line in order.lines:
        counts = (line.quantity, line.sent, line.dropped, line.returned, line.refunded)
        table.add_row(escape(visible(line.title)), *map(str, counts))
    out.print(table)
    for parcel in order.shipments:
        words = " ".join(filter(None, (parcel.carrier, parcel.tracking_number)))
        out.print(
            visible(f"Parcel {parcel.id}, {parcel.created_at:%Y-%m-%d} {words}"), markup=False
        )
    for each in order.refunds:
        failure = f": {each.failure}" if each.failure else ""
        words = f"Refund {each.id}, {each.amount} {each.currency}: {each.state}{failure}"
        out.print(visible(words), markup=False)
    left: Decimal = order.paid - order.refunded_total
    out.print(f"Paid {order.paid} {order.currency}, of which {left} can still be paid back.")
