"""Where files are kept: a folder, or any store that speaks S3."""

import asyncio
import io
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol, TypeVar, cast

import structlog
from obstore import open_reader
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, S3Store

from app.core.config import Settings
from app.core.exceptions import RETRY_AFTER_SECONDS, AppError

if TYPE_CHECKING:  # obstore has them for type checkers only
    from obstore import ReadableFile
    from obstore.store import S3Config

T = TypeVar("T")

log = structlog.get_logger(__name__)

KEY = re.compile(r"[a-z0-9]+(?:[/.][a-z0-9]+)*")
"""Small letters, digits, single slashes and dots between them: nothing leads out of a folder."""

READABLE_BY_ALL = 0o644
READABLE_BY_OWNER = 0o600
UNFINISHED = ".part"
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
FAILURES = (BaseError, OSError)
"""What a bucket's operations raise: some errors are Python's own."""

STEP_TIMEOUT = "10s"
MAX_RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=20)


class StorageUnavailableError(AppError):
    """The store is away or full; nothing was kept."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "SERVICE_UNAVAILABLE"
    detail = "Files cannot be read or kept just now. Please try again in a moment."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class ObjectStorage(Protocol):
    """Keeps objects under keys that match ``KEY``. An object never changes once it is there."""

    async def put_new(self, key: str, content: bytes, *, media_type: str) -> None:
        """Keep an object, whole and for good, unless there is one of this key: that one stays.

        Raises:
            StorageUnavailableError: the store is away or full.
        """

    async def get(self, key: str) -> bytes | None:
        """Return an object, or None if there is none of this key.

        Raises:
            StorageUnavailableError: the store is away.
        """

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Keep a large object under a key that is new. It is there whole or not at all.

        What the chunks raise is raised again, and nothing is kept.

        Raises:
            StorageUnavailableError: the store is away or full.
        """

    async def open(self, key: str) -> BinaryIO | None:
        """Return an object to be read in a thread, piece by piece, and closed; None if missing.

        Its ``read`` raises OSError when the store goes away meanwhile.

        Raises:
            StorageUnavailableError: the store is away.
        """

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one.

        Raises:
            StorageUnavailableError: the store is away.
        """

    async def keys_before(self, prefix: str, moment: datetime) -> list[str]:
        """Return the keys below a prefix whose objects are older than a moment.

        Raises:
            StorageUnavailableError: the store is away.
        """


class FolderStorage:
    """Keeps objects as files of a folder, which several processes may share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put_new(self, key: str, content: bytes, *, media_type: str) -> None:  # noqa: ARG002 (the name tells)
        """Write the file aside, wait until it is on the disk, and only then give it its name."""
        path = self._path(key)
        try:
            await asyncio.to_thread(_write_new, path, content)
        except OSError as error:
            raise _unavailable(error) from error

    async def get(self, key: str) -> bytes | None:
        """Read the file."""
        path = self._path(key)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(error) from error

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write the file aside as it comes, and give it its name when all of it is on the disk."""
        path = self._path(key)
        try:
            file = await asyncio.to_thread(_open_aside, path)
        except OSError as error:
            raise _unavailable(error) from error
        try:
            async for chunk in chunks:
                await _in_thread(file.write, chunk)
            await _in_thread(_give_name, file, path)
        finally:
            await asyncio.to_thread(_put_away, file)

    async def open(self, key: str) -> BinaryIO | None:
        """Open the file."""
        path = self._path(key)
        try:
            return await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(error) from error

    async def delete(self, key: str) -> None:
        """Delete the file."""
        path = self._path(key)
        await _in_thread(partial(path.unlink, missing_ok=True))

    async def keys_before(self, prefix: str, moment: datetime) -> list[str]:
        """Look into the folder; what a process that was killed left unfinished is deleted."""
        return await _in_thread(_files_before, self._directory, checked(prefix), moment)

    def _path(self, key: str) -> Path:
        return self._directory / checked(key)


class BucketStorage:
    """Keeps objects in a bucket; the store must know conditional writes (``If-None-Match``)."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put_new(self, key: str, content: bytes, *, media_type: str) -> None:
        """Send the object in one request, which the store carries out whole or not at all."""
        try:
            await self._store.put_async(
                checked(key),
                content,
                mode="create",
                use_multipart=False,
                attributes={"Content-Type": media_type},
            )
        except AlreadyExistsError:
            return
        except BaseError as error:
            raise _unavailable(error) from error

    async def get(self, key: str) -> bytes | None:
        """Fetch the object."""
        try:
            found = await self._store.get_async(checked(key))
            return bytes(await found.bytes_async())
        except FileNotFoundError:  # Python's own, which obstore raises for every store
            return None
        except BaseError as error:
            raise _unavailable(error) from error

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Send the object in parts, which become an object when the last has arrived."""
        failures: list[BaseException] = []

        async def parts() -> AsyncIterator[bytes]:
            try:
                async for chunk in chunks:
                    yield chunk
            except BaseException as error:
                failures.append(error)
                raise

        try:
            await self._store.put_async(
                checked(key),
                parts(),
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        except BaseException as error:
            if failures:  # which the store wraps into an error of its own
                raise failures[0] from None
            if isinstance(error, FAILURES):
                raise _unavailable(error) from error
            raise

    async def open(self, key: str) -> BinaryIO | None:
        """Ask for the object's size, and for a part of it whenever more is read."""
        try:
            file = await asyncio.to_thread(
                open_reader, self._store, checked(key), buffer_size=PART_BYTES
            )
        except FileNotFoundError:
            return None
        except FAILURES as error:
            raise _unavailable(error) from error
        return cast(BinaryIO, _BucketFile(file))

    async def delete(self, key: str) -> None:
        """Delete the object."""
        try:
            await self._store.delete_async(checked(key))
        except FileNotFoundError:
            return
        except FAILURES as error:
            raise _unavailable(error) from error

    async def keys_before(self, prefix: str, moment: datetime) -> list[str]:
        """List the objects."""
        try:
            return [
                found["path"]
                async for chunk in self._store.list(checked(prefix))
                for found in chunk
                if found["last_modified"] < moment
            ]
        except FAILURES as error:
            raise _unavailable(error) from error


class _BucketFile(io.RawIOBase):
    """Reads an object as a file."""

    def __init__(self, file: "ReadableFile") -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            chunk = bytes(self._file.read(len(buffer)))
        except FAILURES as error:
            raise OSError(f"The store does not answer: {type(error).__name__}.") from error
        buffer[: len(chunk)] = chunk
        return len(chunk)


def media_storage(settings: Settings) -> ObjectStorage:
    """Return the storage that the settings ask for; it is first asked when it is first used."""
    if settings.media_url is None:
        return FolderStorage(settings.media_directory)
    config: S3Config = {}
    if settings.media_endpoint is not None:
        config["endpoint"] = settings.media_endpoint
    if settings.media_region is not None:
        config["region"] = settings.media_region
    if settings.media_access_key_id is not None:
        config["access_key_id"] = settings.media_access_key_id
    if settings.media_secret_access_key is not None:
        config["secret_access_key"] = settings.media_secret_access_key.get_secret_value()
    return BucketStorage(
        S3Store.from_url(
            settings.media_url,
            config=config,
            client_options={
                "allow_http": (settings.media_endpoint or "").startswith("http://"),
                "connect_timeout": STEP_TIMEOUT,
                "timeout": STEP_TIMEOUT,
            },
            retry_config={"max_retries": MAX_RETRIES, "retry_timeout": RETRY_TIMEOUT},
        )
    )


def checked(key: str) -> str:
    """Return the key, or raise: keys are made by the shop, never taken from a request."""
    if not KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return key


def _unavailable(error: Exception) -> StorageUnavailableError:
    log.warning("storage unavailable", error=type(error).__name__)
    return StorageUnavailableError()


async def _in_thread(step: Callable[..., T], *arguments: Any) -> T:
    try:
        return await asyncio.to_thread(step, *arguments)
    except OSError as error:
        raise _unavailable(error) from error


def _open_aside(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return cast(
        BinaryIO,
        NamedTemporaryFile(dir=path.parent, prefix=".", suffix=UNFINISHED, delete=False),
    )


def _give_name(file: BinaryIO, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    Path(file.name).chmod(READABLE_BY_OWNER)
    path.hardlink_to(file.name)
    if os.name == "posix":
        _sync_directory(path.parent)


def _put_away(file: BinaryIO) -> None:
    with suppress(OSError):  # what could not be written before cannot be written now
        file.close()
    Path(file.name).unlink(missing_ok=True)


def _files_before(directory: Path, prefix: str, moment: datetime) -> list[str]:
    keys = []
    for path in (directory / prefix).glob("*"):
        if path.stat().st_mtime >= moment.timestamp():
            continue
        if path.name.endswith(UNFINISHED):
            path.unlink(missing_ok=True)
        else:
            keys.append(f"{prefix}/{path.name}")
    return keys


def _write_new(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = NamedTemporaryFile(dir=path.parent, prefix=".", suffix=UNFINISHED, delete=False)  # noqa: SIM115 (closed two lines below)
    aside = Path(file.name)
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(READABLE_BY_ALL)
        with suppress(FileExistsError):  # somebody else was quicker with the same object
            path.hardlink_to(aside)
    finally:
        aside.unlink()
    if os.name == "posix":
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Have the new name on the disk as well, which a file's own fsync does not promise."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
