"""Imports are asked for, taken up, kept account of and ended.

Who runs an import has its ``runner``'s name in the row. Everything that is written for an import
is written under a lock of that row and only in that name, so that of two who believe to run it
one writes nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.books.importers.batches import Lines
from app.books.importers.journal import REFUSED, Entry
from app.books.importers.report import (
    EXAMPLES_PER_KIND,
    ImportReport,
    Note,
    Refusal,
    Repair,
    RepairExample,
    RepairKind,
)
from app.books.imports import repository
from app.books.imports.errors import (
    ImportNotFoundError,
    ImportOverError,
    ImportTakenOverError,
)
from app.books.imports.schemas import EntryQuery, EntryRead, ImportRead
from app.books.models import Import, ImportBatch, ImportEntry, ImportKind, ImportStatus
from app.core.pagination import Page, PageQuery, Position, Slice, Window
from app.jobs.queue import JobKind, enqueue, pending

T = TypeVar("T")

RUN_IMPORT = JobKind(name="imports.run", queue="imports")
"""The job that brings a file in. The queue is its own: the longest job holds up nothing else."""

MAX_ENTRIES = 100_000
"""So many entries with a reason, and so many without, has a report; the rest is only counted."""

MAX_TEXT_CHARACTERS = 500
LOCAL_GIVEN_UP_AFTER = timedelta(days=1)
UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
COUNTED = ("taken", "updated", "unchanged", "deleted", "outdated", "refused")

NOBODY = "(deleted account)"
"""Who asked for an import, once the account is gone."""

LOST = (
    "It was interrupted or met an error of the shop's own too often; the worker's log says more. "
    "What has landed stays: the same file again finds it unchanged."
)
NOT_CONTINUED = (
    "It was interrupted and not started again for a day. What has landed stays: the same file "
    "again finds it unchanged."
)


async def request_import(
    session: AsyncSession,
    *,
    kind: ImportKind,
    file_name: str,
    options: dict[str, Any],
    requested_by: str,
    storage_key: str,
    bytes_total: int,
) -> ImportRead:
    """Have a file that the storage keeps imported by a worker."""
    found = await repository.insert_import(
        session,
        Import(
            kind=kind,
            file_name=storable(file_name),
            options=options,
            requested_by=requested_by,
            storage_key=storage_key,
            bytes_total=bytes_total,
        ),
    )
    found.job_id = await enqueue(session, RUN_IMPORT, import_id=found.id)
    return as_read(found)


async def take_up(
    session: AsyncSession, *, import_id: int, runner: UUID, now: datetime
) -> Import | None:
    """Begin an import or go on with it; return None if there is nothing to be done any more."""
    found = await repository.find_import(session, import_id, for_update=True)
    if found is None or found.finished_at is not None:
        return None
    if found.is_cancelling:
        await _end(session, found, status=ImportStatus.CANCELLED, now=now)
        return None
    _take(found, runner=runner, now=now)
    return found


async def forget_requester(session: AsyncSession, *, email: str) -> None:
    """Let the imports that somebody asked for name them no more."""
    await repository.replace_requester(session, requested_by=email, replacement=NOBODY)


async def start_or_take_up(
    session: AsyncSession,
    *,
    kind: ImportKind,
    file_name: str,
    fingerprint: bytes | None,
    requested_by: str,
    bytes_total: int | None,
    runner: UUID,
    now: datetime,
) -> Import:
    """Go on with the import of the same file that was interrupted, or begin one."""
    found = None
    if fingerprint is not None:
        found = await repository.find_interrupted(session, fingerprint=fingerprint)
    if found is None:
        found = await repository.insert_import(
            session,
            Import(
                kind=kind,
                file_name=storable(file_name),
                fingerprint=fingerprint,
                requested_by=requested_by,
                bytes_total=bytes_total,
            ),
        )
    _take(found, runner=runner, now=now)
    return found


def _take(found: Import, *, runner: UUID, now: datetime) -> None:
    found.status = ImportStatus.RUNNING
    found.runner = runner
    found.started_at = found.started_at or now
    found.resumed_at = found.updated_at = now
    found.resumed_records = found.records
    found.resumed_bytes = found.bytes_read
    found.version += 1


async def write_batch(
    session: AsyncSession,
    *,
    import_id: int,
    runner: UUID,
    entries: Sequence[Entry],
    bytes_read: int,
    now: datetime,
) -> bool:
    """Count the records of a batch in its own transaction; tell whether the import is to stop.

    Raises:
        ImportTakenOverError: somebody else runs the import by now, or it has ended.
    """
    found = await _held(session, import_id=import_id, runner=runner)
    kept = _number(found, entries)
    await repository.insert_entries(session, kept)
    brought = {entry.book_id: entry.line for entry in entries if entry.book_id is not None}
    if brought:
        batch = ImportBatch(
            import_id=import_id,
            first_record=found.records + 1,
            book_ids=list(brought),
            lines=list(brought.values()),
        )
        await repository.insert_batch(session, batch)
    outcomes = Counter(entry.outcome for entry in entries)
    for outcome in COUNTED:
        setattr(found, outcome, getattr(found, outcome) + outcomes[outcome])
    found.noted += sum(entry.outcome != REFUSED and entry.reason is not None for entry in entries)
    found.records += len(entries)
    found.repairs = _with_repairs(found.repairs, entries)
    found.bytes_read = bytes_read
    found.updated_at = now
    found.version += 1
    return found.is_cancelling


async def finish(
    session: AsyncSession,
    *,
    import_id: int,
    runner: UUID,
    status: ImportStatus,
    reason: str | None = None,
    unused_columns: Sequence[str] = (),
    now: datetime,
) -> None:
    """End an import.

    Raises:
        ImportTakenOverError: somebody else runs the import by now, or it has ended.
    """
    found = await _held(session, import_id=import_id, runner=runner)
    found.unused_columns = [storable(name) for name in unused_columns]
    if status is ImportStatus.FINISHED and found.bytes_total is not None:
        found.bytes_read = found.bytes_total
    await _end(session, found, status=status, reason=reason, now=now)
    await record(
        session,
        actor=Actor(name=found.requested_by),
        action="import.end",
        thing_id=found.id,
        after=summary(as_read(found)),
    )


def summary(found: ImportRead) -> dict[str, Any]:
    """Return what became of an import, in a few words and numbers."""
    facts = ("file_name", "kind", "status", "reason", "is_cancelling", "records", *COUNTED)
    return {name: getattr(found, name) for name in facts}


async def cancel_import(session: AsyncSession, *, import_id: int, now: datetime) -> ImportRead:
    """Have an import stop: at once if nobody runs it, else after the batch in hand.

    Raises:
        ImportNotFoundError: there is none of this id.
        ImportOverError: it has ended already.
    """
    found = await repository.find_import(session, import_id, for_update=True)
    if found is None:
        raise ImportNotFoundError
    if found.finished_at is not None:
        raise ImportOverError
    if found.status is ImportStatus.WAITING:
        await _end(session, found, status=ImportStatus.CANCELLED, now=now)
    elif not found.is_cancelling:
        found.is_cancelling = True
        found.version += 1
    return as_read(found)


async def _held(session: AsyncSession, *, import_id: int, runner: UUID) -> Import:
    found = await repository.find_import(session, import_id, for_update=True)
    if found is None or found.runner != runner or found.finished_at is not None:
        raise ImportTakenOverError
    return found


async def _end(
    session: AsyncSession,
    found: Import,
    *,
    status: ImportStatus,
    now: datetime,
    reason: str | None = None,
) -> None:
    found.status = status
    found.reason = None if reason is None else storable(reason)
    found.finished_at = now
    found.updated_at = now
    found.version += 1
    await repository.delete_batches(session, found.id)


async def get_import(session: AsyncSession, *, import_id: int) -> ImportRead:
    """Return an import.

    Raises:
        ImportNotFoundError: there is none of this id.
    """
    found = await repository.find_import(session, import_id)
    if found is None:
        raise ImportNotFoundError
    return as_read(found)


async def list_imports(session: AsyncSession, *, query: PageQuery) -> Page[ImportRead]:
    """Return a page of imports, the newest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_imports(session, window=window)
    return _page(found.map(as_read), query, total=await repository.count_imports(session))


async def list_entries(
    session: AsyncSession, *, import_id: int, query: EntryQuery
) -> Page[EntryRead]:
    """Return a page of what became of an import's records, in the order of the file.

    Raises:
        ImportNotFoundError: there is none of this id.
        CursorError: not a cursor of this list.
    """
    await get_import(session, import_id=import_id)
    window = query.window(repository.IN_THE_FILES_ORDER.name)
    found = await repository.list_entries(
        session, import_id, outcome=query.outcome, with_reason=query.with_reason, window=window
    )
    total = await repository.count_entries(
        session, import_id, outcome=query.outcome, with_reason=query.with_reason
    )
    return _page(found.map(EntryRead.model_validate), query, total=total)


async def entries_after(
    session: AsyncSession, *, import_id: int, record: int, limit: int
) -> list[EntryRead]:
    """Return the next entries of a report, in the order of the file."""
    window = Window(limit=limit, position=Position(values=(record,)))
    found = await repository.list_entries(session, import_id, window=window)
    return [EntryRead.model_validate(entry) for entry in found.rows]


async def lines_of(session: AsyncSession, *, import_id: int) -> Lines:
    """Return on which lines an import that did not end has brought which books."""
    return await repository.read_lines(session, import_id)


async def report_of(session: AsyncSession, found: Import) -> ImportReport:
    """Return what became of an import's records so far, as who goes on with it needs it."""
    report = ImportReport(
        rows=found.records,
        taken=found.taken,
        updated=found.updated,
        unchanged=found.unchanged,
        deleted=found.deleted,
        outdated=found.outdated,
        refused_total=found.refused,
        notes_total=found.noted,
    )
    kinds = {kind.value: kind for kind in RepairKind}
    for repair in found.repairs:
        kind = kinds[repair["kind"]]
        report.repairs[kind] = repair["count"]
        report.examples[kind] = [
            RepairExample(item["line"], Repair(kind, item["before"], item["after"]))
            for item in repair["examples"]
        ]
    with_reasons = await repository.list_entries(
        session, found.id, with_reason=True, window=Window(limit=MAX_ENTRIES)
    )
    for entry in with_reasons.rows:
        told = (entry.line, entry.reference, entry.reason or "")
        if entry.outcome == REFUSED:
            report.refused.append(Refusal(*told))
        else:
            report.notes.append(Note(*told))
    return report


async def fail_lost(session: AsyncSession, *, now: datetime) -> None:
    """End the imports that nobody will go on with."""
    unfinished = await repository.find_unfinished(session)
    waiting = await pending(session, [found.job_id for found in unfinished if found.job_id])
    for found in unfinished:
        if found.job_id is None:
            last_seen = found.updated_at or found.created_at
            if now - last_seen > LOCAL_GIVEN_UP_AFTER:
                await _end(
                    session, found, status=ImportStatus.FAILED, reason=NOT_CONTINUED, now=now
                )
        elif found.job_id not in waiting:
            await _end(session, found, status=ImportStatus.FAILED, reason=LOST, now=now)


def as_read(found: Import) -> ImportRead:
    """Return an import as its readers see it."""
    reasons = found.refused + found.noted
    left_out = max(0, reasons - MAX_ENTRIES) + max(0, found.records - reasons - MAX_ENTRIES)
    columns = {name: getattr(found, name) for name in ImportRead.model_fields if name != "left_out"}
    return ImportRead(left_out=left_out, **columns)


def storable(text: str) -> str:
    """Return a text from a file so that it can be kept and shown: without what nobody can see."""
    shown = UNSTORABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown if len(shown) <= MAX_TEXT_CHARACTERS else f"{shown[: MAX_TEXT_CHARACTERS - 1]}…"


def _page(found: Slice[T], query: PageQuery, *, total: int) -> Page[T]:
    return Page(
        items=list(found.rows),
        total=total,
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


def _number(found: Import, entries: Sequence[Entry]) -> list[ImportEntry]:
    """Return the rows for those entries that the report has room for."""
    reasons = found.refused + found.noted
    plain = found.records - reasons
    kept = []
    for number, entry in enumerate(entries, start=found.records + 1):
        if entry.reason is None:
            plain += 1
        else:
            reasons += 1
        if (plain if entry.reason is None else reasons) <= MAX_ENTRIES:
            kept.append(
                ImportEntry(
                    import_id=found.id,
                    record=number,
                    line=entry.line,
                    outcome=str(entry.outcome),
                    reference=storable(entry.reference),
                    reason=None if entry.reason is None else storable(entry.reason),
                )
            )
    return kept


def _with_repairs(
    before: Sequence[dict[str, Any]], entries: Sequence[Entry]
) -> list[dict[str, Any]]:
    """Return the repairs with those of a batch counted in."""
    repairs = {item["kind"]: {**item, "examples": list(item["examples"])} for item in before}
    for entry in entries:
        for repair in entry.repairs:
            known = repairs.setdefault(
                repair.kind.value, {"kind": repair.kind.value, "count": 0, "examples": []}
            )
            known["count"] += 1
            if len(known["examples"]) < EXAMPLES_PER_KIND:
                known["examples"].append(
                    {
                        "line": entry.line,
                        "before": storable(repair.before),
                        "after": storable(repair.after),
                    }
                )
    return list(repairs.values())
