"""The books: every order on its day, in whatever zone the shop is, and no cell a formula."""

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, get_settings
from app.core.spreadsheets import restore
from app.orders.bookkeeping import beginning_of, export_days, export_orders
from app.orders.fulfilment_schemas import BookkeepingDays
from tests.orders.bought import make_order

ZONES = [
    *("America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Havana"),
    *("America/Santiago", "Africa/Cairo", "Asia/Beirut", "Atlantic/Azores"),
]
"""Clocks that change by an hour and by half of one, at night, at midnight and to midnight."""

ORDERS = 10_000
FIRST, AFTER = date(2024, 1, 1), date(2028, 1, 1)
HOUR = timedelta(hours=1)


@cache
def transitions(name: str) -> list[datetime]:
    """Return the moments of four years at which a zone's clocks change, to the minute."""
    zone = ZoneInfo(name)
    moment, found = datetime(2024, 1, 1, tzinfo=UTC), []
    while moment < datetime(2028, 1, 1, tzinfo=UTC):
        later = moment + HOUR
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            while moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
                later -= timedelta(minutes=1)
            found.append(later + timedelta(minutes=1))
        moment += HOUR
    return found


@pytest.mark.parametrize("name", ZONES)
@settings(deadline=None)
@given(day=st.dates(FIRST, AFTER - timedelta(days=1)), near=st.integers(0, 99))
def test_a_day_begins_with_its_first_moment(name: str, day: date, near: int) -> None:
    zone, known = ZoneInfo(name), transitions(name)
    if near % 2:  # every other day is one on which clocks change
        day = known[near % len(known)].astimezone(zone).date() + timedelta(days=near % 3 - 1)
    first = beginning_of(day, zone)
    assert first.astimezone(zone).date() == day
    assert (first - timedelta(seconds=1)).astimezone(zone).date() == day - timedelta(days=1)


def moments() -> list[datetime]:
    """Return moments on all sides of every transition of every zone, and of the days around."""
    edges = [moment for name in ZONES for moment in transitions(name)]
    return [
        edges[number % len(edges)]
        + timedelta(minutes=30 * (number * 7919 % 193 - 96), seconds=number % 3 - 1)
        for number in range(ORDERS)
    ]


async def read(lines: AsyncIterator[str]) -> list[dict[str, str]]:
    """Return the rows of a table as they come back from a spreadsheet."""
    whole = "".join([part async for part in lines]).removeprefix("\ufeff")
    rows = csv.DictReader(io.StringIO(whole, newline=""))
    return [{name: restore(cell) for name, cell in row.items()} for row in rows]


def in_zone(name: str) -> Settings:
    return get_settings().model_copy(update={"time_zone": name})


async def write(session: AsyncSession, paid: list[datetime]) -> None:
    """Write orders that were paid at these moments, of so many cents as their place says."""
    await session.execute(
        text("""
            INSERT INTO orders (number, email, status, currency, total, idempotency_key,
                                request_hash, reserved_until, settle_after, confirmed_at)
            SELECT 'D' || n, 'a@example.com', 'confirmed', 'USD', (n % 97 + 1) / 100.0, 'D' || n,
                   '', now(), now(), moment
            FROM unnest(CAST(:paid AS timestamptz[])) WITH ORDINALITY AS paid (moment, place),
                 LATERAL (SELECT place - 1 AS n) AS numbered
        """),
        {"paid": paid},
    )
    await session.commit()


async def test_sums_of_days_are_those_of_a_calendar_in_every_zone(
    committed: AsyncSession,
) -> None:
    paid = moments()
    await write(committed, paid)
    days = BookkeepingDays(first=FIRST, after=AFTER)
    inside = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        wanted: Counter[str] = Counter()
        for place, moment in enumerate(paid):
            day = moment.astimezone(zone).date()
            if FIRST <= day < AFTER:
                wanted[day.isoformat()] += place % 97 + 1
        rows = await read(export_days(days=days, settings=in_zone(name)))
        assert {row["day"]: Decimal(row["net"]) * 100 for row in rows} == wanted, name
        inside += sum(int(row["orders"]) for row in rows)
    assert inside > 7.9 * ORDERS
    listed = await read(export_orders(days=days, settings=in_zone(ZONES[0])))
    assert len(listed) > 0.98 * ORDERS
    everything = await read(export_days(days=days, settings=in_zone(ZONES[0])))
    assert sum(Decimal(row["total"]) for row in listed) == sum(
        Decimal(row["sold"]) for row in everything
    )


async def test_orders_and_refunds_stand_on_their_days_and_no_cell_is_a_formula(
    committed: AsyncSession,
) -> None:
    evening = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # it is December in Berlin
    order = await make_order(committed, 2, number="=1+1", now=evening)
    await make_order(committed, 1, now=evening - timedelta(hours=2))
    await committed.execute(
        text(
            "INSERT INTO refunds (order_id, reference, amount, currency, reason, state, ask_after,"
            " decided_at) SELECT :id, 'r' || state, 25, 'USD', 'damaged', state, now(), :now"
            " FROM (VALUES ('done'), ('failed'), ('pending')) AS states (state)"
        ),
        {"id": order.id, "now": evening + timedelta(days=1)},
    )
    await committed.commit()
    days = BookkeepingDays(first=date(2026, 12, 1), after=date(2026, 12, 3))
    berlin = in_zone("Europe/Berlin")
    lines = "".join([part async for part in export_orders(days=days, settings=berlin)])
    assert '"\'=1+1","' in lines
    (row,) = await read(export_orders(days=days, settings=berlin))
    assert (row["number"], row["paid"], row["total"], row["refunded"], row["country"]) == (
        "=1+1",
        "2026-12-01 00:30:00+01:00",
        "20.00",
        "25.00",
        "GB",
    )
    sums = await read(export_days(days=days, settings=berlin))
    assert [(each["day"], each["sold"], each["refunded"], each["net"]) for each in sums] == [
        ("2026-12-01", "20.00", "0", "20.00"),
        ("2026-12-02", "0", "25.00", "-25.00"),
    ]
