"""What staff are told once a day: yesterday's orders, and what is to be ordered anew."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.stock_keeping import find_lowest
from app.core.config import Settings
from app.core.rights import Right
from app.core.security import Role
from app.notifications import repository
from app.notifications.service import write_mail
from app.orders.schemas import NewOrder
from app.orders.service import summarize_orders
from app.users.service import get_staff_with

DIGESTS = UUID("c1a4f0f5-7d0e-4f0b-9f0e-0f4d6d1f2b57")
"""What a day's id is made in: the same day is the same event, whoever asks."""

WRITTEN_FROM = time(6)
"""No earlier than that, in the shop's time zone, a day's digest is written."""

SHOWN = 10
"""So many orders, and so many books, are named."""


@dataclass(frozen=True, kw_only=True)
class NewOrders:
    """How many orders came in, and the newest of them."""

    count: int
    newest: list[NewOrder]


async def write_digests(session: AsyncSession, *, now: datetime, settings: Settings) -> None:
    """Write yesterday's digest to staff, once; nothing while it is early, or on a day of nothing.

    Who looks after orders reads of orders, who looks after the catalogue of stock.
    """
    zone = ZoneInfo(settings.time_zone)
    local = now.astimezone(zone)
    if local.time() < WRITTEN_FROM:
        return
    day = local.date() - timedelta(days=1)
    event_id = uuid5(DIGESTS, day.isoformat())
    if await repository.has_mail_about(session, event_id=event_id):
        return
    orders = await _orders_of(session, day, zone)
    stocks = await find_lowest(session, limit=SHOWN)
    staff = await get_staff_with(session, rights=(Right.ORDERS, Right.CATALOGUE))
    for member in staff:
        is_admin = member.role is Role.ADMIN
        told_orders = orders if is_admin or Right.ORDERS in member.rights else None
        told_stocks = stocks if is_admin or Right.CATALOGUE in member.rights else None
        if not any(told is not None and told.count for told in (told_orders, told_stocks)):
            continue
        await write_mail(
            session,
            event_id=event_id,
            recipient=member.email,
            template="daily_digest",
            values={"day": day, "orders": told_orders, "low_stock": told_stocks},
            settings=settings,
            language=member.language,
        )


async def _orders_of(session: AsyncSession, day: date, zone: ZoneInfo) -> NewOrders:
    first = datetime.combine(day, time(), zone)
    after = datetime.combine(day + timedelta(days=1), time(), zone)
    count, newest = await summarize_orders(session, first=first, after=after, limit=SHOWN)
    return NewOrders(count=count, newest=newest)
