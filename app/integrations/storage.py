"""Where pictures are kept: a folder, or any store that speaks S3."""

import asyncio
import os
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, ClassVar, Protocol

import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, S3Store

from app.core.config import Settings
from app.core.exceptions import RETRY_AFTER_SECONDS, AppError

if TYPE_CHECKING:  # obstore has it for type checkers only
    from obstore.store import S3Config

log = structlog.get_logger(__name__)

KEY = re.compile(r"[a-z0-9]+(?:[/.][a-z0-9]+)*")
"""Small letters, digits, single slashes and dots between them: nothing leads out of a folder."""

READABLE_BY_ALL = 0o644
STEP_TIMEOUT = "10s"
MAX_RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=20)


class StorageUnavailableError(AppError):
    """The store is away or full; nothing was kept."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "SERVICE_UNAVAILABLE"
    detail = "Pictures cannot be read or kept just now. Please try again in a moment."

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


def _write_new(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False)  # noqa: SIM115 (closed two lines below)
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
