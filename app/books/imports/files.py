"""The uploaded files: how they come into the storage, and when they leave it."""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from app.books.importers.csv import GZIP_MAGIC
from app.books.importers.errors import ImportFileError
from app.books.importers.onix.source import BYTE_ORDER_MARKS
from app.books.imports import repository
from app.books.models import ImportKind
from app.db.session import session_scope
from app.integrations.storage import ObjectStorage

FOLDER = "imports"
LOOKED_AT_BYTES = 64 * 1024
CHUNK_BYTES = 1024 * 1024
BATCH = 100


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """An uploaded file: its key in the storage, its length, and what it seems to hold."""

    key: str
    size: int
    kind: ImportKind


async def keep_file(storage: ObjectStorage, chunks: AsyncIterator[bytes]) -> KeptFile:
    """Put a file into the storage as it comes; memory holds a piece of it.

    If it breaks off, what the chunks raise is raised again, and nothing is kept.

    Raises:
        ImportFileError: it is empty.
        StorageUnavailableError: the store is away or full.
    """
    key = f"{FOLDER}/{uuid4().hex}"
    size, beginning = 0, b""

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal size, beginning
        piece = bytearray()
        async for chunk in chunks:
            size += len(chunk)
            piece += chunk
            if len(beginning) < LOOKED_AT_BYTES:
                beginning += chunk[:LOOKED_AT_BYTES]
            if len(piece) >= CHUNK_BYTES:
                yield bytes(piece)
                piece.clear()
        if not size:
            raise ImportFileError("The file is empty.")
        if piece:
            yield bytes(piece)

    await storage.put_stream(key, pieces())
    return KeptFile(key=key, size=size, kind=recognise(beginning))


def recognise(beginning: bytes) -> ImportKind:
    """Tell from its first bytes what a file seems to hold: what begins with a tag is ONIX."""
    if beginning.startswith(GZIP_MAGIC):
        try:
            unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            beginning = unpacker.decompress(beginning, LOOKED_AT_BYTES)
        except zlib.error:
            return ImportKind.CSV
    for mark, _ in BYTE_ORDER_MARKS:
        beginning = beginning.removeprefix(mark)
    is_markup = beginning.replace(b"\0", b"").lstrip().startswith(b"<")
    return ImportKind.ONIX if is_markup else ImportKind.CSV


async def delete_old_files(storage: ObjectStorage, *, before: datetime) -> None:
    """Delete the files of imports that ended before a moment; their reports stay."""
    while True:
        async with session_scope() as session:
            old = await repository.old_files(session, before=before, limit=BATCH)
        if not old:
            return
        for key in old.values():
            await storage.delete(key)
        async with session_scope() as session:
            await repository.forget_files(session, old.keys())


async def delete_strays(storage: ObjectStorage, *, before: datetime) -> None:
    """Delete files that no import has: a server ended between keeping one and saying so."""
    keys = await storage.keys_before(FOLDER, before)
    for begin in range(0, len(keys), BATCH):
        some = keys[begin : begin + BATCH]
        async with session_scope() as session:
            known = await repository.known_files(session, some)
        for key in some:
            if key not in known:
                await storage.delete(key)
