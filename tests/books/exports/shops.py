"""What these tests do with a shop: fill it, empty it, look at it, carry its catalogue away."""

import io
from datetime import UTC, date, datetime

from sqlalchemy import delete

from app.audit.models import AuditEntry
from app.books.exporters.csv import csv_parts
from app.books.exporters.onix import OnixOptions, OnixParts
from app.books.importers.onix.landing import FeedOptions
from app.books.importers.report import ImportReport
from app.books.importers.run import DEMO_CATALOGUE, import_csv, import_onix
from app.books.importers.sorting import ImportOptions
from app.db.base import Base
from app.db.session import session_scope, snapshot_scope
from tests.books.onix.messages import FILES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FEEDS = FeedOptions(currency="EUR", country="DE", today=date(2026, 11, 24))


async def empty() -> None:
    """Delete all rows: of few rows that is faster than to truncate."""
    async with session_scope() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != AuditEntry.__tablename__:  # which nothing deletes from
                await session.execute(delete(table))


async def export() -> bytes:
    async with snapshot_scope() as session:
        return b"".join([part async for part in csv_parts(session)])


async def take(content: bytes, *, currency: str = "EUR") -> ImportReport:
    return await import_csv(
        io.BytesIO(content),
        mapping={},
        options=ImportOptions(currency=currency),
        on_progress=lambda _: None,
    )


async def take_feed(content: bytes) -> ImportReport:
    return await import_onix(
        io.BytesIO(content), options=FEEDS, on_progress=lambda _: None, clock=lambda: NOW
    )


async def fill_with_demo() -> None:
    await import_csv(
        DEMO_CATALOGUE,
        mapping={},
        options=ImportOptions(currency="EUR"),
        on_progress=lambda _: None,
    )


async def fill_with_feeds() -> None:
    """Take all real feeds that are at hand."""
    for path in FILES:
        await import_onix(path, options=FEEDS, on_progress=lambda _: None, clock=lambda: NOW)


async def export_onix() -> bytes:
    """Return the message, of the shop that the feeds are for."""
    options = OnixOptions(sender="Bookstore", now=NOW, currency="EUR", country="DE")
    async with snapshot_scope() as session:
        return b"".join([part async for part in OnixParts(options)(session)])
