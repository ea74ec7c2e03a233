"""An import that is interrupted anywhere ends as one that was not."""

from typing import Any

import pytest
from sqlalchemy import text

from app.books.imports import service
from app.books.imports.journal import ImportJournal
from app.books.imports.schemas import EntryRead, ImportRead
from app.books.models import ImportStatus
from app.db.session import session_scope
from tests.books.imports.conftest import Importer
from tests.books.imports.files import counts, csv_file, onix_file

pytestmark = pytest.mark.usefixtures("small_batches")

FILES = {"csv": csv_file(60, every=9), "onix": onix_file(60, every=9)}
BATCHES = 9
TOLD = {"records", "noted", "status", "repairs", "unused_columns", "left_out", *service.COUNTED}


class PowerCutError(Exception):
    """The worker is gone from one moment to the next."""


class PowerCuts:
    """Ends the run in hand before or after the commit of some of its batches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, before: bool, every: int) -> None:
        self._batches = 0
        self._every = every
        write, check = service.write_batch, ImportJournal.check

        async def write_and_fall(*arguments: Any, **named: Any) -> bool:
            stops = await write(*arguments, **named)
            self._fall()
            return stops

        def check_and_fall(journal: ImportJournal) -> None:
            check(journal)
            self._fall()

        if before:
            monkeypatch.setattr(service, "write_batch", write_and_fall)
        else:
            monkeypatch.setattr(ImportJournal, "check", check_and_fall)

    def _fall(self) -> None:
        self._batches += 1
        if self._batches % self._every == 0:
            raise PowerCutError


async def outcome(importer: Importer, import_id: int) -> tuple[dict[str, object], list[EntryRead]]:
    found = await importer.read(import_id)
    return found.model_dump(include=TOLD), await importer.entries(import_id)


async def run_to_the_end(importer: Importer, import_id: int) -> tuple[ImportRead, int]:
    """Run an import as often as it takes; return how it ended, and how often it fell."""
    for falls in range(100):
        try:
            return await importer.run(import_id), falls
        except PowerCutError:
            state = await importer.read(import_id)
            assert state.status is ImportStatus.RUNNING
            counts(state)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(("before", "every"), [(True, 2), (False, 1)])
async def test_counts_after_falls_are_those_without(
    importer: Importer,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    *,
    before: bool,
    every: int,
) -> None:
    with monkeypatch.context() as cuts:
        PowerCuts(cuts, before=before, every=every)
        fallen = await importer.upload(FILES[kind])
        _, falls = await run_to_the_end(importer, fallen.id)
    assert falls >= BATCHES // every - 1
    books = await importer.count("books")
    result, entries = await outcome(importer, fallen.id)
    assert result["status"] == ImportStatus.FINISHED
    assert await importer.count("import_batches") == 0

    # The same file into an empty shop, without a fall.
    for table in ("feed_records", "stock", "books", "contributions", "works"):
        await empty(table)
    whole = await importer.upload(FILES[kind])
    await importer.run(whole.id)
    assert await outcome(importer, whole.id) == (result, entries)
    assert await importer.count("books") == books
    assert [entry.record for entry in entries] == list(range(1, 61))
    assert {entry.outcome for entry in entries} >= {"taken", "refused"}


async def empty(table: str) -> None:
    async with session_scope() as session:
        await session.execute(text(f"TRUNCATE {table} CASCADE"))


async def test_the_same_upload_twice_changes_nothing(importer: Importer) -> None:
    for content in FILES.values():
        first = await importer.run((await importer.upload(content)).id)
        again = await importer.run((await importer.upload(content)).id)
        assert again.records == first.records == 60
        assert again.refused == first.refused
        assert counts(again).keys() == {"unchanged", "refused"}
