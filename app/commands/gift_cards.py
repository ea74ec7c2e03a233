"""Gift cards."""

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
from app.commands.terminal import fail, out, visible
from app.core import garbage
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.exceptions import AppError
from app.core.money import format_money
from app.core.pagination import ListQuery
from app.core.schemas import MAX_ID
from app.db.session import dispose_engine, session_scope
from app.promotions import gift_cards
from app.promotions.schemas import (
    GiftCardCreate,
    GiftCardRead,
    IssuedGiftCard,
)

app = typer.Typer(help="Gift cards.", no_args_is_help=True, add_completion=False)

T = TypeVar("T")


@app.command("issue")
def issue(
    amount: Annotated[str, typer.Argument(help="What is on it, in the shop's currency.")],
    email: Annotated[str | None, typer.Option(help="Whom the code is mailed to.")] = None,
    message: Annotated[str | None, typer.Option(help="What is said in that mail.")] = None,
    note: Annotated[str | None, typer.Option(help="What staff are to know of it.")] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="The first day (UTC) after its last."),
    ] = None,
) -> None:
    """Issue a gift card. Its code is printed this once, and kept nowhere.

    Examples:
        bookstore gift-card issue 25

        bookstore gift-card issue 50 --email ada@example.com --message "Happy birthday"
    """
    try:
        card = GiftCardCreate(
            amount=Decimal(amount),
            recipient_email=email,
            message=message,
            note=note,
            expires_at=until,
        )
    except InvalidOperation:
        fail(f"{amount} is no amount.")
    except ValidationError as error:
        fault = error.errors()[0]
        fail(f"{' '.join(map(str, fault['loc']))}: {fault['msg']}")

    async def step(session: AsyncSession) -> IssuedGiftCard:
        actor = command_line()
        issued = await gift_cards.issue(
            session, currency=get_settings().currency, actor=actor.name, **card.model_dump()
        )
        known = issued.without_code()
        await record(
            session, actor=actor, action="gift_card.issue", thing_id=issued.id, after=known
        )
        return issued

    issued = _run(step)
    out.print(issued.code, markup=False)


@app.command("list")
def list_gift_cards(
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at the most.")] = 20,
) -> None:
    """List gift cards, the newest first, with what is left on them.

    Example: bookstore gift-card list --limit 100
    """
    found = _run(lambda session: gift_cards.list_gift_cards(session, query=ListQuery(limit=limit)))
    if not found.rows:
        out.print("There is no gift card.")
        return
    table = Table("id", "code", "left", "of", "for", "issued by", "since (UTC)", "ended")
    for card in found.rows:
        table.add_row(
            str(card.id),
            f"… {card.last_characters}",
            _money(card, card.balance),
            _money(card, card.initial_amount),
            escape(visible(card.recipient_email or "")),
            escape(visible(card.issued_by)),
            f"{card.created_at.astimezone(UTC):%Y-%m-%d}",
            "" if card.ended_at is None else f"{card.ended_at.astimezone(UTC):%Y-%m-%d}",
        )
    out.print(table)


@app.command("end")
def end(
    gift_card_id: Annotated[
        int, typer.Argument(min=1, max=MAX_ID, help="Its number, as the list shows it.")
    ],
) -> None:
    """Let a gift card be spent no more, one that was stolen for instance.

    Its balance stays in the books.

    Example: bookstore gift-card end 42
    """

    async def step(session: AsyncSession) -> GiftCardRead:
        before = await gift_cards.get_gift_card(session, gift_card_id=gift_card_id, for_update=True)
        ended = await gift_cards.end_gift_card(session, gift_card_id=gift_card_id, now=utc_now())
        await record(
            session,
            actor=command_line(),
            action="gift_card.end",
            thing_id=gift_card_id,
            before=before,
            after=ended,
        )
        return ended

    ended = _run(step)
    out.print(
        f"Gift card {ended.id} cannot be spent any more; {_money(ended, ended.balance)} was left.",
        markup=False,
        soft_wrap=True,
    )


def _money(card: GiftCardRead, amount: Decimal) -> str:
    return format_money(amount, card.currency, get_settings().locale)


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
