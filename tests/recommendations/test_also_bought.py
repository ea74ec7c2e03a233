"""Readers also bought: who counts, how often, and what the score is."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.recommendations.refreshing import HISTORY, RULE, refresh_also_bought, refresh_bestsellers
from app.recommendations.repository import PURCHASE_WEIGHT, WORKS_AT_ONCE, Rule
from app.reviews.models import Review
from tests.factories import make_user
from tests.recommendations.buying import DAY, NOW, add_edition, buy, make_books

READERS = ("ada@example.com", "bob@example.com", "eve@example.com")
WAITING = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted"
)
Row = tuple[int, int, int, int, Decimal]


async def rows(session: AsyncSession) -> list[Row]:
    found = await session.execute(
        text(
            "SELECT work_id, rank, other_work_id, support, score FROM also_bought"
            " ORDER BY work_id, rank"
        )
    )
    return [tuple(row) for row in found]


async def pairs(session: AsyncSession) -> dict[tuple[int, int], int]:
    """Return how many readers have both of the works, of pairs that are shown."""
    return {(row[0], row[2]): row[3] for row in await rows(session)}


async def work_ids(session: AsyncSession, book_ids: Sequence[int]) -> list[int]:
    found = await session.execute(text("SELECT id, work_id FROM books"))
    works = {row.id: row.work_id for row in found}
    return [works[book_id] for book_id in book_ids]


async def make_crowd(session: AsyncSession, book_id: int, *, size: int = 20) -> None:
    """Let others buy something else, so that what two works have in common is no chance."""
    for number in range(size):
        await buy(session, [book_id], email=f"crowd{number}@example.com")


async def test_three_readers_are_needed(db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    for email in READERS[:2]:
        await buy(db_session, [one, other], email=email)
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == []
    await buy(db_session, [one], email=READERS[2])
    await buy(db_session, [other], email=READERS[2])
    await refresh_also_bought(db_session, now=NOW)
    a, b = await work_ids(db_session, [one, other])
    score = Decimal(3) / 13
    assert await rows(db_session) == [
        (a, 1, b, 3, round(score, 6)),
        (b, 1, a, 3, round(score, 6)),
    ]


async def test_what_readers_rate_highly_counts_as_well(db_session: AsyncSession) -> None:
    books = await make_books(db_session, 4)
    one, other, disliked, hidden = await work_ids(db_session, books)
    await make_crowd(db_session, (await make_books(db_session, 1))[0])
    ratings = {one: (5, "published"), other: (4, "published")}
    ratings |= {disliked: (3, "published"), hidden: (5, "hidden")}
    for user in [await make_user(db_session) for _ in range(3)]:
        for book_id, (work_id, (rating, status)) in zip(books, ratings.items(), strict=True):
            db_session.add(
                Review(
                    user_id=user.id,
                    book_id=book_id,
                    work_id=work_id,
                    rating=rating,
                    status=status,
                    hidden_reason="Rude." if status == "hidden" else None,
                    verified_purchase=False,
                    updated_at=NOW - DAY,
                )
            )
    await db_session.flush()  # read by SQL
    await refresh_also_bought(db_session, now=NOW)
    assert await pairs(db_session) == {(one, other): 3, (other, one): 3}


async def test_one_person_with_a_thousand_orders_steers_nothing(db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    user = await make_user(db_session, email=READERS[0])
    for number in range(250):
        await buy(db_session, [one, other], email=READERS[0], user_id=user.id)
        await buy(db_session, [one, other], email="other@example.com", user_id=user.id)
        await buy(db_session, [one], email=READERS[0].upper() if number % 2 else READERS[0])
        await buy(db_session, [other], email=READERS[0], copies=1_000)
    await buy(db_session, [one, other], email=READERS[1])
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == []


async def test_a_reader_counts_once_for_a_pair(db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    for email in READERS:
        await buy(db_session, [one, other], email=email)
    await refresh_also_bought(db_session, now=NOW)
    before = await rows(db_session)
    for _ in range(50):
        await buy(db_session, [one, other], email=READERS[0], copies=9)
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == before
    assert [row[3] for row in before] == [3, 3]


async def test_editions_are_one_work(db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    hardback = await add_edition(db_session, one)
    await buy(db_session, [one, other], email=READERS[0])
    await buy(db_session, [hardback, other], email=READERS[1])
    await buy(db_session, [one, hardback, other], email=READERS[2])
    await refresh_also_bought(db_session, now=NOW)
    a, b = await work_ids(db_session, [one, other])
    assert await pairs(db_session) == {(a, b): 3, (b, a): 3}


async def test_what_everybody_buys_goes_with_nothing(db_session: AsyncSession) -> None:
    """Bought together as often as chance has it: a lift of one."""
    one, other = await make_books(db_session, 2)
    for email in READERS:
        await buy(db_session, [one, other], email=email)
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == []


@pytest.mark.parametrize(
    "no_purchase",
    [
        {"status": "cancelled"},
        {"status": "declined"},
        {"payment": "due"},
        {"payment": "failed"},
        {"returned": 1},
        {"dropped": 1},
        {"is_gift_card": True},
        {"at": NOW - HISTORY - timedelta(microseconds=1)},
        {"at": NOW + timedelta(microseconds=1)},
        {"at": None, "status": "pending"},
        {"email": None},
    ],
    ids=str,
)
async def test_what_is_no_purchase_does_not_count(
    db_session: AsyncSession, no_purchase: dict[str, object]
) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    for email in READERS[:2]:
        await buy(db_session, [one, other], email=email)
    await buy(db_session, [one, other], **({"email": READERS[2]} | no_purchase))  # type: ignore[arg-type]
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == []


async def test_the_first_moment_of_the_history_counts(db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    for email in READERS:
        await buy(db_session, [one, other], email=email, at=NOW - HISTORY)
    await refresh_also_bought(db_session, now=NOW)
    assert len(await rows(db_session)) == 2


async def test_of_a_prolific_buyer_the_last_works_count(db_session: AsyncSession) -> None:
    books = await make_books(db_session, 6)
    await make_crowd(db_session, books[-1])
    for email in READERS:
        for age, book_id in enumerate(books[:5]):
            await buy(db_session, [book_id], email=email, at=NOW - (age + 1) * DAY)
    rule = Rule(least_support=3, shrinkage=10, works_per_reader=2, kept=24)
    await refresh_also_bought(db_session, now=NOW, rule=rule)
    a, b = await work_ids(db_session, books[:2])
    assert await pairs(db_session) == {(a, b): 3, (b, a): 3}


async def test_a_second_refresh_writes_nothing(committed: AsyncSession) -> None:
    one, other, else_ = await make_books(committed, 3)
    await make_crowd(committed, else_)
    for email in READERS:
        await buy(committed, [one, other], email=email)
    await refresh_also_bought(committed, now=NOW)
    await committed.commit()
    written = text("SELECT xmin::text, xmax::text, * FROM also_bought ORDER BY work_id, rank")
    before = (await committed.execute(written)).all()
    await refresh_also_bought(committed, now=NOW)
    await committed.commit()
    assert (await committed.execute(written)).all() == before
    assert len(before) == 2


async def test_readers_see_all_of_a_refresh_or_nothing(
    test_engine: AsyncEngine, committed: AsyncSession
) -> None:
    first, second, third, else_ = await make_books(committed, 4)
    await make_crowd(committed, else_)
    for email in READERS:
        await buy(committed, [first, second], email=email)
    await refresh_also_bought(committed, now=NOW)
    await committed.commit()
    before = await rows(committed)
    for email in (*READERS, "uma@example.com"):
        await buy(committed, [second, third], email=email)
    await committed.commit()
    async with async_sessionmaker(test_engine)() as other:
        await refresh_also_bought(other, now=NOW)
        assert await rows(committed) == before
        await committed.commit()
        await other.commit()
    after = await rows(committed)
    assert len(after) > len(before)


@pytest.mark.parametrize("refresh", [refresh_also_bought, refresh_bestsellers])
async def test_refreshes_at_once_take_turns(
    test_engine: AsyncEngine,
    committed: AsyncSession,
    refresh: Callable[..., Coroutine[Any, Any, None]],
) -> None:
    one, other, else_ = await make_books(committed, 3)
    await make_crowd(committed, else_)
    for email in READERS:
        await buy(committed, [one, other], email=email)
    await committed.commit()

    async def refresh_once() -> None:
        async with async_sessionmaker(test_engine)() as session:
            await refresh(session, now=NOW)
            await session.commit()

    await asyncio.gather(*(refresh_once() for _ in range(4)))
    assert len(await rows(committed)) == (2 if refresh is refresh_also_bought else 0)
    bestsellers = await committed.scalar(text("SELECT count(*) FROM bestsellers"))
    assert bestsellers == (0 if refresh is refresh_also_bought else 6)
    await refresh(committed, now=NOW)
    waiting = asyncio.create_task(refresh_once())
    async with async_sessionmaker(test_engine)() as observer:
        async with asyncio.timeout(10):
            while not await observer.scalar(WAITING):
                assert not waiting.done()
                await asyncio.sleep(0.01)
    await committed.commit()
    await waiting


async def test_many_works_are_dealt_with_in_portions(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = await make_books(db_session, 9)
    await make_crowd(db_session, books[-1])
    for email in READERS:
        await buy(db_session, books[:7], email=email)
    await refresh_also_bought(db_session, now=NOW)
    whole = await rows(db_session)
    assert len(whole) == 7 * 6
    monkeypatch.setattr("app.recommendations.repository.WORKS_AT_ONCE", 2)
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == whole
    await db_session.execute(text("DELETE FROM also_bought"))
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == whole
    assert WORKS_AT_ONCE > 2


async def test_what_is_no_longer_so_goes(db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    await make_crowd(db_session, else_)
    for email in READERS:
        await buy(db_session, [one, other], email=email)
    await refresh_also_bought(db_session, now=NOW)
    await db_session.execute(text("UPDATE orders SET status = 'cancelled'"))
    await refresh_also_bought(db_session, now=NOW)
    assert await rows(db_session) == []


def expected(
    bought: Mapping[int, set[int]], *, rule: Rule = RULE
) -> dict[int, list[tuple[int, int, Decimal]]]:
    """Return what each work should be shown with: the formula once more, in plain Python."""
    readers: defaultdict[int, set[int]] = defaultdict(set)
    for reader, works in bought.items():
        for work in works:
            readers[work].add(reader)
    everybody = sum(1 for works in bought.values() if works)
    found: defaultdict[int, list[tuple[int, int, Decimal]]] = defaultdict(list)
    with localcontext(prec=50):
        for a, b in combinations(readers, 2):
            support = len(readers[a] & readers[b])
            lift = Decimal(support * everybody) / (len(readers[a]) * len(readers[b]))
            if support < rule.least_support or lift <= 1:
                continue
            weights = PURCHASE_WEIGHT**2
            squares = Decimal(weights * len(readers[a])) * (weights * len(readers[b]))
            cosine = support * weights / squares.sqrt()
            score = cosine * support / (support + rule.shrinkage)
            score = score.quantize(Decimal("0.000001"), ROUND_HALF_UP)
            found[a].append((b, support, score))
            found[b].append((a, support, score))
    return {
        work: sorted(others, key=lambda other: (-other[2], -other[1], other[0]))[: rule.kept]
        for work, others in found.items()
    }


BASKETS = st.dictionaries(
    st.integers(0, 14), st.sets(st.integers(0, 7), max_size=8), min_size=3, max_size=15
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(baskets=BASKETS, kept=st.integers(1, 8))
async def test_sql_is_the_formula(
    test_engine: AsyncEngine, baskets: dict[int, set[int]], kept: int
) -> None:
    rule = Rule(least_support=2, shrinkage=10, works_per_reader=100, kept=kept)
    async with test_engine.connect() as connection:
        transaction = await connection.begin()
        async with async_sessionmaker(connection)() as session:
            books = await make_books(session, 8)
            works = await work_ids(session, books)
            for reader, basket in baskets.items():
                if basket:
                    chosen = [books[number] for number in sorted(basket)]
                    await buy(session, chosen, email=f"reader{reader}@example.com")
            await refresh_also_bought(session, now=NOW, rule=rule)
            found = await rows(session)
        await transaction.rollback()
    bought = {reader: {works[number] for number in basket} for reader, basket in baskets.items()}
    told = {
        (work, rank, other, support, score)
        for work, others in expected(bought, rule=rule).items()
        for rank, (other, support, score) in enumerate(others, 1)
    }
    assert set(found) == told


async def test_works_may_be_merged_while_shown(committed: AsyncSession) -> None:
    one, other, else_ = await make_books(committed, 3)
    await make_crowd(committed, else_)
    for email in READERS:
        await buy(committed, [one, other], email=email)
    await refresh_also_bought(committed, now=NOW)
    a, b = await work_ids(committed, [one, other])
    await committed.execute(
        text("UPDATE books SET work_id = :a WHERE work_id = :b"), {"a": a, "b": b}
    )
    await committed.execute(text("DELETE FROM works WHERE id = :b"), {"b": b})
    assert await rows(committed) == []
    await refresh_also_bought(committed, now=NOW)
    assert await rows(committed) == []
