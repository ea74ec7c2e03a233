"""Imports are asked for, taken over, cancelled, given up, and their files deleted."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.books.importers.errors import ImportFileError
from app.books.importers.run import import_csv
from app.books.importers.sorting import ImportOptions
from app.books.imports import service
from app.books.imports.errors import ImportOverError, ImportTakenOverError
from app.books.imports.files import (
    delete_old_files,
    delete_strays,
    keep_file,
    recognise,
)
from app.books.imports.jobs import fail_lost_imports, prune_import_files, run_import
from app.books.imports.journal import open_journal
from app.books.imports.runs import CUT_SHORT, GONE
from app.books.imports.schemas import ImportRead
from app.books.models import Import, ImportKind, ImportStatus
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.pagination import PageQuery
from app.db.session import session_scope
from tests.books.imports.conftest import Importer
from tests.books.imports.files import HEADER, counts, csv_file, onix_file, row

NAMELESS = b"\xff\x00\x01binary"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;">]><ONIXMessage release="3.0"><Product><RecordReference>r1'
    b"</RecordReference><NotificationType>03</NotificationType><DeletionText>&c;</DeletionText>"
    b"</Product></ONIXMessage>"
)


def stored(importer: Importer) -> list[str]:
    directory = importer.storage._directory
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


async def take_up(import_id: int) -> Import:
    async with session_scope() as session:
        found = await service.take_up(session, import_id=import_id, runner=uuid4(), now=utc_now())
    assert found is not None
    return found


async def test_a_slow_worker_whose_import_was_taken_over_writes_nothing(
    importer: Importer,
) -> None:
    found = await importer.upload((HEADER + row(1) + row(2)).encode())
    slow = await take_up(found.id)
    async with session_scope() as session:
        journal = await open_journal(session, slow)
    await take_up(found.id)
    content = importer.storage._directory / (slow.storage_key or "")
    with pytest.raises(ImportTakenOverError):
        await import_csv(
            content,
            mapping={},
            options=ImportOptions(currency="USD"),
            on_progress=lambda _: None,
            journal=journal,
        )
    assert await importer.count("books") == 0
    assert (await importer.read(found.id)).records == 0
    ended = await importer.run(found.id)
    assert (ended.status, counts(ended)) == (ImportStatus.FINISHED, {"taken": 2})
    assert ended.started_at == slow.started_at
    await importer.run(found.id)  # delivered once more
    assert await importer.read(found.id) == ended


async def test_an_import_that_waits_is_cancelled_at_once(importer: Importer) -> None:
    found = await importer.upload(csv_file(3))
    async with session_scope() as session:
        cancelled = await service.cancel_import(session, import_id=found.id, now=utc_now())
    assert cancelled.status is ImportStatus.CANCELLED
    assert await importer.run(found.id) == cancelled
    assert await importer.count("books") == 0
    with pytest.raises(ImportOverError):
        async with session_scope() as session:
            await service.cancel_import(session, import_id=found.id, now=utc_now())


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("content", [csv_file(40), onix_file(40)])
async def test_a_running_import_stops_after_the_batch_in_hand(
    importer: Importer, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await importer.upload(content)
    write = service.write_batch

    async def write_and_cancel(*arguments: object, **named: object) -> bool:
        if (await importer.read(found.id)).records == 7:
            async with session_scope() as session:
                await service.cancel_import(session, import_id=found.id, now=utc_now())
        return await write(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "write_batch", write_and_cancel)
    ended = await importer.run(found.id)
    assert (ended.status, ended.records, ended.is_cancelling) == (
        ImportStatus.CANCELLED, 14, True
    )  # fmt: skip
    assert await importer.count("books") == ended.taken > 0
    assert [entry.record for entry in await importer.entries(found.id)] == list(range(1, 15))


async def test_what_was_cancelled_while_its_worker_was_dead_is_not_gone_on_with(
    importer: Importer,
) -> None:
    found = await importer.upload(csv_file(3))
    await take_up(found.id)
    async with session_scope() as session:
        await service.cancel_import(session, import_id=found.id, now=utc_now())
        asked = await service.cancel_import(session, import_id=found.id, now=utc_now())
    assert (asked.status, asked.is_cancelling) == (ImportStatus.RUNNING, True)
    assert (await importer.run(found.id)).status is ImportStatus.CANCELLED
    assert await importer.count("books") == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (NAMELESS, "The file needs a column with ISBNs"),
        (b" " * 20_000_000, "The file is empty."),
        (b"PK\x03\x04rest", "This is a spreadsheet or a ZIP file."),
        (b"<html><body>Not found</body></html>", "This is no ONIX message"),
        (gzip.compress(b"", mtime=0)[:5], "The compressed file is damaged."),
    ],
)
async def test_a_faulty_file_ends_with_a_reason(
    importer: Importer, content: bytes, reason: str
) -> None:
    ended = await importer.run((await importer.upload(content)).id)
    assert (ended.status, ended.records) == (ImportStatus.FAILED, 0)
    assert (ended.reason or "").startswith(reason)
    assert ended.finished_at is not None


async def test_what_came_before_a_damage_stays(importer: Importer) -> None:
    whole = gzip.compress(csv_file(3000), mtime=0)
    ended = await importer.run((await importer.upload(whole[: len(whole) * 9 // 10])).id)
    assert (ended.status, ended.reason) == (ImportStatus.FAILED, CUT_SHORT)
    assert await importer.count("books") == ended.taken > 1000


async def test_a_gzip_bomb_is_not_unpacked(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.books.importers.csv.FREELY_UNPACKED_BYTES", 2_000_000)
    bomb = gzip.compress(csv_file(3) + b" " * 50_000_000)
    ended = await importer.run((await importer.upload(bomb)).id)
    assert (ended.status, ended.reason) == (ImportStatus.FAILED, CUT_SHORT)
    assert ended.taken == await importer.count("books") == 2
    spaces = await importer.run((await importer.upload(gzip.compress(b" " * 50_000_000))).id)
    assert (spaces.status, spaces.reason) == (
        ImportStatus.FAILED, "The compressed file is damaged."
    )  # fmt: skip


async def test_a_record_with_an_entity_bomb_is_refused(importer: Importer) -> None:
    ended = await importer.run((await importer.upload(BOMB)).id)
    assert (ended.kind, counts(ended)) == (ImportKind.ONIX, {"refused": 1})
    (entry,) = await importer.entries(ended.id)
    assert (entry.outcome, entry.reference) == ("refused", "r1")
    assert "&c;" in (entry.reason or "")


async def test_a_file_that_is_gone_is_a_failure(importer: Importer) -> None:
    found = await importer.upload(csv_file(3))
    for name in stored(importer):
        await importer.storage.delete(f"imports/{name}")
    ended = await importer.run(found.id)
    assert (ended.status, ended.reason) == (ImportStatus.FAILED, GONE)


async def test_what_was_said_with_the_file_is_heeded(importer: Importer) -> None:
    content = b"Wort,Titel,Autor,Regal\n,Emma,Jane Austen,B2\n"
    found = await importer.upload(
        content, mapping=["Titel=title", "Autor=author"], default_price="4.50", default_stock=3
    )
    ended = await importer.run(found.id)
    assert (counts(ended), ended.unused_columns) == ({"taken": 1}, ["Wort", "Regal"])
    async with session_scope() as session:
        told = await session.execute(text("SELECT price, on_hand FROM books, stock"))
        assert [tuple(map(str, line)) for line in told] == [("4.50", "3")]


async def test_two_imports_of_one_file_at_once_double_nothing(importer: Importer) -> None:
    for content in (csv_file(120), onix_file(120)):
        first, second = [await importer.upload(content) for _ in range(2)]
        ended = await asyncio.gather(importer.run(first.id), importer.run(second.id))
        assert [one.status for one in ended] == [ImportStatus.FINISHED] * 2
        assert [one.records for one in ended] == [120, 120]
    assert await importer.count("(SELECT isbn FROM books GROUP BY isbn HAVING count(*) > 1) x") == 0
    assert await importer.count("works") == await importer.count("books")


async def test_a_report_is_bounded_and_says_what_it_left_out(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_ENTRIES", 4)
    found = await importer.upload(csv_file(30, every=5))
    ended = await importer.run(found.id)
    assert (ended.taken, ended.refused, ended.left_out) == (19, 11, 15 + 7)
    entries = await importer.entries(found.id)
    assert [entry.record for entry in entries] == [1, 2, 3, 4, 5, 6, 7, 11]
    assert sum(entry.reason is not None for entry in entries) == 4


async def test_what_cannot_be_stored_is_written_out(importer: Importer) -> None:
    found = await importer.upload(HEADER.encode() + b"9780141439587,\0\x1b[31mEmma\x0b,J,1,1\n")
    ended = await importer.run(found.id)
    assert counts(ended) == {"refused": 1}
    (entry,) = await importer.entries(found.id)
    assert "\0" not in entry.reference
    assert entry.reason
    assert service.storable("a\0b\ud800" + "x" * 600) == "a\\x00b\\ud800" + "x" * 487 + "…"


async def test_an_import_whose_job_is_parked_has_failed(importer: Importer) -> None:
    lost, waiting = [await importer.upload(csv_file(3)) for _ in range(2)]
    await take_up(lost.id)
    async with session_scope() as session:
        await session.execute(
            text(
                "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = "
                "(SELECT job_id FROM imports WHERE id = :id)"
            ),
            {"id": lost.id},
        )
        await service.fail_lost(session, now=utc_now())
    ended = await importer.read(lost.id)
    assert (ended.status, ended.reason) == (ImportStatus.FAILED, service.LOST)
    assert (await importer.read(waiting.id)).status is ImportStatus.WAITING


async def test_an_import_of_the_command_line_is_given_up_after_a_day(importer: Importer) -> None:
    async def start() -> Import:
        async with session_scope() as session:
            return await service.start_or_take_up(
                session,
                kind=ImportKind.CSV,
                file_name="b.csv",
                fingerprint=b"same",
                requested_by="the command line",
                bytes_total=10,
                runner=uuid4(),
                now=utc_now(),
            )

    found = await start()
    assert (await start()).id == found.id
    for hours, status in ((23, ImportStatus.RUNNING), (25, ImportStatus.FAILED)):
        async with session_scope() as session:
            await service.fail_lost(session, now=utc_now() + timedelta(hours=hours))
        assert (await importer.read(found.id)).status is status
    assert (await start()).id != found.id


async def test_files_are_deleted_and_reports_are_kept(importer: Importer) -> None:
    ended = await importer.run((await importer.upload(csv_file(3))).id)
    waiting = await importer.upload(csv_file(4))
    kept = stored(importer)
    now = utc_now()
    await delete_old_files(importer.storage, before=now - timedelta(days=1))
    assert stored(importer) == kept
    await delete_old_files(importer.storage, before=now + timedelta(days=1))
    assert len(stored(importer)) == 1
    assert (await importer.read(ended.id)).records == len(await importer.entries(ended.id)) == 3
    assert (await importer.run(waiting.id)).status is ImportStatus.FINISHED


async def test_files_that_nobody_knows_are_deleted_in_time(importer: Importer) -> None:
    known = await importer.upload(csv_file(3))
    await importer.storage.put_new("imports/stray", b"x", media_type="x/y")
    (importer.storage._directory / "imports" / ".cut.part").write_bytes(b"x")
    await delete_strays(importer.storage, before=utc_now() - timedelta(days=1))
    assert len(stored(importer)) == 3
    await delete_strays(importer.storage, before=utc_now() + timedelta(days=1))
    assert len(stored(importer)) == 1
    assert (await importer.run(known.id)).status is ImportStatus.FINISHED


async def test_the_schedule_tidies_up(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "media_directory", importer.storage._directory)
    ended = await importer.run((await importer.upload(csv_file(3))).id)
    lost = await importer.upload(csv_file(4))
    long_ago = "UPDATE imports SET finished_at = now() - interval '{} days' WHERE id = {}"
    for days, files in ((13, 2), (15, 1)):
        async with session_scope() as session:
            await session.execute(text(long_ago.format(days, ended.id)))
        await prune_import_files.function()
        assert len(stored(importer)) == files
    async with session_scope() as session:
        await session.execute(text("DELETE FROM procrastinate_jobs"))
    await fail_lost_imports.function()
    assert (await importer.read(lost.id)).reason == service.LOST
    await run_import.function(import_id=lost.id)
    assert await importer.count("books") == ended.taken


async def test_an_upload_that_breaks_off_leaves_no_file(importer: Importer) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionResetError

    async def empty() -> AsyncIterator[bytes]:
        yield b""

    with pytest.raises(ConnectionResetError):
        await keep_file(importer.storage, broken())
    with pytest.raises(ImportFileError):
        await keep_file(importer.storage, empty())
    assert stored(importer) == []


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b" \r\n<ONIXMessage>", ImportKind.ONIX),
        ("\ufeff<?xml".encode(), ImportKind.ONIX),
        ("<?xml".encode("utf-16"), ImportKind.ONIX),
        ("<?xml".encode("utf-16-be"), ImportKind.ONIX),
        (gzip.compress(b"<ONIXmessage>" + b"x" * 200_000, mtime=0), ImportKind.ONIX),
        (gzip.compress(b"isbn,title", mtime=0), ImportKind.CSV),
        (b"\x1f\x8bxx", ImportKind.CSV),
        (b"isbn;title\n1;<b>", ImportKind.CSV),
        (b"", ImportKind.CSV),
    ],
)
def test_what_a_file_holds_is_found_out(beginning: bytes, kind: ImportKind) -> None:
    assert recognise(beginning) is kind


def test_speed_and_time_left_are_of_this_run() -> None:
    now = utc_now()
    told: dict[str, Any] = dict.fromkeys(ImportRead.model_fields, 0) | {
        "kind": "csv", "status": "running", "file_name": "f", "requested_by": "b",
        "reason": None, "repairs": [], "unused_columns": [], "created_at": now,
        "started_at": now, "finished_at": None, "resumed_at": now,
        "updated_at": now + timedelta(seconds=10), "records": 1500, "resumed_records": 500,
        "bytes_read": 3000, "resumed_bytes": 1000, "bytes_total": 9000,
    }  # fmt: skip
    found = ImportRead.model_validate(told)
    assert (found.records_per_second, found.seconds_left) == (100.0, 30.0)
    for change in ({"bytes_total": None}, {"finished_at": now}, {"updated_at": None}):
        assert ImportRead.model_validate(told | change).seconds_left is None
    assert ImportRead.model_validate(told | {"updated_at": now}).records_per_second is None


async def test_imports_are_listed_the_newest_first(importer: Importer) -> None:
    ids = [(await importer.upload(csv_file(3))).id for _ in range(3)]
    async with session_scope() as session:
        page = await service.list_imports(session, query=PageQuery(page=2, size=2))
    assert ([item.id for item in page.items], page.total) == ([ids[0]], 3)
