"""What staff are told in the morning."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Stock
from app.core.config import Settings
from app.core.rights import Right
from app.core.security import Role
from app.notifications.digest import write_digests
from app.notifications.models import Mail
from app.orders.models import Order
from tests.factories import make_book, make_user
from tests.orders.bought import make_order

BERLIN = Settings(time_zone="Europe/Berlin")
YESTERDAY = datetime(2026, 11, 30, 12, tzinfo=UTC)
MORNING = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)  # half past six there


async def told(session: AsyncSession, now: datetime = MORNING) -> dict[str, str]:
    """Write the digests twice and return what everybody was told."""
    for _ in range(2):
        await write_digests(session, now=now, settings=BERLIN)
    return {mail.recipient: mail.body_text for mail in await session.scalars(select(Mail))}


async def test_everybody_reads_of_what_they_look_after(db_session: AsyncSession) -> None:
    await make_user(db_session, email="reader@example.com")
    await make_user(db_session, email="orders@example.com", rights=[Right.ORDERS])
    await make_user(db_session, email="books@example.com", rights=[Right.CATALOGUE])
    await make_user(db_session, email="words@example.com", rights=[Right.REVIEWS])
    await make_user(db_session, email="admin@example.com", role=Role.ADMIN)
    await make_user(db_session, email="left@example.com", rights=[Right.ORDERS], is_active=False)
    await make_order(db_session, 2, 1, number="K7M2P", now=YESTERDAY)
    low = await make_book(db_session, title="Persuasion", copies=1)
    await db_session.execute(update(Stock).where(Stock.book_id == low.id).values(low_level=1))

    mails = await told(db_session)
    assert set(mails) == {"orders@example.com", "books@example.com", "admin@example.com"}
    assert "One new order\nK7M2P: 3 copies" in mails["orders@example.com"]
    assert "Persuasion" not in mails["orders@example.com"]
    assert "One book runs low" in mails["books@example.com"]
    assert "K7M2P" not in mails["books@example.com"]
    assert "K7M2P" in mails["admin@example.com"]
    assert "Persuasion" in mails["admin@example.com"]


async def test_a_day_is_the_shops_own(db_session: AsyncSession) -> None:
    await make_user(db_session, email="nora@example.com", rights=[Right.ORDERS])
    hours = {"late": 22, "yesterday": 23}  # of UTC: 23:00 on the 29th, midnight to the 30th
    for number, hour in hours.items():
        order = await make_order(db_session, number=number)
        await db_session.execute(
            update(Order)
            .where(Order.id == order.id)
            .values(confirmed_at=datetime(2026, 11, 29, hour, tzinfo=UTC))
        )
    mails = await told(db_session)
    assert "yesterday:" in mails["nora@example.com"]
    assert "late:" not in mails["nora@example.com"]


async def test_too_early_and_on_a_day_of_nothing_nobody_is_told(db_session: AsyncSession) -> None:
    await make_user(db_session, rights=[Right.ORDERS])
    assert await told(db_session) == {}
    await make_order(db_session, now=YESTERDAY)
    assert await told(db_session, datetime(2026, 12, 1, 4, 30, tzinfo=UTC)) == {}
    assert len(await told(db_session)) == 1


async def test_a_digest_is_in_its_readers_language(db_session: AsyncSession) -> None:
    nora = await make_user(db_session, rights=[Right.ORDERS])
    nora = await db_session.merge(nora)
    nora.language = "de"
    await make_order(db_session, now=YESTERDAY)
    (words,) = (await told(db_session)).values()
    assert "Eine neue Bestellung" in words
