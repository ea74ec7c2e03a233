"""SQL for gift cards. Each statement that moves a balance writes the ledger's line with it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Numeric,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import AnyRow, Order, read_objects
from app.core.pagination import Slice, Window
from app.promotions.models import EntryKind, GiftCard, GiftCardEntry, GiftCardPayment

NEWEST_FIRST = Order(name="gift cards", keys=(GiftCard.id.expression,), is_descending=True)
ENTRIES_NEWEST_FIRST = Order(
    name="gift card entries", keys=(GiftCardEntry.id.expression,), is_descending=True
)

MONEY = Numeric(10, 2)
ENTRY = ["gift_card_id", "kind", "amount", "balance_after", "order_id"]


def usable(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a gift card may be spent, if anything is left on it."""
    return and_(
        GiftCard.ended_at.is_(None), or_(GiftCard.expires_at.is_(None), GiftCard.expires_at > now)
    )


async def insert_card(session: AsyncSession, values: Mapping[str, Any]) -> int:
    """Write a gift card and the first line of its ledger; return its id."""
    card = (
        insert(GiftCard)
        .values(**values, balance=values["initial_amount"])
        .returning(GiftCard.id, GiftCard.balance)
        .cte("card")
    )
    statement = (
        insert(GiftCardEntry)
        .from_select(
            ENTRY,
            select(
                card.c.id, literal(EntryKind.ISSUED.value), card.c.balance, card.c.balance, null()
            ),
        )
        .returning(GiftCardEntry.gift_card_id)
    )
    return (await session.scalars(statement)).one()


async def find_by_hash(
    session: AsyncSession, *, code_hash: bytes, now: datetime
) -> GiftCard | None:
    """Return the gift card of a code that may be used, as it is now."""
    statement = (
        select(GiftCard)
        .where(GiftCard.code_hash == code_hash, usable(now))
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_usable(
    session: AsyncSession, *, gift_card_id: int, now: datetime
) -> GiftCard | None:
    """Return a gift card that may be used, as it is now."""
    statement = (
        select(GiftCard)
        .where(GiftCard.id == gift_card_id, usable(now))
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_code_hash(session: AsyncSession, *, key: UUID) -> bytes | None:
    """Return the digest of the code of the gift card with a key."""
    statement = select(GiftCard.code_hash).where(GiftCard.key == key)
    return (await session.scalars(statement)).one_or_none()


async def find_card(
    session: AsyncSession, *, gift_card_id: int, for_update: bool = False
) -> GiftCard | None:
    """Return a gift card as it is now; with ``for_update`` nobody else changes it meanwhile."""
    statement = (
        select(GiftCard)
        .where(GiftCard.id == gift_card_id)
        .execution_options(populate_existing=True)
    )
    if for_update:
        statement = statement.with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def spend(
    session: AsyncSession,
    *,
    gift_card_id: int,
    amount: Decimal,
    currency: str,
    order_id: int,
    now: datetime,
) -> Decimal | None:
    """Take up to an amount off a gift card for an order; return how much it was.

    ``None`` if the card cannot be used or nothing is left. Who comes second waits for the row, and
    gets what the first has left.
    """
    before = (
        select(GiftCard.id, func.least(GiftCard.balance, cast(amount, MONEY)).label("spent"))
        .where(
            GiftCard.id == gift_card_id,
            GiftCard.currency == currency,
            GiftCard.balance > 0,
            usable(now),
        )
        .with_for_update()
        .cte("before")
    )
    card = (
        update(GiftCard)
        .where(GiftCard.id == before.c.id)
        .values(balance=GiftCard.balance - before.c.spent)
        .returning(GiftCard.id, GiftCard.balance, before.c.spent)
        .cte("card")
    )
    paid = upsert(GiftCardPayment).from_select(
        ["order_id", "gift_card_id", "spent"], select(literal(order_id), card.c.id, card.c.spent)
    )
    payment = (
        paid.on_conflict_do_update(
            index_elements=[GiftCardPayment.order_id, GiftCardPayment.gift_card_id],
            set_={"spent": GiftCardPayment.spent + paid.excluded.spent},
        )
        .returning(GiftCardPayment.gift_card_id)
        .cte("payment")
    )
    entry = (
        insert(GiftCardEntry)
        .from_select(
            ENTRY,
            select(
                card.c.id,
                literal(EntryKind.SPENT.value),
                -card.c.spent,
                card.c.balance,
                literal(order_id),
            ),
        )
        .returning(-GiftCardEntry.amount)
        .add_cte(payment)
    )
    return (await session.scalars(entry)).one_or_none()


async def list_payments(session: AsyncSession, *, order_id: int) -> Sequence[AnyRow]:
    """Return what gift cards paid of an order and how much of it went back, by ascending id."""
    statement = (
        select(
            GiftCardPayment.gift_card_id,
            GiftCard.last_characters,
            GiftCardPayment.spent,
            GiftCardPayment.given_back,
        )
        .join(GiftCard, GiftCard.id == GiftCardPayment.gift_card_id)
        .where(GiftCardPayment.order_id == order_id)
        .order_by(GiftCardPayment.gift_card_id)
    )
    return (await session.execute(statement)).all()


async def give_back(
    session: AsyncSession, *, order_id: int, gift_card_id: int, amount: Decimal | None
) -> Decimal | None:
    """Put up to an amount of what a card paid of an order back onto it; return how much it was.

    ``None`` if all of it went back before. An ended or expired card takes it too: it is the
    reader's money, and staff see it.
    """
    open_amount = GiftCardPayment.spent - GiftCardPayment.given_back
    if amount is not None:
        open_amount = func.least(open_amount, cast(amount, MONEY))
    before = (
        select(GiftCardPayment.gift_card_id, open_amount.label("back"))
        .where(
            GiftCardPayment.order_id == order_id,
            GiftCardPayment.gift_card_id == gift_card_id,
            GiftCardPayment.given_back < GiftCardPayment.spent,
        )
        .with_for_update()
        .cte("before")
    )
    payment = (
        update(GiftCardPayment)
        .where(
            GiftCardPayment.order_id == order_id,
            GiftCardPayment.gift_card_id == before.c.gift_card_id,
        )
        .values(given_back=GiftCardPayment.given_back + before.c.back)
        .returning(GiftCardPayment.gift_card_id, before.c.back)
        .cte("payment")
    )
    card = (
        update(GiftCard)
        .where(GiftCard.id == payment.c.gift_card_id)
        .values(balance=GiftCard.balance + payment.c.back)
        .returning(GiftCard.id, GiftCard.balance, payment.c.back)
        .cte("card")
    )
    entry = (
        insert(GiftCardEntry)
        .from_select(
            ENTRY,
            select(
                card.c.id,
                literal(EntryKind.GIVEN_BACK.value),
                card.c.back,
                card.c.balance,
                literal(order_id),
            ),
        )
        .returning(GiftCardEntry.amount)
    )
    return (await session.scalars(entry)).one_or_none()


async def update_card(
    session: AsyncSession, *, gift_card_id: int, values: Mapping[str, Any]
) -> None:
    """Change what is told of a gift card; its balance is not among that."""
    await session.execute(
        update(GiftCard)
        .where(GiftCard.id == gift_card_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


async def find_order_line(session: AsyncSession, *, gift_card_id: int) -> int | None:
    """Return the line of an order that a gift card was bought as."""
    statement = select(GiftCard.order_line_id).where(GiftCard.id == gift_card_id)
    return await session.scalar(statement)


async def has_cards(session: AsyncSession, *, order_line_id: int) -> bool:
    """Tell whether gift cards were issued for a line of an order."""
    statement = select(exists().where(GiftCard.order_line_id == order_line_id))
    return bool((await session.scalars(statement)).one())


async def end_unspent(
    session: AsyncSession, *, order_line_id: int, limit: int, now: datetime
) -> int:
    """End cards of a line of an order from which nothing was spent; return how many."""
    whole = (
        select(GiftCard.id)
        .where(
            GiftCard.order_line_id == order_line_id,
            GiftCard.ended_at.is_(None),
            GiftCard.balance == GiftCard.initial_amount,
        )
        .order_by(GiftCard.id)
        .limit(limit)
        .with_for_update()
        .cte("whole")
    )
    statement = (
        update(GiftCard)
        .where(GiftCard.id == whole.c.id)
        .values(ended_at=now)
        .returning(GiftCard.id)
        .execution_options(synchronize_session=False)
    )
    return len((await session.scalars(statement)).all())


async def forget_recipients(session: AsyncSession, *, emails: Collection[str]) -> None:
    """Forget whom gift cards were mailed to, and what was said with them."""
    await session.execute(
        update(GiftCard)
        .where(GiftCard.recipient_email.in_(emails))
        .values(recipient_email=None, message=None)
        .execution_options(synchronize_session=False)
    )


async def list_cards(session: AsyncSession, *, window: Window) -> Slice[GiftCard]:
    """Return gift cards, the newest first."""
    return await read_objects(session, select(GiftCard), order=NEWEST_FIRST, window=window)


async def list_entries(
    session: AsyncSession, *, gift_card_id: int, window: Window
) -> Slice[GiftCardEntry]:
    """Return the ledger of a gift card, the newest line first."""
    statement = select(GiftCardEntry).where(GiftCardEntry.gift_card_id == gift_card_id)
    return await read_objects(session, statement, order=ENTRIES_NEWEST_FIRST, window=window)


async def list_unbalanced(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return gift cards whose balance is not the sum of their ledger, or is below nothing."""
    sums = (
        select(GiftCardEntry.gift_card_id, func.sum(GiftCardEntry.amount).label("ledger"))
        .group_by(GiftCardEntry.gift_card_id)
        .subquery()
    )
    ledger: ColumnElement[Decimal] = func.coalesce(sums.c.ledger, 0)
    statement = (
        select(GiftCard.id, GiftCard.balance, ledger.label("ledger"))
        .outerjoin(sums, sums.c.gift_card_id == GiftCard.id)
        .where(or_(GiftCard.balance != ledger, GiftCard.balance < 0))
        .order_by(GiftCard.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def list_wrong_payments(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return payments that the ledger tells otherwise."""
    sums = (
        select(
            GiftCardEntry.order_id,
            GiftCardEntry.gift_card_id,
            (-func.sum(GiftCardEntry.amount)).label("ledger"),
        )
        .where(GiftCardEntry.order_id.is_not(None))
        .group_by(GiftCardEntry.order_id, GiftCardEntry.gift_card_id)
        .subquery()
    )
    paid: ColumnElement[Decimal] = func.coalesce(
        GiftCardPayment.spent - GiftCardPayment.given_back, 0
    )
    ledger: ColumnElement[Decimal] = func.coalesce(sums.c.ledger, 0)
    statement = (
        select(
            func.coalesce(GiftCardPayment.order_id, sums.c.order_id).label("order_id"),
            func.coalesce(GiftCardPayment.gift_card_id, sums.c.gift_card_id).label("gift_card_id"),
            paid.label("paid"),
            ledger.label("ledger"),
        )
        .select_from(GiftCardPayment)
        .outerjoin(
            sums,
            and_(
                sums.c.order_id == GiftCardPayment.order_id,
                sums.c.gift_card_id == GiftCardPayment.gift_card_id,
            ),
            full=True,
        )
        .where(paid != ledger)
        .limit(limit)
    )
    return (await session.execute(statement)).all()
