"""Many at once want a coupon's last redemptions, and the money on one gift card."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.core.exceptions import AppError
from app.db.session import transactional
from app.promotions import gift_cards, service
from app.promotions.invariants import find_breaches
from app.promotions.models import Coupon, CouponRedemption, GiftCard, GiftCardEntry
from app.promotions.service import Buyer
from tests.promotions.things import NOW, make_coupon, make_gift_card, make_orders, used

CLIENTS = 50
ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
CONNECTIONS = 16

Sessions = async_sessionmaker[AsyncSession]


@pytest_asyncio.fixture
async def sessions(test_engine: AsyncEngine, committed: AsyncSession) -> AsyncIterator[Sessions]:
    """Sessions that commit, each on a connection of its own."""
    del committed  # which empties the tables afterwards
    engine = create_async_engine(
        test_engine.url, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=60
    )
    yield async_sessionmaker(engine, expire_on_commit=False)
    await engine.dispose()


async def all_at_once(
    sessions: Sessions, act: Callable[[AsyncSession, int], Awaitable[Decimal | None]]
) -> tuple[Counter[str], list[Decimal]]:
    """Let every client act in a transaction of its own; return refusals, and what acts gave."""
    step = transactional(act)

    async def run(number: int) -> Decimal | str:
        async with sessions() as session:
            try:
                return await step(session, number) or Decimal(0)
            except AppError as error:
                return str(error.extra.get("reason", error.code))

    results = await asyncio.gather(*map(run, range(CLIENTS)))
    refusals = Counter(result for result in results if isinstance(result, str))
    return refusals, [result for result in results if isinstance(result, Decimal)]


async def test_a_coupon_is_redeemed_as_often_as_it_may_be(sessions: Sessions) -> None:
    for number in range(ROUNDS):
        limit = (1, 5, 32)[number % 3]
        async with sessions.begin() as session:
            coupon = await make_coupon(session, max_redemptions=limit)
            orders = await make_orders(session, CLIENTS)

        async def redeem(session: AsyncSession, client: int) -> None:
            await service.redeem(
                session,
                order_id=orders[client],  # noqa: B023 (the round's own)
                discounts=used(coupon),  # noqa: B023
                buyer=Buyer(email=f"reader{client}@example.com"),
                now=NOW,
            )

        refusals, redeemed = await all_at_once(sessions, redeem)
        assert len(redeemed) == limit
        assert refusals == {"used_up": CLIENTS - limit}
        async with sessions() as session:
            assert await count_redemptions(session, coupon.id) == limit
            counted = select(Coupon.redeemed).where(Coupon.id == coupon.id)
            assert await session.scalar(counted) == limit
    async with sessions() as session:
        assert await find_breaches(session) == []


async def test_nobody_redeems_more_than_a_person_may(sessions: Sessions) -> None:
    """Neither signed in nor as a guest, nor with the address in capitals."""
    buyers = (
        Buyer(user_id=7, email="ada@example.com"),
        Buyer(email="ADA@Example.com"),
    )
    for number in range(ROUNDS):
        limit = 1 + number % 3
        async with sessions.begin() as session:
            coupon = await make_coupon(session, max_per_person=limit)
            orders = await make_orders(session, CLIENTS)

        async def redeem(session: AsyncSession, client: int) -> None:
            await service.redeem(
                session,
                order_id=orders[client],  # noqa: B023 (the round's own)
                discounts=used(coupon),  # noqa: B023
                buyer=buyers[client % 2],
                now=NOW,
            )

        refusals, redeemed = await all_at_once(sessions, redeem)
        assert len(redeemed) == limit
        assert refusals == {"used_by_buyer": CLIENTS - limit}
        async with sessions() as session:
            assert await count_redemptions(session, coupon.id) == limit
    async with sessions() as session:
        assert await find_breaches(session) == []


async def test_no_more_is_spent_than_is_on_a_gift_card(sessions: Sessions) -> None:
    for _ in range(ROUNDS):
        async with sessions.begin() as session:
            card = await make_gift_card(session, "50.00")
            orders = await make_orders(session, CLIENTS)

        async def spend(session: AsyncSession, client: int) -> Decimal:
            return await gift_cards.spend(
                session,
                code=card.code,  # noqa: B023 (the round's own)
                amount=Decimal("3.00"),
                currency="USD",
                order_id=orders[client],  # noqa: B023
                now=NOW,
            )

        refusals, spent = await all_at_once(sessions, spend)
        assert sorted(spent) == [Decimal("2.00"), *[Decimal("3.00")] * 16]
        assert refusals == {"GIFT_CARD_EMPTY": CLIENTS - 17}
        async with sessions() as session:
            assert await balance_and_ledger(session, card.id) == [0, 0]
    async with sessions() as session:
        assert await find_breaches(session) == []


async def test_no_more_goes_back_than_was_spent(sessions: Sessions) -> None:
    for _ in range(ROUNDS // 4 or 1):
        async with sessions.begin() as session:
            first = await make_gift_card(session, "10.00")
            second = await make_gift_card(session, "40.00")
            order = (await make_orders(session))[0]
            for card, amount in ((first, "10.00"), (second, "25.00")):
                await gift_cards.spend(
                    session,
                    code=card.code,
                    amount=Decimal(amount),
                    currency="USD",
                    order_id=order,
                    now=NOW,
                )

        async def give_back(session: AsyncSession, client: int) -> Decimal:
            return await gift_cards.give_back(
                session,
                order_id=order,  # noqa: B023 (the round's own)
                amount=Decimal(client % 4) + Decimal("0.50"),
            )

        refusals, back = await all_at_once(sessions, give_back)
        assert refusals == {}
        assert sum(back) == Decimal("35.00")
        async with sessions() as session:
            assert await balance_and_ledger(session, first.id) == [10, 10]
            assert await balance_and_ledger(session, second.id) == [40, 40]
    async with sessions() as session:
        assert await find_breaches(session) == []


async def count_redemptions(session: AsyncSession, coupon_id: int) -> int:
    statement = (
        select(func.count())
        .select_from(CouponRedemption)
        .where(CouponRedemption.coupon_id == coupon_id, CouponRedemption.released_at.is_(None))
    )
    return (await session.scalars(statement)).one()


async def balance_and_ledger(session: AsyncSession, card_id: int) -> list[Decimal]:
    ledger = select(func.sum(GiftCardEntry.amount)).where(GiftCardEntry.gift_card_id == card_id)
    balance = select(GiftCard.balance).where(GiftCard.id == card_id)
    return [(await session.scalars(wanted)).one() for wanted in (balance, ledger)]
