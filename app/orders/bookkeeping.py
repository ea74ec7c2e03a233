"""Orders for the books: as a table of orders, or of days, in the shop's time zone.

An order counts on the day that it was paid, a refund on the day that the gateway said it is done.
"""

import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.config import Settings
from app.core.spreadsheets import SheetWriter
from app.db.session import session_scope
from app.orders import bookkeeping_repository as repository
from app.orders.bookkeeping_repository import BookedOrder
from app.orders.fulfilment_schemas import BookkeepingDays

READ_AT_ONCE = 1000
ORDER_COLUMNS = [
    *("number", "placed", "paid", "status", "country", "currency"),
    *("discounts", "shipping", "tax", "total", "gift_cards", "refunded"),
    *("gateway", "payment_reference", "invoice"),
]
DAY_COLUMNS = ["day", "currency", "orders", "sold", "refunds", "refunded", "net"]


async def export_orders(*, days: BookkeepingDays, settings: Settings) -> AsyncIterator[str]:
    """Yield the orders that were paid on some days as lines of a CSV file, the first one first.

    Moments are told in the shop's time zone. No transaction is open while a part is sent, and no
    cell is a formula to a spreadsheet.
    """
    zone = ZoneInfo(settings.time_zone)
    since, until = beginning_of(days.first, zone), beginning_of(days.after, zone)
    yield "\ufeff" + _csv([ORDER_COLUMNS])
    behind: tuple[datetime, int] | None = None
    while True:
        async with session_scope() as session:
            found = await repository.list_booked(
                session, since=since, until=until, behind=behind, limit=READ_AT_ONCE
            )
        if found:
            yield _csv(_cells(order, zone) for order in found)
        if len(found) < READ_AT_ONCE:
            return
        behind = (found[-1].confirmed_at, found[-1].id)


async def export_days(*, days: BookkeepingDays, settings: Settings) -> AsyncIterator[str]:
    """Yield what was sold and paid back, day by day, as lines of a CSV file.

    Days without sales and refunds are left out. The sum of all days is that of all orders.
    """
    zone = ZoneInfo(settings.time_zone)
    dates = [
        days.first + timedelta(days=number) for number in range((days.after - days.first).days)
    ]
    bounds = [beginning_of(day, zone) for day in [*dates, days.after]]
    yield "\ufeff" + _csv([DAY_COLUMNS])
    async with session_scope() as session:
        sums = await repository.sum_days(session, bounds=bounds)
    yield _csv(
        [
            dates[each.day - 1],
            each.currency,
            each.orders,
            each.sold,
            each.refunds,
            each.refunded,
            each.sold - each.refunded,
        ]
        for each in sums
    )


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day, in UTC.

    That is midnight where the day has one. Where clocks are put forward at midnight, it is the
    moment at which they are; where they are put back to it, the first of the two.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _cells(order: BookedOrder, zone: ZoneInfo) -> Sequence[object]:
    invoice = None
    if order.invoice_number is not None:
        invoice = f"{order.invoice_series}-{order.invoice_number:06d}"
    return [
        order.number,
        _moment(order.placed_at, zone),
        _moment(order.confirmed_at, zone),
        order.status.value,
        order.country,
        order.currency,
        order.discounts,
        order.shipping,
        order.tax,
        order.total,
        order.gift_cards,
        order.refunded,
        order.gateway,
        order.payment_reference,
        invoice,
    ]


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    sheet = SheetWriter(text)
    for row in rows:
        sheet.write(row)
    return text.getvalue()
