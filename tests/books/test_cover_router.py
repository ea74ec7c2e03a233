"""Uploading covers, and what is served of them."""

import asyncio
import io
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.cover_service import keep_cover
from app.books.deps import get_storage
from app.core.security import Role
from app.integrations.storage import FolderStorage
from app.main import app
from tests.books.pictures import encoded, noise
from tests.factories import bearer, make_book, make_user

UPLOAD = "/api/v1/uploads/images"
PNG = encoded(noise(200, 300), "PNG")
BOUNDED = {"Content-Type": "multipart/form-data; boundary=b"}
URL = re.compile(r"/media/covers/[0-9a-f]{32}/200\.webp")


@pytest.fixture
def media(client: AsyncClient, tmp_path: Path) -> Path:  # noqa: ARG001 (it clears the override)
    """The folder that uploads go to."""
    app.dependency_overrides[get_storage] = lambda: FolderStorage(tmp_path)
    return tmp_path


async def staff(session: AsyncSession) -> dict[str, str]:
    return bearer(await make_user(session, role=Role.ADMIN))


def files_of(media: Path) -> set[str]:
    return {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}


async def test_an_upload_becomes_a_books_cover(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    headers = await staff(db_session)
    book = await make_book(db_session)
    answer = await client.post(UPLOAD, files={"file": ("c.png", PNG)}, headers=headers)
    assert answer.status_code == 200
    told = answer.json()
    assert URL.fullmatch(told["url"])
    root = told["url"].removesuffix("/200.webp")
    color = told.pop("color")
    assert re.fullmatch(r"#[0-9a-f]{6}", color)
    assert told == {
        "url": f"{root}/200.webp",
        "width": 200,
        "height": 300,
        "files": [
            {"url": f"{root}/{width}.{kind}", "width": width, "media_type": f"image/{kind}"}
            for width in (160, 200)
            for kind in ("avif", "webp")
        ],
    }
    kept = {file["url"].removeprefix("/media/") for file in told["files"]}
    assert files_of(media) == kept

    change = {"cover_image_url": told["url"]}
    changed = await client.put(f"/api/v1/books/{book.id}", json=change, headers=headers)
    assert (changed.status_code, changed.json()["cover_image_url"]) == (200, told["url"])
    read = await client.get(f"/api/v1/books/{book.id}")
    assert read.json()["cover_image_url"] == told["url"]


async def test_the_same_picture_twice_is_one_cover(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    headers = await staff(db_session)
    first = await client.post(UPLOAD, files={"file": ("c.png", PNG)}, headers=headers)
    before = {name: (media / name).stat().st_mtime_ns for name in files_of(media)}
    again = await client.post(UPLOAD, files={"file": ("d.gif", PNG)}, headers=headers)
    assert again.json() == first.json()
    assert {name: (media / name).stat().st_mtime_ns for name in files_of(media)} == before


async def test_a_cover_is_served_for_a_year_and_runs_nothing(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    headers = await staff(db_session)
    told = (await client.post(UPLOAD, files={"file": PNG}, headers=headers)).json()
    for file in told["files"]:
        served = await client.get(file["url"])
        assert served.status_code == 200
        assert served.content == (media / file["url"].removeprefix("/media/")).read_bytes()
        assert served.headers["Content-Type"] == file["media_type"]
        assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert served.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        head = await client.head(file["url"])
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(served.content))

        known = {"If-None-Match": f'"other", W/{served.headers["ETag"]}'}
        unchanged = await client.get(file["url"], headers=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["ETag"] == served.headers["ETag"]
        changed = await client.get(file["url"], headers={"If-None-Match": '"other"'})
        assert changed.status_code == 200
    assert len({(await client.get(file["url"])).headers["ETag"] for file in told["files"]}) == 4


@pytest.mark.parametrize(
    "path",
    [
        f"/media/covers/{'0' * 32}/160.webp",
        f"/media/covers/{'0' * 32}/160.png",
        f"/media/covers/{'0' * 32}/0160.webp",
        f"/media/covers/{'0' * 32}/.abc.part",
        "/media/covers/../secret.webp",
        "/media/covers/..%2f..%2fsecret/1.webp",
        "/media/covers/%2e%2e/secret.webp",
        "/media/covers/x/160.webp",
        "/media/covers/x",
        "/media/",
        "/media/covers/%00/160.webp",
    ],
)
async def test_nothing_else_is_found(client: AsyncClient, media: Path, path: str) -> None:
    (media / "secret.webp").write_bytes(b"secret")
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] in {"COVER_NOT_FOUND", "NOT_FOUND"}
    assert "immutable" not in answer.headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "IMAGE_TYPE_UNSUPPORTED"),
        (b"<!doctype html>", 415, "IMAGE_TYPE_UNSUPPORTED"),
        (PNG[:-2000], 422, "IMAGE_BROKEN"),
        (b"", 422, "IMAGE_BROKEN"),
    ],
)
async def test_a_refused_file_leaves_nothing(
    client: AsyncClient,
    db_session: AsyncSession,
    media: Path,
    content: bytes,
    status: int,
    code: str,
) -> None:
    headers = await staff(db_session)
    file = ("cover.png", content, "image/png")
    answer = await client.post(UPLOAD, files={"file": file}, headers=headers)
    assert answer.status_code == status
    body = answer.json()
    assert (body["code"], body["field"], set(body)) == (code, "file", {"detail", "code", "field"})
    assert files_of(media) == set()


@pytest.mark.parametrize(
    ("request_parts", "place"),
    [
        ({}, "file"),
        ({"json": {"file": "x"}}, "file"),
        ({"data": {"file": "x"}}, "file"),
        ({"files": {"file": (None, "text")}}, "file"),
        ({"files": {"image": PNG}}, "image"),
        ({"files": [("file", PNG), ("file", PNG)]}, "file"),
        ({"files": {"file": PNG, "book_id": (None, "1")}}, "book_id"),
        ({"files": [("file", b"x")] * 11}, "file"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "file"),
        (
            {
                "content": b"--b--\r\n",
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            "file",
        ),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "file"),
    ],
)
async def test_the_body_is_one_file(
    client: AsyncClient,
    db_session: AsyncSession,
    media: Path,
    request_parts: dict[str, object],
    place: str,
) -> None:
    client.headers.update(await staff(db_session))
    answer = await client.request("POST", UPLOAD, **request_parts)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION_ERROR")
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", place]]
    assert files_of(media) == set()


async def test_a_body_may_be_large_only_here(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    headers = await staff(db_session)
    large = PNG + bytes(9 * 1024 * 1024)
    taken = await client.post(UPLOAD, files={"file": large}, headers=headers)
    assert taken.status_code == 200
    before = files_of(media)
    for path, content in (
        (UPLOAD, PNG + bytes(10 * 1024 * 1024)),
        ("/api/v1/books", large),
        ("/api/v1/auth/login", large),
    ):
        refused = await client.post(path, files={"file": content}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert files_of(media) == before


async def test_only_staff_upload_and_others_are_not_listened_to(
    client: AsyncClient, db_session: AsyncSession, media: Path
) -> None:
    reader = bearer(await make_user(db_session))

    async def unread() -> AsyncIterator[bytes]:
        yield b"--b"
        raise AssertionError("the body was read")

    anonymous = await client.post(UPLOAD, content=unread(), headers=BOUNDED)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "AUTH_TOKEN_INVALID")
    refused = await client.post(UPLOAD, content=unread(), headers=BOUNDED | reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "AUTH_FORBIDDEN")
    assert files_of(media) == set()


class SlowFile(io.BytesIO):
    """A file whose reader can be held up, and that tells how many are read at once."""

    begun = threading.Event()
    reading = 0
    most = 0
    lock = threading.Lock()

    def __init__(self, content: bytes, go: threading.Event) -> None:
        super().__init__(content)
        self.go = go

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            with self.lock:
                SlowFile.reading += 1
                SlowFile.most = max(SlowFile.most, SlowFile.reading)
            self.begun.set()
            self.go.wait(20)
            with self.lock:
                SlowFile.reading -= 1
        return super().read(size)


async def test_one_picture_at_a_time_even_after_its_sender_left(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    held, free = threading.Event(), threading.Event()
    free.set()
    left = asyncio.create_task(keep_cover(storage, file=SlowFile(PNG, held)))
    assert await asyncio.to_thread(SlowFile.begun.wait, 20)
    left.cancel()
    await asyncio.wait({left})
    waiting = asyncio.create_task(keep_cover(storage, file=SlowFile(PNG, free)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    held.set()
    assert (await waiting).width == 200
    assert SlowFile.most == 1
