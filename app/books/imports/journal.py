"""The account that is kept of an import in the database."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.batches import Lines
from app.books.importers.journal import Entry
from app.books.importers.report import ImportReport
from app.books.imports import service
from app.books.imports.errors import ImportStoppedError
from app.books.models import Import
from app.core.clock import utc_now


def new_runner() -> UUID:
    """Return a name for one who runs an import."""
    return uuid4()


class ImportJournal:
    """Writes down how far an import is, with each batch, until somebody wants it stopped."""

    def __init__(
        self,
        *,
        import_id: int,
        runner: UUID,
        started_at: datetime,
        records: int,
        lines: Lines,
        report: ImportReport,
    ) -> None:
        self.import_id = import_id
        self.runner = runner
        self.records = records
        self.started_at: datetime | None = started_at
        self.lines = lines
        self.report = report
        self._is_to_stop = False

    async def write(
        self, session: AsyncSession, entries: Sequence[Entry], *, bytes_read: int
    ) -> None:
        """Write down what became of the next records.

        Raises:
            ImportTakenOverError: somebody else goes on with the import.
        """
        self._is_to_stop = await service.write_batch(
            session,
            import_id=self.import_id,
            runner=self.runner,
            entries=entries,
            bytes_read=bytes_read,
            now=utc_now(),
        )

    def check(self) -> None:
        """Raise ImportStoppedError if somebody cancelled the import."""
        if self._is_to_stop:
            raise ImportStoppedError


async def open_journal(session: AsyncSession, found: Import) -> ImportJournal:
    """Return the journal of an import that was taken up, to go on where it ends."""
    assert found.runner is not None  # noqa: S101 (whoever takes an import up puts it there)
    assert found.started_at is not None  # noqa: S101 (likewise)
    return ImportJournal(
        import_id=found.id,
        runner=found.runner,
        started_at=found.started_at,
        records=found.records,
        lines=await service.lines_of(session, import_id=found.id),
        report=await service.report_of(session, found),
    )
