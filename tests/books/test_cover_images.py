"""The addresses of uploaded covers."""

import pytest

from app.books.cover_images import (
    CoverFormat,
    Rendition,
    cover_sources,
    cover_url,
    parse_cover_url,
    widths_of,
)

DIGEST = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (1, [1]),
        (159, [159]),
        (160, [160]),
        (161, [160, 161]),
        (900, [160, 320, 640, 900]),
        (1280, [160, 320, 640, 1280]),
    ],
)
def test_a_picture_is_never_enlarged(width: int, widths: list[int]) -> None:
    assert widths_of(width) == widths


def test_a_url_is_read_as_it_was_written() -> None:
    rendition = Rendition(digest=DIGEST, width=640, format=CoverFormat.AVIF)
    assert rendition.url == f"/media/covers/{DIGEST}/640.avif"
    assert rendition.key == f"covers/{DIGEST}/640.avif"
    assert parse_cover_url(rendition.url) == rendition
    assert parse_cover_url(cover_url(DIGEST, 1280)) == Rendition(
        digest=DIGEST, width=1280, format=CoverFormat.WEBP
    )


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "/static/icon.svg",
        f"/media/covers/{DIGEST}/0.webp",
        f"/media/covers/{DIGEST}/0640.webp",
        f"/media/covers/{DIGEST}/1281.webp",
        f"/media/covers/{DIGEST}/99999.webp",
        f"/media/covers/{DIGEST}/-1.webp",
        f"/media/covers/{DIGEST}/\u0661.webp",
        f"/media/covers/{DIGEST}/640.png",
        f"/media/covers/{DIGEST}/640.webp\n",
        f"/media/covers/{DIGEST}/640.webp?x",
        f"/media/covers/{DIGEST}/../640.webp",
        f"/media/covers/{DIGEST.upper()}/640.webp",
        f"/media/covers/{DIGEST[1:]}/640.webp",
        f"https://elsewhere.example/media/covers/{DIGEST}/640.webp",
    ],
)
def test_anything_else_is_no_cover_of_ours(url: str | None) -> None:
    assert parse_cover_url(url) is None


def test_one_url_tells_all_sources() -> None:
    cover = parse_cover_url(f"/media/covers/{DIGEST}/400.webp")
    assert cover is not None
    avif, webp = cover_sources(cover)
    root = f"/media/covers/{DIGEST}"
    assert avif.media_type == "image/avif"
    assert avif.srcset == f"{root}/160.avif 160w, {root}/320.avif 320w, {root}/400.avif 400w"
    assert webp.media_type == "image/webp"
    assert webp.srcset == f"{root}/160.webp 160w, {root}/320.webp 320w, {root}/400.webp 400w"
