"""The catalogue to a stream or a file: what the command line and the staff's routes call."""

import gzip
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias, cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import snapshot_scope

Parts: TypeAlias = Callable[[AsyncSession], AsyncIterator[bytes]]
GZIP_SUFFIX = ".gz"


async def stream_export(parts: Parts) -> AsyncGenerator[bytes]:
    """Yield a file piece by piece, all of one moment of the catalogue, in constant memory."""
    async with snapshot_scope() as session:
        async for part in parts(session):
            yield part


async def write_export(
    parts: Parts, target: Path | BinaryIO, *, on_progress: Callable[[int], None]
) -> int:
    """Write a file, gzipped where its name ends in ``.gz``; return how many bytes it took.

    A file gets its name when it is complete: an export that fails leaves what was there before.
    ``on_progress`` is called with the bytes so far, before they are packed.

    Raises:
        OSError: the file cannot be written.
    """
    written = 0
    with _opened(target) as file:
        async with aclosing(stream_export(parts)) as stream:
            async for part in stream:
                file.write(part)
                written += len(part)
                on_progress(written)
    return written


@contextmanager
def _opened(target: Path | BinaryIO) -> Iterator[IO[bytes]]:
    if not isinstance(target, Path):
        yield target
        target.flush()
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            if target.name.endswith(GZIP_SUFFIX):
                with gzip.GzipFile(fileobj=file, filename="", mode="wb", mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield file
        unfinished.chmod(0o644)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
