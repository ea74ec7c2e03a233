"""One import from its beginning, or from where it was interrupted, to its end."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import structlog

from app.books.importers.errors import ImportFileError
from app.books.importers.onix.landing import FeedOptions
from app.books.importers.report import ImportReport, Progress
from app.books.importers.run import import_csv, import_onix
from app.books.importers.sorting import ImportOptions
from app.books.imports import service
from app.books.imports.errors import ImportStoppedError, ImportTakenOverError
from app.books.imports.journal import ImportJournal, new_runner, open_journal
from app.books.models import ImportKind, ImportStatus
from app.core.clock import utc_now
from app.core.config import Settings
from app.db.session import session_scope
from app.integrations.storage import ObjectStorage

log = structlog.get_logger(__name__)

GONE = "The file is no longer kept."
CUT_SHORT = (
    "The compressed file is damaged, or unpacks to far more than it should: what came before was "
    "taken."
)
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is said about a file beside its content."""

    default_price: Decimal | None = None
    default_stock: int = 0
    mapping: dict[str, str]

    @classmethod
    def of(cls, options: dict[str, Any]) -> "Wishes":
        """Return what was kept with an import."""
        price = options.get("default_price")
        return cls(
            default_price=None if price is None else Decimal(price),
            default_stock=options.get("default_stock", 0),
            mapping=dict(words.rpartition("=")[::2] for words in options.get("mapping", ())),
        )


async def run_stored(import_id: int, *, storage: ObjectStorage, settings: Settings) -> None:
    """Import a file that the storage keeps, unless that was done; go on where it was interrupted.

    A fault of the file ends the import. Everything else is raised: who calls tries again.
    """
    async with session_scope() as session:
        found = await service.take_up(
            session, import_id=import_id, runner=new_runner(), now=utc_now()
        )
        if found is None:
            return
        journal = await open_journal(session, found)
    log.info("import taken up", import_id=import_id, records=journal.records)
    stream = None if found.storage_key is None else await storage.open(found.storage_key)
    if stream is None:
        await _finish(journal, ImportStatus.FAILED, reason=GONE)
        return
    with stream:
        try:
            await run(
                stream,
                kind=found.kind,
                wishes=Wishes.of(found.options),
                journal=journal,
                settings=settings,
                on_progress=lambda _: None,
            )
        except (ImportFileError, ImportStoppedError) as error:
            log.info("import ended early", import_id=import_id, reason=type(error).__name__)
        except ImportTakenOverError:
            log.warning("import taken over by another", import_id=import_id)


async def run(
    source: Path | BinaryIO,
    *,
    kind: ImportKind,
    wishes: Wishes,
    journal: ImportJournal,
    settings: Settings,
    on_progress: Callable[[Progress], None],
) -> ImportReport:
    """Import a file from where its journal ends, and write down how that ended.

    Raises:
        ImportFileError: nothing can be read from the file; the import has failed.
        ImportStoppedError: somebody cancelled it.
        ImportTakenOverError: somebody else goes on with it.
        OSError: the file cannot be read; nothing is written down, and one can go on later.
    """
    try:
        if kind is ImportKind.ONIX:
            report = await import_onix(
                source,
                options=_feed_options(journal, settings),
                on_progress=on_progress,
                journal=journal,
            )
        else:
            report = await import_csv(
                source,
                mapping=wishes.mapping,
                options=ImportOptions(
                    currency=settings.currency,
                    default_price=wishes.default_price,
                    default_stock=wishes.default_stock,
                ),
                on_progress=on_progress,
                journal=journal,
            )
    except ImportFileError as error:
        await _finish(journal, ImportStatus.FAILED, reason=error.detail)
        raise
    except ImportStoppedError:
        await _finish(journal, ImportStatus.CANCELLED)
        raise
    if report.is_cut_short:
        await _finish(journal, ImportStatus.FAILED, reason=CUT_SHORT, report=report)
    else:
        await _finish(journal, ImportStatus.FINISHED, report=report)
    return report


def fingerprint(path: Path, *, kind: ImportKind, wishes: Wishes, settings: Settings) -> bytes:
    """Return 32 bytes that change when the file, or what is made of it, is another."""
    digest = hashlib.blake2b(digest_size=32)
    said = [
        kind, str(wishes.default_price), wishes.default_stock, sorted(wishes.mapping.items()),
        settings.currency, settings.country,
    ]  # fmt: skip
    digest.update(json.dumps(said).encode())
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


async def start_or_take_up(
    *,
    kind: ImportKind,
    file_name: str,
    fingerprint: bytes | None,
    bytes_total: int | None,
    requested_by: str,
) -> ImportJournal:
    """Return the journal of an import that runs here: of the same file's that was interrupted."""
    async with session_scope() as session:
        found = await service.start_or_take_up(
            session,
            kind=kind,
            file_name=file_name,
            fingerprint=fingerprint,
            requested_by=requested_by,
            bytes_total=bytes_total,
            runner=new_runner(),
            now=utc_now(),
        )
        return await open_journal(session, found)


def _feed_options(journal: ImportJournal, settings: Settings) -> FeedOptions:
    """Return where the shop is; its day is the one on which the import began."""
    started_at = journal.started_at or utc_now()
    return FeedOptions(
        currency=settings.currency,
        country=settings.country,
        today=started_at.astimezone(ZoneInfo(settings.time_zone)).date(),
    )


async def _finish(
    journal: ImportJournal,
    status: ImportStatus,
    *,
    reason: str | None = None,
    report: ImportReport | None = None,
) -> None:
    async with session_scope() as session:
        await service.finish(
            session,
            import_id=journal.import_id,
            runner=journal.runner,
            status=status,
            reason=reason,
            unused_columns=() if report is None else report.unused_columns,
            now=utc_now(),
        )
