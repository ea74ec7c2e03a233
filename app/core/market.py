"""Where and when something is sold: what embargoes, rights and prices depend on."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.core.config import Settings


@dataclass(frozen=True, kw_only=True)
class Market:
    """A country (ISO 3166-1 alpha-2) on a day of the shop's time zone."""

    country: str
    today: date


def shop_market(*, now: datetime, settings: Settings) -> Market:
    """Return the shop's own country and the day that it is there."""
    today = now.astimezone(ZoneInfo(settings.time_zone)).date()
    return Market(country=settings.country, today=today)
