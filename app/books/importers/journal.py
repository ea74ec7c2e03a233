"""What is told of each batch inside the transaction that lands it.

Who keeps account of an import writes it down there, so that what was counted is what was landed,
and an import that was interrupted goes on at the right record.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.batches import Lines, SeenLines
from app.books.importers.report import ImportReport, Repair

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one record of the file, in the order of the file.

    ``outcome`` is a field of the report, or ``REFUSED``; ``reason`` is why it was refused, or what
    a bookseller should know of it; ``book_id`` is told of rows, which may bring a book only once.
    """

    line: int
    reference: str
    outcome: str
    reason: str | None = None
    book_id: int | None = None
    repairs: tuple[Repair, ...] = ()


OnLanded = Callable[[AsyncSession, Sequence[Entry]], Awaitable[None]]
"""Called at the end of each transaction that lands records, before it is committed.

What it writes is committed with them or not at all; it is called again when the transaction is
repeated.
"""


async def forget(_session: AsyncSession, _entries: Sequence[Entry]) -> None:
    """Keep no account."""


class Journal(Protocol):
    """Keeps account of one import. A new one has no records; another goes on after those it has."""

    records: int
    """So many are passed over, for they have landed."""

    started_at: datetime | None
    """When the import began, before whatever interrupted it."""

    @property
    def lines(self) -> Lines:
        """The lines on which books came so far."""

    report: ImportReport
    """What became of the records so far."""

    async def write(
        self, session: AsyncSession, entries: Sequence[Entry], *, bytes_read: int
    ) -> None:
        """Write down, in the batch's transaction, what became of the next records."""

    def check(self) -> None:
        """Raise if the import is to stop here; called after each batch."""


@dataclass
class NoJournal:
    """Keeps no account: an import that begins anew and cannot go on."""

    records: int = 0
    started_at: datetime | None = None
    lines: Lines = field(default_factory=SeenLines)
    report: ImportReport = field(default_factory=ImportReport)

    async def write(
        self, session: AsyncSession, entries: Sequence[Entry], *, bytes_read: int
    ) -> None:
        """Write nothing."""

    def check(self) -> None:
        """Go on."""
