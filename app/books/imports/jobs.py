"""Imports that a worker runs, and what the schedule does about old and lost ones."""

from datetime import timedelta

from app.books.imports import service
from app.books.imports.files import delete_old_files, delete_strays
from app.books.imports.runs import run_stored
from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import session_scope
from app.integrations.storage import media_storage
from app.jobs.queue import job, periodic

DAY_SECONDS = 24 * 60 * 60.0


@job(service.RUN_IMPORT, max_attempts=20, timeout_seconds=DAY_SECONDS)
async def run_import(*, import_id: int) -> None:
    """Bring an uploaded file in. Each attempt goes on where the last one was interrupted."""
    settings = get_settings()
    await run_stored(import_id, storage=media_storage(settings), settings=settings)


@periodic("imports.fail_lost")
async def fail_lost_imports() -> None:
    """Say of imports whose job was parked that they have failed."""
    async with session_scope() as session:
        await service.fail_lost(session, now=utc_now())


@periodic("imports.prune", cron="37 3 * * *")
async def prune_import_files() -> None:
    """Delete the files of imports that ended long ago, and what uploads left that broke off."""
    settings, now = get_settings(), utc_now()
    storage = media_storage(settings)
    await delete_old_files(storage, before=now - timedelta(days=settings.import_file_days))
    await delete_strays(storage, before=now - timedelta(days=1))
