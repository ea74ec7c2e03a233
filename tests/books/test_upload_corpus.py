"""Files of every kind, sent to the real server: only pixels are kept, and memory stays bounded."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.books.pictures import MARKER, NOT_A_PICTURE, TAKEN, Case, corpus, decoded
from tests.live import LiveShop, live_shop
from tests.servers import run_command

MIB = 1024
"""In the kilobytes that Linux tells."""

FORGET_THE_PEAK = "5"
"""Written to Linux's clear_refs, it makes VmHWM begin anew at what the process has now."""

PASSWORD = "a few words of mine"
METADATA = ("exif", "icc_profile", "xmp", "comment", "photoshop")
PIXELS_ONLY = {"webp": (b"EXIF", b"XMP ", b"ICCP"), "avif": (b"Exif", b"mime", b"prof")}
REFUSALS = {
    415: {"IMAGE_TYPE_UNSUPPORTED"},
    422: {"IMAGE_BROKEN", "IMAGE_TOO_MANY_PIXELS"},
}


def processes(pid: int) -> Iterator[int]:
    """Give a process and all its descendants."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from processes(int(child))


def memory(shop: LiveShop, name: str) -> int:
    """Return the sum of a figure of all the server's processes, in KiB."""
    pattern = re.compile(rf"^{name}:\s+(\d+) kB$", re.MULTILINE)
    total = 0
    for pid in processes(shop.server.process.pid):
        found = pattern.search(Path(f"/proc/{pid}/status").read_text())
        assert found is not None
        total += int(found[1])
    return total


def upload(client: httpx.Client, case: Case) -> httpx.Response:
    file = (case.name, case.content, case.media_type)
    return client.post("/api/v1/uploads/images", files={"file": file})


def load_codecs(client: httpx.Client, cases: list[Case], media: Path) -> None:
    """Upload a picture that is taken: what is loaded for the first stays, and is no upload's."""
    first = next(case for case in cases if case.statuses == TAKEN)
    for file in upload(client, first).json()["files"]:
        client.get(file["url"])
        (media.parent / file["url"].removeprefix("/")).unlink()


@contextmanager
def signed_in(shop: LiveShop) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.base_url, timeout=60) as client:
        proof = {"email": "boss@example.com", "password": PASSWORD}
        token = client.post("/api/v1/auth/login", json=proof).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def assert_only_pixels(content: bytes, media_type: str, width: int) -> None:
    image = decoded(content)
    assert f"image/{image.format}".lower() == media_type
    assert (image.mode, image.width) == ("RGB", width)
    assert not set(image.info) & set(METADATA)
    assert not image.getexif()
    assert not getattr(image, "is_animated", False)
    kind = media_type.removeprefix("image/")
    assert not any(name in content for name in PIXELS_ONLY[kind])
    assert MARKER not in content
    assert b"<script" not in content


async def test_only_encoded_pixels_are_kept(live_database: str, tmp_path: Path) -> None:
    await run_command(
        *("user", "create-admin", "boss@example.com"),
        database_url=live_database,
        stdin=PASSWORD.encode(),
    )
    media = tmp_path / "media"
    cases = list(corpus())
    assert len(cases) >= 300
    settings = {"MEDIA_DIRECTORY": str(media)}
    with (
        live_shop(live_database, tmp_path, workers=1, settings=settings) as shop,
        signed_in(shop) as client,
    ):
        load_codecs(client, cases, media)
        before = memory(shop, "VmRSS")
        for pid in processes(shop.server.process.pid):
            Path(f"/proc/{pid}/clear_refs").write_text(FORGET_THE_PEAK)
        for case in cases:
            answer = upload(client, case)
            assert answer.status_code in case.statuses, (case.name, answer.text)
            told = answer.json()
            kept = {path for path in media.rglob("*") if path.is_file()}
            if answer.status_code in TAKEN:
                urls = [entry["url"].removeprefix("/") for entry in told["files"]]
                assert kept == {tmp_path / url for url in urls}, case.name
                for entry in told["files"]:
                    served = client.get(entry["url"])
                    assert served.headers["Content-Type"] == entry["media_type"]
                    assert_only_pixels(served.content, entry["media_type"], entry["width"])
            else:
                assert told["code"] in REFUSALS[answer.status_code], case.name
                assert told["field"] == "file"
                assert kept == set(), case.name
            for path in kept:  # the same pixels come again, and must be written again
                path.unlink()
        grown = memory(shop, "VmHWM") - before
    assert grown < 150 * MIB, f"{grown / MIB:.0f} MiB"
    assert set(REFUSALS) > NOT_A_PICTURE
