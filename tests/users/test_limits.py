"""Attempts that are counted, by account, device and address."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.users import limits
from app.users.errors import TooManyAttemptsError
from app.users.limits import LIMITS, Purpose, Spent, give_back, spend
from app.users.models import AttemptCount
from tests.users.conftest import PARALLEL

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMAIL = "ada@example.com"
ADDRESS = "203.0.113.7"
SPAN = timedelta(minutes=15)


async def sign_in(
    session: AsyncSession,
    *,
    after: timedelta = timedelta(),
    email: str | None = EMAIL,
    address: str | None = None,
    device: str | None = None,
) -> Spent:
    return await spend(
        session,
        purpose=Purpose.SIGN_IN,
        email=email,
        address=address,
        device=device,
        now=NOW + after,
    )


async def refusal(session: AsyncSession, **values: object) -> TooManyAttemptsError:
    with pytest.raises(TooManyAttemptsError) as caught:
        await sign_in(session, **values)  # type: ignore[arg-type]
    return caught.value


async def count_rows(session: AsyncSession) -> int:
    return (await session.scalars(select(func.count()).select_from(AttemptCount))).one()


async def test_an_account_has_ten_attempts_in_any_quarter_of_an_hour(
    db_session: AsyncSession,
) -> None:
    for minute in range(10):
        await sign_in(db_session, after=timedelta(minutes=minute))

    error = await refusal(db_session, after=timedelta(minutes=10))

    assert (error.status, error.code) == (429, "AUTH_TOO_MANY_ATTEMPTS")
    assert error.detail == "Too many attempts. Please try again in 5 minutes."
    assert error.headers == {"Retry-After": "300"}
    await refusal(db_session, after=SPAN - timedelta(microseconds=1))
    for minute in range(15, 25):  # as each of the first is over, there is one more, and only one
        await sign_in(db_session, after=timedelta(minutes=minute))
        await refusal(db_session, after=timedelta(minutes=minute))
    moments = (await db_session.scalars(select(AttemptCount.moments))).one()
    assert moments == [NOW + timedelta(minutes=minute) for minute in range(15, 25)]


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (0.1, "a minute"),
        (60, "a minute"),
        (60.1, "2 minutes"),
        (900, "15 minutes"),
        (3600, "an hour"),
    ],
)
def test_a_refusal_says_when_to_try_again(seconds: float, sentence: str) -> None:
    error = limits.too_many_attempts(timedelta(seconds=seconds))
    assert error.detail == f"Too many attempts. Please try again in {sentence}."
    assert float(error.headers["Retry-After"]) >= seconds


async def test_what_is_refused_costs_nothing_and_does_not_prolong_the_wait(
    db_session: AsyncSession,
) -> None:
    for _ in range(10):
        await sign_in(db_session)
    for minute in range(15):
        await refusal(db_session, after=timedelta(minutes=minute), address=ADDRESS)

    assert await count_rows(db_session) == 1  # nothing was counted for the address
    await sign_in(db_session, after=SPAN, address=ADDRESS)


async def test_an_exhausted_address_costs_the_account_nothing(db_session: AsyncSession) -> None:
    for number in range(100):
        await sign_in(db_session, email=f"reader{number}@example.com", address=ADDRESS)

    for _ in range(20):
        await refusal(db_session, address=ADDRESS)

    for _ in range(10):
        await sign_in(db_session, address="203.0.113.8")


async def test_an_account_of_addresses_is_counted_by_its_first_64_bits(
    db_session: AsyncSession,
) -> None:
    for number in range(100):
        await sign_in(db_session, email=None, address=f"2001:db8:0:1:{number:x}::1")

    await refusal(db_session, email=None, address="2001:db8:0:1:ffff:ffff:ffff:ffff")
    await sign_in(db_session, email=None, address="2001:db8:0:2::1")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", None])
async def test_this_machine_is_not_counted_for_it_may_be_everybodys_proxy(
    db_session: AsyncSession, address: str | None
) -> None:
    for _ in range(101):
        spent = await sign_in(db_session, email=None, address=address)
        assert spent.subjects == []

    assert await count_rows(db_session) == 0


async def test_a_known_device_has_attempts_of_its_own(db_session: AsyncSession) -> None:
    for _ in range(10):
        await sign_in(db_session, address=ADDRESS)
    for _ in range(10):
        await sign_in(db_session, device="the owner's", address=ADDRESS)

    await refusal(db_session, device="the owner's", address=ADDRESS)
    await sign_in(db_session, device="the owner's other", address=ADDRESS)
    await sign_in(db_session, email="other@example.com", address=ADDRESS)


@pytest.mark.parametrize("purpose", Purpose)
async def test_every_purpose_is_counted_apart(db_session: AsyncSession, purpose: Purpose) -> None:
    for _ in range(LIMITS[purpose].account.attempts):
        await spend(db_session, purpose=purpose, email=EMAIL, now=NOW)

    with pytest.raises(TooManyAttemptsError):
        await spend(db_session, purpose=purpose, email=EMAIL, now=NOW)

    for other in set(Purpose) - {purpose}:
        await spend(db_session, purpose=other, email=EMAIL, now=NOW)


async def test_a_right_attempt_is_given_back_and_no_other(db_session: AsyncSession) -> None:
    first = await sign_in(db_session, address=ADDRESS)
    second = await sign_in(db_session, after=timedelta(minutes=1), address=ADDRESS)
    third = await sign_in(db_session, after=timedelta(minutes=2), address=ADDRESS)

    for _ in range(2):
        await give_back(db_session, second)

    moments = (await db_session.scalars(select(AttemptCount.moments))).all()
    assert moments == [[first.moment, third.moment]] * 2
    for spent in (first, third, first):
        await give_back(db_session, spent)
    assert (await db_session.scalars(select(AttemptCount.moments))).all() == [[], []]
    for _ in range(10):
        await sign_in(db_session)
    await refusal(db_session)


async def test_no_address_and_no_account_is_kept_in_words(db_session: AsyncSession) -> None:
    await sign_in(db_session, address=ADDRESS)

    rows = (await db_session.scalars(select(AttemptCount))).all()
    assert [len(row.subject) for row in rows] == [32, 32]
    assert {(row.purpose, row.expires_at) for row in rows} == {("sign-in", NOW + SPAN)}


async def test_of_many_at_once_no_more_get_through_than_there_are(
    connections: async_sessionmaker[AsyncSession],
) -> None:
    async def one(number: int) -> bool:
        async with connections() as session:
            try:
                await sign_in(session, after=timedelta(microseconds=number), address=ADDRESS)
            except TooManyAttemptsError:
                return False
            return True

    outcomes = await asyncio.gather(*(one(number) for number in range(4 * PARALLEL)))

    assert sum(outcomes) == 10
    async with connections() as session:
        counts = (await session.scalars(select(func.cardinality(AttemptCount.moments)))).all()
    assert counts == [10, 10]
