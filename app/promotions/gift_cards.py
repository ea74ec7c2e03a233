"""Gift cards: money that was paid before, spent by a code.

A balance is moved by one statement that writes the ledger's line with it, so that the two agree
whatever breaks. Codes are a hundred bits and stored as their SHA-256; ``reveal_code`` is for the
mail that brings one, and needs the shop's secret besides.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.core.money import ZERO
from app.core.pagination import ListQuery, Slice
from app.jobs.outbox import publish
from app.promotions import gift_card_repository as repository
from app.promotions.codes import (
    find_gift_card_code,
    hash_gift_card_code,
    hint,
    new_gift_card_code,
)
from app.promotions.errors import (
    GiftCardEmptyError,
    GiftCardNotFoundError,
    GiftCardUsedError,
)
from app.promotions.events import GiftCardIssued
from app.promotions.schemas import (
    GiftCardEntryRead,
    GiftCardRead,
    GiftCardUpdate,
    IssuedGiftCard,
)
from app.users import limits
from app.users.limits import Client, Purpose


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What is left on a gift card that may be used. ``gift_card_id`` is not for shoppers."""

    gift_card_id: int
    balance: Decimal
    currency: str
    expires_at: datetime | None
    last_characters: str


@dataclass(frozen=True, kw_only=True)
class CardPayment:
    """What a gift card paid of an order, and how much of that went back onto it."""

    gift_card_id: int
    last_characters: str
    spent: Decimal
    given_back: Decimal


@dataclass(frozen=True, kw_only=True)
class Present:
    """A gift card and whom it is for. ``key`` is what ``reveal_code`` takes."""

    key: UUID
    recipient_email: str
    initial_amount: Decimal
    currency: str
    expires_at: datetime | None
    message: str | None


async def issue(
    session: AsyncSession,
    *,
    amount: Decimal,
    currency: str,
    actor: str,
    order_line_id: int | None = None,
    recipient_email: str | None = None,
    message: str | None = None,
    note: str | None = None,
    expires_at: datetime | None = None,
) -> IssuedGiftCard:
    """Make a gift card; its code is in what is returned, and nowhere else.

    Whoever it is for is mailed the code, if an address is given.

    Args:
        session: the caller's.
        amount: what is on it.
        currency: of what.
        actor: who issues it, in words: staff's address, or that it was an order.
        order_line_id: the line that it was bought as; a line of three cards has three.
        recipient_email: whom it is for, as ``app.users.schemas.Email`` spells addresses.
        message: what is said to them.
        note: what staff say to each other.
        expires_at: when it can be used no more, where the law allows that.
    """
    key = uuid4()
    code = new_gift_card_code(key, get_settings())
    gift_card_id = await repository.insert_card(
        session,
        {
            "key": key,
            "code_hash": hash_gift_card_code(code),
            "last_characters": hint(code),
            "currency": currency,
            "initial_amount": amount,
            "expires_at": expires_at,
            "order_line_id": order_line_id,
            "recipient_email": recipient_email,
            "message": message,
            "note": note,
            "issued_by": actor,
        },
    )
    await publish(session, GiftCardIssued(gift_card_id=gift_card_id))
    card = await get_gift_card(session, gift_card_id=gift_card_id)
    return IssuedGiftCard(**card.model_dump(), code=code)


async def look_up(session: AsyncSession, *, code: str, client: Client, now: datetime) -> Balance:
    """Return what is left on a gift card, to a stranger, who may try only so often.

    Raises:
        TooManyAttemptsError: too many codes from this address were wrong lately.
        GiftCardNotFoundError: no card that may be used has the code.
    """
    spent = await limits.spend(session, purpose=Purpose.GIFT_CARD, address=client.address, now=now)
    found = await find_balance(session, code=code, now=now)
    await limits.give_back(session, spent)
    return found


async def find_balance(session: AsyncSession, *, code: str, now: datetime) -> Balance:
    """Return what is left on a gift card. For strangers, ``look_up`` counts their attempts.

    Raises:
        GiftCardNotFoundError: no card that may be used has the code.
    """
    found = await repository.find_by_hash(session, code_hash=hash_gift_card_code(code), now=now)
    if found is None:
        raise GiftCardNotFoundError(field="code")
    return Balance(
        gift_card_id=found.id,
        balance=found.balance,
        currency=found.currency,
        expires_at=found.expires_at,
        last_characters=found.last_characters,
    )


async def find_balance_of_card(
    session: AsyncSession, *, gift_card_id: int, now: datetime
) -> Balance:
    """Return what is left on a gift card whose code was proved before.

    Raises:
        GiftCardNotFoundError: it may not be used any more.
    """
    found = await repository.find_usable(session, gift_card_id=gift_card_id, now=now)
    if found is None:
        raise GiftCardNotFoundError
    return Balance(
        gift_card_id=found.id,
        balance=found.balance,
        currency=found.currency,
        expires_at=found.expires_at,
        last_characters=found.last_characters,
    )


async def spend(
    session: AsyncSession,
    *,
    code: str,
    amount: Decimal,
    currency: str,
    order_id: int,
    now: datetime,
) -> Decimal:
    """Pay up to an amount of an order by the card with a code; return how much it paid.

    Raises:
        GiftCardNotFoundError: no card that may be used has the code.
        GiftCardEmptyError: nothing is left on it, in this currency.
    """
    card = await find_balance(session, code=code, now=now)
    return await spend_from(
        session,
        gift_card_id=card.gift_card_id,
        amount=amount,
        currency=currency,
        order_id=order_id,
        now=now,
    )


async def spend_from(
    session: AsyncSession,
    *,
    gift_card_id: int,
    amount: Decimal,
    currency: str,
    order_id: int,
    now: datetime,
) -> Decimal:
    """Pay up to an amount of an order by a card whose code was proved before.

    However many spend it at once, they spend no more than is on it, and each is told how much it
    was. An order that several cards pay takes them in ascending order of their ids.

    Args:
        session: the caller's; undone with it, nothing was spent.
        gift_card_id: from ``find_balance``, which the buyer's code led to.
        amount: above nothing.
        currency: the order's.
        order_id: the order.
        now: the moment.

    Raises:
        GiftCardEmptyError: nothing is left on it, or it may not be used any more.
    """
    spent = await repository.spend(
        session,
        gift_card_id=gift_card_id,
        amount=amount,
        currency=currency,
        order_id=order_id,
        now=now,
    )
    if spent is None:
        raise GiftCardEmptyError
    return spent


async def give_back(
    session: AsyncSession, *, order_id: int, amount: Decimal | None = None
) -> Decimal:
    """Put what gift cards paid of an order back onto them; return how much it was.

    Never more goes back than was spent, however often and by how many it is called.

    Args:
        session: the caller's.
        order_id: the order.
        amount: how much at most; all that is not back yet if left out.
    """
    back = ZERO
    for payment in await repository.list_payments(session, order_id=order_id):
        left = None if amount is None else amount - back
        if left is not None and left <= 0:
            break
        moved = await repository.give_back(
            session, order_id=order_id, gift_card_id=payment.gift_card_id, amount=left
        )
        back += moved or ZERO
    return back


async def list_payments(session: AsyncSession, *, order_id: int) -> list[CardPayment]:
    """Return what gift cards paid of an order."""
    return [
        CardPayment(
            gift_card_id=row.gift_card_id,
            last_characters=row.last_characters,
            spent=row.spent,
            given_back=row.given_back,
        )
        for row in await repository.list_payments(session, order_id=order_id)
    ]


async def find_present(session: AsyncSession, *, gift_card_id: int) -> Present | None:
    """Return a gift card that is to be mailed; ``None`` if nobody is named, or it was ended."""
    card = await repository.find_card(session, gift_card_id=gift_card_id)
    if card is None or card.recipient_email is None or card.ended_at is not None:
        return None
    return Present(
        key=card.key,
        recipient_email=card.recipient_email,
        initial_amount=card.initial_amount,
        currency=card.currency,
        expires_at=card.expires_at,
        message=card.message,
    )


async def find_order_line(session: AsyncSession, *, gift_card_id: int) -> int | None:
    """Return the line of an order that a gift card was bought as; ``None`` if staff issued it."""
    return await repository.find_order_line(session, gift_card_id=gift_card_id)


async def reveal_code(session: AsyncSession, *, key: UUID) -> str | None:
    """Return the code of the gift card with a key, for the mail that brings it.

    ``None`` if there is none, or the shop's secret that it came of is no longer named.
    """
    code_hash = await repository.find_code_hash(session, key=key)
    return None if code_hash is None else find_gift_card_code(key, code_hash, get_settings())


async def list_gift_cards(session: AsyncSession, *, query: ListQuery) -> Slice[GiftCardRead]:
    """Return gift cards, the newest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_cards(session, window=window)
    return found.map(GiftCardRead.model_validate)


async def list_entries(
    session: AsyncSession, *, gift_card_id: int, query: ListQuery
) -> Slice[GiftCardEntryRead]:
    """Return a gift card's ledger, the newest line first.

    Raises:
        GiftCardNotFoundError: there is no such card.
        CursorError: not a cursor of this list.
    """
    await get_gift_card(session, gift_card_id=gift_card_id)
    window = query.window(repository.ENTRIES_NEWEST_FIRST.name)
    found = await repository.list_entries(session, gift_card_id=gift_card_id, window=window)
    return found.map(GiftCardEntryRead.model_validate)


async def get_gift_card(
    session: AsyncSession, *, gift_card_id: int, for_update: bool = False
) -> GiftCardRead:
    """Return a gift card to staff; with ``for_update`` nobody changes or spends it meanwhile.

    Raises:
        GiftCardNotFoundError: there is no such card.
    """
    card = await repository.find_card(session, gift_card_id=gift_card_id, for_update=for_update)
    if card is None:
        raise GiftCardNotFoundError
    return GiftCardRead.model_validate(card)


async def update_gift_card(
    session: AsyncSession, *, gift_card_id: int, change: GiftCardUpdate
) -> GiftCardRead:
    """Change when a card expires and what staff note of it.

    Raises:
        GiftCardNotFoundError: there is no such card.
    """
    await get_gift_card(session, gift_card_id=gift_card_id, for_update=True)
    await repository.update_card(session, gift_card_id=gift_card_id, values=change.model_dump())
    return await get_gift_card(session, gift_card_id=gift_card_id)


async def end_gift_card(session: AsyncSession, *, gift_card_id: int, now: datetime) -> GiftCardRead:
    """Let a card be spent no more, one that was stolen for instance; its balance stays.

    It can be repeated.

    Raises:
        GiftCardNotFoundError: there is no such card.
    """
    card = await get_gift_card(session, gift_card_id=gift_card_id, for_update=True)
    if card.ended_at is None:
        await repository.update_card(session, gift_card_id=gift_card_id, values={"ended_at": now})
    return await get_gift_card(session, gift_card_id=gift_card_id)


async def withdraw(
    session: AsyncSession, *, order_line_id: int, quantity: int, now: datetime
) -> None:
    """End gift cards that were bought as a line of an order, because they come back.

    A line whose cards were never issued, since it was not paid, has none to end.

    Raises:
        GiftCardUsedError: of fewer of them nothing was spent.
    """
    if not await repository.has_cards(session, order_line_id=order_line_id):
        return
    ended = await repository.end_unspent(
        session, order_line_id=order_line_id, limit=quantity, now=now
    )
    if ended < quantity:
        raise GiftCardUsedError


async def forget_recipients(session: AsyncSession, *, emails: Collection[str]) -> None:
    """Forget whom gift cards were mailed to; the cards stay."""
    await repository.forget_recipients(session, emails=emails)
