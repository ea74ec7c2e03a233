"""A storage of the test's own, and imports whose worker is the test itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers import load
from app.books.importers.onix import landing
from app.books.imports import service
from app.books.imports.files import keep_file
from app.books.imports.runs import run_stored
from app.books.imports.schemas import EntryRead, ImportRead, ImportRequest
from app.core.config import get_settings
from app.db.session import session_scope
from app.integrations.storage import FolderStorage


class Importer:
    """Uploads files and runs their imports inside this process."""

    def __init__(self, storage: FolderStorage) -> None:
        self.storage = storage

    async def upload(self, content: bytes, **wishes: object) -> ImportRead:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        request = ImportRequest.model_validate(wishes)
        kept = await keep_file(self.storage, chunks())
        async with session_scope() as session:
            return await service.request_import(
                session,
                kind=request.kind or kept.kind,
                file_name="books",
                options=request.options(),
                requested_by="boss@example.com",
                storage_key=kept.key,
                bytes_total=kept.size,
            )

    async def run(self, import_id: int) -> ImportRead:
        await run_stored(import_id, storage=self.storage, settings=get_settings())
        return await self.read(import_id)

    async def read(self, import_id: int) -> ImportRead:
        async with session_scope() as session:
            return await service.get_import(session, import_id=import_id)

    async def entries(self, import_id: int) -> list[EntryRead]:
        async with session_scope() as session:
            return await service.entries_after(session, import_id=import_id, record=0, limit=10_000)

    async def count(self, sql: str) -> int:
        async with session_scope() as session:
            return int(await session.scalar(text(f"SELECT count(*) FROM {sql}")) or 0)  # noqa: S608


@pytest_asyncio.fixture
async def importer(
    committed: AsyncSession,  # noqa: ARG001 (empties the tables)
    tmp_path: Path,
) -> Importer:
    return Importer(FolderStorage(tmp_path))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have many batches in a small file."""
    monkeypatch.setattr(load, "BATCH_ROWS", 7)
    monkeypatch.setattr(landing, "BATCH_RECORDS", 7)
