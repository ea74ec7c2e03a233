"""Keeping objects: in a folder whose process is killed, and in a bucket of a real HTTP server."""

import asyncio
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.core.config import Settings
from app.integrations.storage import (
    BucketStorage,
    FolderStorage,
    ObjectStorage,
    StorageUnavailableError,
    media_storage,
)
from tests.servers import PROJECT

KEY = "covers/ab12/160.webp"
WEBP = "image/webp"
BIG = 4 * 1024 * 1024

WRITER = f"""
import asyncio, sys
from pathlib import Path
from app.integrations.storage import FolderStorage

async def write():
    storage = FolderStorage(Path(sys.argv[1]))
    print("ready", flush=True)
    for number in range(100_000):
        content = bytes([number % 251]) * {BIG}
        await storage.put_new(f"objects/{{number}}.bin", content, media_type="x/y")

asyncio.run(write())
"""


FILES_CANNOT_GROW = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({BIG // 2}, {BIG // 2}))
"""


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as is used: conditional writes and reads, path style."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, tuple[bytes, str]] = {}  # noqa: RUF012 (one bucket for all requests)
    requests: list[tuple[str, str, str | None]] = []  # noqa: RUF012 (likewise)
    status: int | None = None

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        condition = self.headers["If-None-Match"]
        self.requests.append(("PUT", self.path, condition))
        if self.status:
            self.answer(self.status, b"")
        elif condition == "*" and self.path in self.objects:
            self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            self.objects[self.path] = (content, self.headers["Content-Type"])
            self.answer(200, b"", ETag='"1"')

    def do_GET(self) -> None:
        self.requests.append(("GET", self.path, None))
        if self.status:
            self.answer(self.status, b"")
        elif self.path in self.objects:
            content, media_type = self.objects[self.path]
            last = "Tue, 01 Jan 2030 00:00:00 GMT"
            extra = {"ETag": '"1"', "Last-Modified": last, "Content-Type": media_type}
            self.answer(200, content, **extra)
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (likewise)
        pass


@pytest.fixture
def bucket() -> Iterator[tuple[ObjectStorage, type[Bucket]]]:
    class Mine(Bucket):
        objects: dict[str, tuple[bytes, str]] = {}  # noqa: RUF012 (this test's)
        requests: list[tuple[str, str, str | None]] = []  # noqa: RUF012 (likewise)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings = Settings(
        media_url="s3://shop/pictures",
        media_endpoint=f"http://127.0.0.1:{server.server_port}",
        media_region="eu-north-1",
        media_access_key_id="key",
        media_secret_access_key=SecretStr("secret"),
    )
    yield media_storage(settings), Mine
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_folder_keeps_what_came_first(tmp_path: Path) -> None:
    storage = media_storage(Settings(media_directory=tmp_path / "media"))
    assert isinstance(storage, FolderStorage)
    assert await storage.get(KEY) is None
    await storage.put_new(KEY, b"first", media_type=WEBP)
    await storage.put_new(KEY, b"second", media_type=WEBP)
    assert await storage.get(KEY) == b"first"
    path = tmp_path / "media" / KEY
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


async def test_writers_of_one_key_do_not_disturb_each_other(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    contents = [bytes([number]) * BIG for number in range(8)]
    await asyncio.gather(*(storage.put_new(KEY, each, media_type=WEBP) for each in contents))
    assert await storage.get(KEY) in contents
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["160.webp"]


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/", "A", "a\x00", ".part", "a\n"],
)
async def test_no_key_leads_out(tmp_path: Path, key: str) -> None:
    storage = FolderStorage(tmp_path / "media")
    with pytest.raises(ValueError, match="not a key"):
        await storage.put_new(key, b"x", media_type=WEBP)
    with pytest.raises(ValueError, match="not a key"):
        await storage.get(key)
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_used_is_said_to_be_away(tmp_path: Path) -> None:
    (tmp_path / "covers").write_bytes(b"in the way")
    storage = FolderStorage(tmp_path)
    with pytest.raises(StorageUnavailableError) as refused:
        await storage.put_new(KEY, b"x", media_type=WEBP)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})
    with pytest.raises(StorageUnavailableError):
        await storage.get(KEY)


async def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    process = await start_writer(tmp_path, FILES_CANNOT_GROW)
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"StorageUnavailableError" in errors
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def start_writer(directory: Path, before: str = "") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", before + WRITER, str(directory)),
        cwd=PROJECT,
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_killed_writer_leaves_no_half_object(tmp_path: Path) -> None:
    seen = 0
    for round_number in range(4):
        directory = tmp_path / str(round_number)
        process = await start_writer(directory)
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(0.1 + 0.037 * round_number)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        storage = FolderStorage(directory)
        for path in directory.glob("objects/[0-9]*.bin"):
            number = int(path.stem)
            assert await storage.get(f"objects/{path.name}") == bytes([number % 251]) * BIG
            seen += 1
    assert seen > 4


async def test_a_bucket_keeps_what_came_first(
    bucket: tuple[ObjectStorage, type[Bucket]],
) -> None:
    storage, server = bucket
    assert isinstance(storage, BucketStorage)
    assert await storage.get(KEY) is None
    await storage.put_new(KEY, b"first", media_type=WEBP)
    await storage.put_new(KEY, b"second", media_type=WEBP)
    assert await storage.get(KEY) == b"first"
    path = f"/shop/pictures/{KEY}"
    assert server.objects == {path: (b"first", WEBP)}
    assert server.requests == [
        ("GET", path, None),
        ("PUT", path, "*"),
        ("PUT", path, "*"),
        ("GET", path, None),
    ]


async def test_a_bucket_that_refuses_is_said_to_be_away(
    bucket: tuple[ObjectStorage, type[Bucket]],
) -> None:
    storage, server = bucket
    server.status = 403
    with pytest.raises(StorageUnavailableError):
        await storage.put_new(KEY, b"x", media_type=WEBP)
    with pytest.raises(StorageUnavailableError):
        await storage.get(KEY)
    assert server.objects == {}


@pytest.mark.parametrize("url", ["file:///etc", "memory:///", "s3://", "bucket", "https://x/y"])
def test_only_buckets_are_named_by_url(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(media_url=url)


def test_a_secret_does_not_show() -> None:
    settings = Settings(media_secret_access_key=SecretStr("haddock"))
    assert "haddock" not in repr(settings)
    assert "haddock" not in json.dumps(settings.model_dump(), default=str)


def test_a_bucket_of_amazon_needs_no_settings_but_its_name() -> None:
    assert isinstance(media_storage(Settings(media_url="s3://shop")), BucketStorage)
