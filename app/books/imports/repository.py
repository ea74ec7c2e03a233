"""The SQL of imports."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.batches import SeenLines
from app.books.models import Import, ImportBatch, ImportEntry, ImportStatus
from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window

UNFINISHED = (ImportStatus.WAITING, ImportStatus.RUNNING)
NEWEST_FIRST = Order(name="imports", keys=(Import.id.expression,), is_descending=True)
IN_THE_FILES_ORDER = Order(name="records of an import", keys=(ImportEntry.record.expression,))


async def insert_import(session: AsyncSession, entity: Import) -> Import:
    """Write a new import and return it with all that the database adds."""
    session.add(entity)
    await session.flush()  # the job needs its id
    await session.refresh(entity)
    return entity


async def find_import(
    session: AsyncSession, import_id: int, *, for_update: bool = False
) -> Import | None:
    """Return an import as it is now."""
    return await session.get(
        Import, import_id, with_for_update=for_update or None, populate_existing=True
    )


async def find_interrupted(session: AsyncSession, *, fingerprint: bytes) -> Import | None:
    """Return the newest import of the same file with the same options that did not end."""
    statement = (
        select(Import)
        .where(Import.status == ImportStatus.RUNNING, Import.fingerprint == fingerprint)
        .order_by(Import.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def list_imports(session: AsyncSession, *, window: Window) -> Slice[Import]:
    """Return the imports of a window, the newest first."""
    return await read_objects(session, select(Import), order=NEWEST_FIRST, window=window)


async def count_imports(session: AsyncSession) -> int:
    """Return how many imports there are."""
    return await session.scalar(select(func.count()).select_from(Import)) or 0


async def list_entries(
    session: AsyncSession,
    import_id: int,
    *,
    outcome: str | None = None,
    with_reason: bool = False,
    window: Window,
) -> Slice[ImportEntry]:
    """Return the entries of a report that are in a window, in the file's order."""
    statement = select(ImportEntry).where(ImportEntry.import_id == import_id)
    if outcome is not None:
        statement = statement.where(ImportEntry.outcome == outcome)
    if with_reason:
        statement = statement.where(ImportEntry.reason.is_not(None))
    return await read_objects(session, statement, order=IN_THE_FILES_ORDER, window=window)


async def count_entries(
    session: AsyncSession, import_id: int, *, outcome: str | None = None, with_reason: bool = False
) -> int:
    """Return how many entries a report has."""
    statement = select(func.count()).where(ImportEntry.import_id == import_id)
    if outcome is not None:
        statement = statement.where(ImportEntry.outcome == outcome)
    if with_reason:
        statement = statement.where(ImportEntry.reason.is_not(None))
    return await session.scalar(statement) or 0


async def replace_requester(session: AsyncSession, *, requested_by: str, replacement: str) -> None:
    """Write another into every import that names somebody."""
    await session.execute(
        update(Import)
        .where(Import.requested_by == requested_by)
        .values(requested_by=replacement)
        .execution_options(synchronize_session=False)
    )


async def insert_entries(session: AsyncSession, entries: Sequence[ImportEntry]) -> None:
    """Write entries of a report in one statement."""
    columns = ImportEntry.__table__.columns.keys()
    values = [{name: getattr(entry, name) for name in columns} for entry in entries]
    if values:
        await session.execute(insert(ImportEntry), values)


async def insert_batch(session: AsyncSession, batch: ImportBatch) -> None:
    """Write which books a batch brought."""
    session.add(batch)


async def read_lines(session: AsyncSession, import_id: int) -> SeenLines:
    """Return on which lines the books came that an import has brought so far, by their ids."""
    statement = (
        select(ImportBatch.book_ids, ImportBatch.lines)
        .where(ImportBatch.import_id == import_id)
        .order_by(ImportBatch.first_record)
    )
    lines = SeenLines()
    async for book_ids, came_on in await session.stream(statement):
        for book_id, line in zip(book_ids, came_on, strict=True):
            lines[book_id] = line
    return lines


async def delete_batches(session: AsyncSession, import_id: int) -> None:
    """Forget which books an import brought."""
    await session.execute(delete(ImportBatch).where(ImportBatch.import_id == import_id))


async def find_unfinished(session: AsyncSession) -> Sequence[Import]:
    """Return the imports that wait or run, to be changed."""
    statement = (
        select(Import)
        .where(Import.status.in_(UNFINISHED))
        .order_by(Import.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def old_files(session: AsyncSession, *, before: datetime, limit: int) -> dict[int, str]:
    """Return the keys of files whose import ended before a moment, by the import's id."""
    statement = (
        select(Import.id, Import.storage_key)
        .where(Import.finished_at < before, Import.storage_key.is_not(None))
        .order_by(Import.finished_at)
        .limit(limit)
    )
    found = (await session.execute(statement)).all()
    return {import_id: key for import_id, key in found if key is not None}


async def forget_files(session: AsyncSession, ids: Collection[int]) -> None:
    """Write down that the files of these imports are gone."""
    await session.execute(update(Import).where(Import.id.in_(ids)).values(storage_key=None))


async def known_files(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Return those of the keys that an import has."""
    statement = select(Import.storage_key).where(Import.storage_key.in_(keys))
    return {key for key in await session.scalars(statement) if key is not None}
