"""Objects that are too large for memory: in a folder, and in a bucket of a real HTTP server."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.integrations.storage import (
    PART_BYTES,
    FolderStorage,
    ObjectStorage,
    StorageUnavailableError,
    media_storage,
)
from tests.integrations.test_storage import Bucket

KEY = "imports/ab12"
CONTENT = bytes(range(256)) * (PART_BYTES // 256) + b"the end"


class Parts(Bucket, BaseHTTPRequestHandler):
    """What S3 does with objects in parts, with ranges, lists and deletions."""

    parts: dict[int, bytes] = {}  # noqa: RUF012 (one upload at a time)
    aborted = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        path = urlsplit(self.path).path
        if self.status:
            self.answer(self.status, b"")
        elif "delete" in query:
            keys = re.findall(rb"<Key>[^<]+</Key>", body)
            for key in keys:
                self.objects.pop(f"/shop/{key[5:-6].decode()}", None)
            deleted = b"".join(b"<Deleted>" + key + b"</Deleted>" for key in keys)
            self.answer(200, b"<DeleteResult>" + deleted + b"</DeleteResult>")
        elif "uploads" in query:
            self.parts.clear()
            self.answer(
                200,
                b"<InitiateMultipartUploadResult><Bucket>shop</Bucket><Key>k</Key>"
                b"<UploadId>1</UploadId></InitiateMultipartUploadResult>",
            )
        else:
            whole = b"".join(self.parts[number] for number in sorted(self.parts))
            self.objects[path] = (whole, "application/octet-stream")
            self.answer(
                200,
                b'<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>',
            )

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        query = parse_qs(urlsplit(self.path).query)
        self.parts[int(query["partNumber"][0])] = content
        self.answer(200, b"", ETag='"1"')

    def do_HEAD(self) -> None:
        self.find(self.path, None)

    def do_GET(self) -> None:
        if "list-type" in self.path:
            self.list()
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        assert found is not None, "the whole was asked for"
        self.find(self.path, (int(found[1]), int(found[2]) + 1))

    def list(self) -> None:
        keys = "".join(
            f"<Contents><Key>{path.removeprefix('/shop/')}</Key><LastModified>2026-01-01T00:00:00Z"
            f'</LastModified><ETag>"1"</ETag><Size>{len(content)}</Size></Contents>'
            for path, (content, _) in self.objects.items()
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>"
        self.answer(self.status or 200, body.encode())

    def do_DELETE(self) -> None:
        assert "uploadId" in self.path
        type(self).aborted = True
        self.answer(204, b"")

    def find(self, path: str, part: tuple[int, int] | None) -> None:
        if self.status or path not in self.objects:
            self.answer(self.status or 404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        content, _ = self.objects[path]
        headers = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if part is None:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            return
        begin, end = part
        headers["Content-Range"] = f"bytes {begin}-{min(end, len(content)) - 1}/{len(content)}"
        self.answer(206, content[begin:end], **headers)


@pytest.fixture
def bucket() -> Iterator[tuple[ObjectStorage, type[Parts]]]:
    class Mine(Parts):
        objects: dict[str, tuple[bytes, str]] = {}  # noqa: RUF012 (this test's)
        parts: dict[int, bytes] = {}  # noqa: RUF012 (likewise)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = Thread(target=server.serve_forever)
    thread.start()
    settings = Settings(
        media_url="s3://shop/prefix",
        media_endpoint=f"http://127.0.0.1:{server.server_port}",
        media_region="eu-north-1",
        media_access_key_id="key",
        media_secret_access_key=SecretStr("secret"),
    )
    yield media_storage(settings), Mine
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["folder", "bucket"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, bucket: tuple[ObjectStorage, type[Parts]]
) -> ObjectStorage:
    return FolderStorage(tmp_path) if request.param == "folder" else bucket[0]


async def in_chunks(content: bytes, *, failure: Exception | None = None) -> AsyncIterator[bytes]:
    for begin in range(0, len(content), 1_000_000):
        yield content[begin : begin + 1_000_000]
    if failure is not None:
        raise failure


async def read(storage: ObjectStorage, key: str) -> bytes | None:
    file = await storage.open(key)
    if file is None:
        return None
    with file:
        pieces = []
        while piece := file.read(3_000_000):
            pieces.append(bytes(piece))
    return b"".join(pieces)


async def test_what_comes_in_chunks_is_read_in_pieces(storage: ObjectStorage) -> None:
    assert await read(storage, KEY) is None
    await storage.put_stream(KEY, in_chunks(CONTENT))
    assert await read(storage, KEY) == CONTENT
    now = datetime.now(UTC)
    assert await storage.keys_before("imports", now + timedelta(days=1)) == [KEY]
    assert await storage.keys_before("imports", datetime(2025, 1, 1, tzinfo=UTC)) == []
    await storage.delete(KEY)
    await storage.delete(KEY)
    assert await read(storage, KEY) is None
    assert await storage.keys_before("imports", now) == []


@pytest.mark.parametrize("size", [10, len(CONTENT)])
async def test_what_breaks_off_is_not_kept(storage: ObjectStorage, size: int) -> None:
    with pytest.raises(LookupError, match="gone"):
        await storage.put_stream(KEY, in_chunks(CONTENT[:size], failure=LookupError("gone")))
    assert await read(storage, KEY) is None


async def test_an_upload_in_parts_that_breaks_off_is_given_up(
    bucket: tuple[ObjectStorage, type[Parts]],
) -> None:
    storage, server = bucket
    with pytest.raises(LookupError):
        await storage.put_stream(KEY, in_chunks(CONTENT * 2, failure=LookupError("gone")))
    assert server.aborted
    assert server.objects == {}


async def test_a_bucket_that_is_away_is_said_to_be(
    bucket: tuple[ObjectStorage, type[Parts]],
) -> None:
    storage, server = bucket
    await storage.put_stream(KEY, in_chunks(CONTENT))
    file = await storage.open(KEY)
    assert file is not None
    server.status = 403
    with pytest.raises(OSError, match="does not answer"):
        file.read(10)
    with pytest.raises(StorageUnavailableError):
        await storage.open(KEY)
    with pytest.raises(StorageUnavailableError):
        await storage.put_stream(KEY, in_chunks(CONTENT))
    with pytest.raises(StorageUnavailableError):
        await storage.delete(KEY)
    with pytest.raises(StorageUnavailableError):
        await storage.keys_before("imports", datetime.now(UTC))


async def test_a_folder_that_cannot_be_used_is_said_to_be_away(tmp_path: Path) -> None:
    (tmp_path / "imports").write_bytes(b"in the way")
    storage = FolderStorage(tmp_path)
    for attempt in (
        storage.put_stream(KEY, in_chunks(b"x")), storage.open(KEY), storage.delete(KEY)
    ):  # fmt: skip
        with pytest.raises(StorageUnavailableError):
            await attempt
