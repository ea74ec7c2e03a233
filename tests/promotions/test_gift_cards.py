"""Gift cards: their codes, their money, their ledger."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, get_settings
from app.core.pagination import ListQuery
from app.promotions import gift_cards
from app.promotions.codes import (
    ALPHABET,
    CHARACTERS,
    find_gift_card_code,
    hash_gift_card_code,
    new_gift_card_code,
    normalize_gift_card_code,
)
from app.promotions.errors import GiftCardEmptyError, GiftCardNotFoundError
from app.promotions.invariants import find_breaches
from app.promotions.models import EntryKind, GiftCard, GiftCardEntry
from app.promotions.schemas import GiftCardUpdate
from app.users.errors import TooManyAttemptsError
from app.users.limits import LIMITS, Client, Purpose
from tests.promotions.things import NOW, make_gift_card, make_order_line, make_orders

HOUR = timedelta(hours=1)
FORMER = "a-former-secret-that-is-long-enough-too"
PRESENT = "the-present-secret-that-is-long-enough"


async def spend(
    session: AsyncSession, code: str, amount: str, order_id: int, currency: str = "USD"
) -> Decimal:
    return await gift_cards.spend(
        session,
        code=code,
        amount=Decimal(amount),
        currency=currency,
        order_id=order_id,
        now=NOW,
    )


def test_a_code_has_a_hundred_bits_and_is_read_however_it_is_written() -> None:
    settings = get_settings()
    key = UUID(int=1)
    code = new_gift_card_code(key, settings)
    assert len(set(ALPHABET)) == 32
    assert len(normalize_gift_card_code(code)) == CHARACTERS == 20
    assert len({new_gift_card_code(uuid4(), settings) for _ in range(1000)}) == 1000
    letters = {letter for _ in range(100) for letter in new_gift_card_code(uuid4(), settings)}
    assert letters == set(ALPHABET) | {"-"}
    for typed in (code.lower(), code.replace("-", " "), code.replace("0", "O").replace("1", "l")):
        assert hash_gift_card_code(typed) == hash_gift_card_code(code)


def test_the_code_is_derived_again_only_with_the_secret_that_it_came_of() -> None:
    key = uuid4()
    former = Settings(secret_key=SecretStr(FORMER))
    rotated = Settings(secret_key=SecretStr(PRESENT), secret_keys_former=(SecretStr(FORMER),))
    code = new_gift_card_code(key, former)
    code_hash = hash_gift_card_code(code)
    assert find_gift_card_code(key, code_hash, rotated) == code
    assert new_gift_card_code(key, rotated) != code
    assert find_gift_card_code(key, code_hash, Settings(secret_key=SecretStr(PRESENT))) is None


async def test_the_code_is_nowhere_in_the_database(db_session: AsyncSession) -> None:
    card = await make_gift_card(db_session, "25.00", recipient_email="ada@example.com")
    assert card.last_characters == card.code[-4:]
    code = normalize_gift_card_code(card.code)
    for table in ("gift_cards", "gift_card_entries", "outbox_events", "procrastinate_jobs"):
        rows = await db_session.scalars(text(f"SELECT t::text FROM {table} t"))  # noqa: S608
        for row in rows:
            assert card.code not in row
            assert code not in row
    row = (await db_session.scalars(select(GiftCard))).one()
    assert row.code_hash == hash_gift_card_code(card.code)
    assert await gift_cards.reveal_code(db_session, key=row.key) == card.code
    assert await gift_cards.reveal_code(db_session, key=uuid4()) is None


async def test_a_card_is_spent_in_parts_and_its_ledger_tells(db_session: AsyncSession) -> None:
    first, second = await make_orders(db_session, 2)
    line_id = await make_order_line(db_session, first)
    card = await make_gift_card(db_session, "25.00", order_line_id=line_id)
    assert await spend(db_session, card.code, "10.50", second) == Decimal("10.50")
    assert await spend(db_session, card.code, "99.00", second) == Decimal("14.50")
    with pytest.raises(GiftCardEmptyError):
        await spend(db_session, card.code, "0.01", first)
    assert await gift_cards.give_back(db_session, order_id=second, amount=Decimal(5)) == 5
    assert await gift_cards.give_back(db_session, order_id=first) == 0
    paid = await gift_cards.list_payments(db_session, order_id=second)
    assert [(one.spent, one.given_back) for one in paid] == [(Decimal(25), Decimal(5))]
    assert (await gift_cards.find_balance(db_session, code=card.code, now=NOW)).balance == 5
    assert await gift_cards.give_back(db_session, order_id=second) == 20
    assert await gift_cards.give_back(db_session, order_id=second) == 0
    ledger = await gift_cards.list_entries(db_session, gift_card_id=card.id, query=ListQuery())
    assert [(entry.kind, str(entry.amount), str(entry.balance_after)) for entry in ledger.rows] == [
        (EntryKind.GIVEN_BACK, "20.00", "25.00"),
        (EntryKind.GIVEN_BACK, "5.00", "5.00"),
        (EntryKind.SPENT, "-14.50", "0.00"),
        (EntryKind.SPENT, "-10.50", "14.50"),
        (EntryKind.ISSUED, "25.00", "25.00"),
    ]
    assert await find_breaches(db_session) == []


async def test_several_cards_pay_one_order_and_get_it_back_in_order(
    db_session: AsyncSession,
) -> None:
    order = (await make_orders(db_session))[0]
    cards = [await make_gift_card(db_session, "10.00") for _ in range(2)]
    for card in cards:
        await spend(db_session, card.code, "8.00", order)
    assert await gift_cards.give_back(db_session, order_id=order, amount=Decimal("9.50")) == (
        Decimal("9.50")
    )
    paid = await gift_cards.list_payments(db_session, order_id=order)
    assert [one.given_back for one in paid] == [Decimal("8.00"), Decimal("1.50")]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: {"expires_at": NOW},
        lambda: {"ended_at": NOW - HOUR},
        lambda: {"code_hash": b"another"},
    ],
)
async def test_a_card_that_may_not_be_used_is_not_found(
    db_session: AsyncSession, spoil: Callable[[], dict[str, object]]
) -> None:
    card = await make_gift_card(db_session, "10.00", expires_at=NOW + HOUR)
    order = (await make_orders(db_session))[0]
    assert (await gift_cards.find_balance(db_session, code=card.code, now=NOW)).balance == 10
    await db_session.execute(update(GiftCard).values(**spoil()))
    with pytest.raises(GiftCardNotFoundError):
        await gift_cards.find_balance(db_session, code=card.code, now=NOW)
    with pytest.raises(GiftCardNotFoundError):
        await spend(db_session, card.code, "1.00", order)
    entries = select(func.count()).select_from(GiftCardEntry)
    assert (await db_session.scalars(entries)).one() == 1


async def test_a_card_whose_code_was_proved_before_is_asked_again(
    db_session: AsyncSession,
) -> None:
    card = await make_gift_card(db_session, "10.00")
    proved = await gift_cards.find_balance(db_session, code=card.code, now=NOW)
    known = await gift_cards.find_balance_of_card(
        db_session, gift_card_id=proved.gift_card_id, now=NOW
    )
    assert known == proved
    await gift_cards.end_gift_card(db_session, gift_card_id=card.id, now=NOW)
    with pytest.raises(GiftCardNotFoundError):
        await gift_cards.find_balance_of_card(db_session, gift_card_id=card.id, now=NOW)
    order = (await make_orders(db_session))[0]
    with pytest.raises(GiftCardEmptyError):
        await gift_cards.spend_from(
            db_session,
            gift_card_id=card.id,
            amount=Decimal(1),
            currency="USD",
            order_id=order,
            now=NOW,
        )


async def test_another_currency_is_not_spent(db_session: AsyncSession) -> None:
    card = await make_gift_card(db_session, "10.00")
    order = (await make_orders(db_session))[0]
    with pytest.raises(GiftCardEmptyError):
        await spend(db_session, card.code, "1.00", order, currency="EUR")


async def test_an_ended_card_takes_money_back_and_staff_change_what_is_told_of_it(
    db_session: AsyncSession,
) -> None:
    card = await make_gift_card(db_session, "10.00", recipient_email="ada@example.com")
    order = (await make_orders(db_session))[0]
    await spend(db_session, card.code, "4.00", order)
    ended = await gift_cards.end_gift_card(db_session, gift_card_id=card.id, now=NOW)
    again = await gift_cards.end_gift_card(db_session, gift_card_id=card.id, now=NOW + HOUR)
    assert ended.ended_at == again.ended_at == NOW
    assert await gift_cards.give_back(db_session, order_id=order) == 4
    change = GiftCardUpdate(expires_at=NOW + HOUR, note="Stolen.")
    changed = await gift_cards.update_gift_card(db_session, gift_card_id=card.id, change=change)
    assert (changed.note, changed.expires_at, changed.balance) == (
        "Stolen.",
        NOW + HOUR,
        Decimal(10),
    )
    await gift_cards.forget_recipients(db_session, emails=["ada@example.com"])
    assert (await gift_cards.get_gift_card(db_session, gift_card_id=card.id)).recipient_email is (
        None
    )
    with pytest.raises(GiftCardNotFoundError):
        await gift_cards.get_gift_card(db_session, gift_card_id=0)


async def test_the_database_refuses_a_balance_below_nothing(db_session: AsyncSession) -> None:
    await make_gift_card(db_session, "10.00")
    with pytest.raises(IntegrityError, match="balance_not_negative"):
        await db_session.execute(update(GiftCard).values(balance=GiftCard.balance - 11))


async def test_guesses_are_counted_and_right_codes_given_back(db_session: AsyncSession) -> None:
    card = await make_gift_card(db_session, "10.00")
    thief = Client(address="203.0.113.7")
    attempts = LIMITS[Purpose.GIFT_CARD].address.attempts
    for _ in range(attempts + 5):
        await gift_cards.look_up(db_session, code=card.code, client=thief, now=NOW)
    for _ in range(attempts):
        with pytest.raises(GiftCardNotFoundError):
            await gift_cards.look_up(db_session, code="0" * 20, client=thief, now=NOW)
    with pytest.raises(TooManyAttemptsError):
        await gift_cards.look_up(db_session, code=card.code, client=thief, now=NOW)
    reader = Client(address="203.0.113.8")
    known = await gift_cards.look_up(db_session, code=card.code, client=reader, now=NOW)
    assert known.balance == 10


async def test_a_ledger_that_does_not_add_up_is_found(db_session: AsyncSession) -> None:
    card = await make_gift_card(db_session, "10.00")
    order = (await make_orders(db_session))[0]
    await spend(db_session, card.code, "4.00", order)
    assert await find_breaches(db_session) == []
    await db_session.execute(
        update(GiftCardEntry).where(GiftCardEntry.amount < 0).values(amount=Decimal(-3))
    )
    assert [finding.detail for finding in await find_breaches(db_session)] == [
        "balance 6.00, ledger 7.00",
        "paid 4.00, by the ledger 3.00",
    ]
