"""From files to the pictures that are kept."""

import io
import struct
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw

from app.books.cover_images import CoverFormat
from app.books.cover_probe import JpegScans, jpeg_scans
from app.books.cover_renditions import CoverPictures, make_cover
from app.books.errors import ImageBrokenError, ImageTooManyPixelsError
from tests.books.pictures import (
    decoded,
    encoded,
    exif,
    gif,
    noise,
    patched,
    quarters,
    webp_header,
)

LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100},
}
CLOSE = 12
"""How far a colour may be off after lossy encoding."""


def cover_of(content: bytes) -> CoverPictures:
    return make_cover(io.BytesIO(content))


def widest(cover: CoverPictures, kind: CoverFormat = CoverFormat.WEBP) -> Image.Image:
    return max(
        (decoded(content) for key, content in cover.files.items() if key.format is kind),
        key=lambda image: image.width,
    )


def colours(image: Image.Image, *points: tuple[float, float]) -> list[tuple[int, ...]]:
    """Return the colours at relative places."""
    found = []
    for x, y in points:
        pixel = image.getpixel((int(x * image.width), int(y * image.height)))
        assert isinstance(pixel, tuple)
        found.append(pixel)
    return found


def assert_close(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= CLOSE, (found, wanted)


def test_every_width_in_both_formats() -> None:
    cover = cover_of(encoded(noise(60, 90).resize((800, 1200)), "JPEG", quality=90))
    assert (cover.width, cover.height) == (800, 1200)
    sizes = {
        (key.width, key.format.value): decoded(content).size for key, content in cover.files.items()
    }
    assert sizes == {
        (width, kind): (width, width * 3 // 2)
        for width in (160, 320, 640, 800)
        for kind in ("avif", "webp")
    }


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((2000, 3000), (1280, 1920)),
        ((5000, 7000), (1280, 1792)),
        ((1000, 5000), (512, 2560)),
        ((5000, 100), (1280, 26)),
        ((1, 1), (1, 1)),
        ((1, 9000), (1, 2560)),
    ],
)
def test_what_is_too_large_is_made_smaller_in_its_own_shape(
    size: tuple[int, int], kept: tuple[int, int]
) -> None:
    cover = cover_of(encoded(Image.new("RGB", size, (0, 128, 128)), "JPEG"))
    assert (cover.width, cover.height) == kept
    assert widest(cover).size == kept


def test_bands_leave_no_seams() -> None:
    image = Image.new("L", (2700, 3900))
    ImageDraw.Draw(image).polygon([(0, 0), (2700, 0), (0, 3900)], fill=255)
    small = image.convert("RGB").resize((1280, 1849), Image.Resampling.LANCZOS)
    kept = widest(cover_of(encoded(image, "PNG")))
    assert kept.size == small.size
    worst = max(
        abs(a - b)
        for a, b in zip(kept.convert("L").tobytes(), small.convert("L").tobytes(), strict=True)
    )
    assert worst < 64


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_picture_stands_upright(kind: str, orientation: int) -> None:
    upright = quarters()
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    lying = upright if back is None else upright.transpose(back)
    content = encoded(lying, kind, exif=exif(orientation), **LOSSLESS.get(kind, {"quality": 95}))
    cover = cover_of(content)
    assert (cover.width, cover.height) == upright.size
    corners = ((0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8))
    wanted = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
    for colour, expected in zip(colours(widest(cover), *corners), wanted, strict=True):
        assert max(abs(a - b) for a, b in zip(colour, expected, strict=True)) <= 30


def test_a_picture_that_lies_is_bounded_by_what_it_is_when_it_stands() -> None:
    cover = cover_of(encoded(Image.new("RGB", (3000, 2000)), "JPEG", exif=exif(6)))
    assert (cover.width, cover.height) == (1280, 1920)


@pytest.mark.parametrize("options", [{}, {"exif": exif(3)}])
def test_the_same_pixels_are_the_same_cover(options: dict[str, bytes]) -> None:
    picture = noise()
    turned = picture.transpose(Image.Transpose.ROTATE_180) if options else picture
    first, second = cover_of(encoded(picture, "PNG")), cover_of(encoded(turned, "PNG", **options))
    assert first.digest == second.digest
    assert first.files == second.files
    assert first.digest != cover_of(encoded(noise(seed=2), "PNG")).digest


def test_size_is_part_of_what_a_picture_is() -> None:
    flat = [cover_of(encoded(Image.new("RGB", size), "PNG")) for size in ((10, 20), (20, 10))]
    assert flat[0].digest != flat[1].digest


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (encoded(Image.new("RGBA", (40, 60), (255, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (encoded(Image.new("RGBA", (40, 60), (255, 0, 0, 128)), "PNG"), (255, 127, 127)),
        (encoded(Image.new("LA", (40, 60), (0, 0)), "PNG"), (255, 255, 255)),
        (encoded(Image.new("L", (40, 60), 7), "PNG", transparency=7), (255, 255, 255)),
        (encoded(Image.new("P", (40, 60), 0), "GIF", transparency=0), (255, 255, 255)),
        (encoded(Image.new("1", (40, 60), 1), "PNG"), (255, 255, 255)),
        (encoded(Image.new("I;16", (40, 60), 0x8000), "PNG"), (128, 128, 128)),
        (encoded(Image.new("I;16", (40, 60), 0x8000), "PNG", transparency=5), (128, 128, 128)),
        (encoded(Image.new("CMYK", (40, 60), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    ],
)
def test_every_mode_is_shown_as_it_was_meant(content: bytes, colour: tuple[int, ...]) -> None:
    cover = cover_of(content)
    for kind in CoverFormat:
        assert_close(colours(widest(cover, kind), (0.5, 0.5))[0], colour)


def test_of_an_animation_the_first_picture_counts() -> None:
    red, blue = (Image.new("RGB", (40, 60), name) for name in ("red", "blue"))
    for kind in ("GIF", "WEBP", "AVIF", "PNG"):
        content = encoded(red, kind, save_all=True, append_images=[blue])
        assert_close(colours(widest(cover_of(content)), (0.5, 0.5))[0], (255, 0, 0))


def linear_profile() -> bytes:
    """Return a profile like sRGB's, but with light as it is: 128 in it is 188 in sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in {b"rTRC", b"gTRC", b"bTRC"}:
            profile[offset : offset + size] = (b"curv" + bytes(size))[:size]
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "AVIF"])
def test_colours_are_brought_to_srgb(kind: str) -> None:
    grey = Image.new("RGB", (40, 60), (128, 128, 128))
    cover = cover_of(encoded(grey, kind, icc_profile=linear_profile()))
    assert_close(colours(widest(cover), (0.5, 0.5))[0], (188, 188, 188))


@pytest.mark.parametrize("profile", [b"nonsense", b"\x00" * 4000])
def test_a_broken_profile_does_not_count(profile: bytes) -> None:
    grey = Image.new("RGB", (40, 60), (128, 128, 128))
    cover = cover_of(encoded(grey, "PNG", icc_profile=profile))
    assert_close(colours(widest(cover), (0.5, 0.5))[0], (128, 128, 128))


def test_the_colour_that_most_of_it_has() -> None:
    image = Image.new("RGB", (100, 150), (32, 64, 128))
    image.paste((250, 240, 10), (0, 0, 100, 40))
    assert cover_of(encoded(image, "PNG")).color == "#204080"


def test_a_refusal_says_how_large_it_may_be() -> None:
    with pytest.raises(ImageTooManyPixelsError) as refused:
        cover_of(encoded(Image.new("L", (5000, 5000)), "PNG"))
    assert refused.value.detail == (
        "This picture has 25.0 megapixels; as PNG it may have 20.0. Please make it smaller."
    )
    assert refused.value.field == "file"


def test_a_frame_larger_than_its_screen_is_measured() -> None:
    assert cover_of(gif((1, 1), (1, 1))).width == 1
    with pytest.raises(ImageTooManyPixelsError):
        cover_of(gif((1, 1), (30_000, 30_000)))


def test_a_jpeg_of_several_passes_may_be_less_large() -> None:
    plain = Image.new("L", (2_000, 7_500))
    assert cover_of(encoded(plain, "JPEG")).height == 2560
    with pytest.raises(ImageTooManyPixelsError, match=r"15\.0 megapixels; as JPEG it may have 12"):
        cover_of(encoded(plain, "JPEG", progressive=True))


def test_headers_may_be_filled_up() -> None:
    content = encoded(noise(), "JPEG")
    filled = content.replace(b"\xff\xc0", b"\xff\xff\xff\xff\xc0", 1)
    assert cover_of(filled).digest == cover_of(content).digest


@pytest.mark.parametrize("content", [b"RIFF\x00\x00\x00\x00WEBPALPH" + bytes(40), b"\xff\xd8\xff"])
def test_headers_that_lead_nowhere(content: bytes) -> None:
    with pytest.raises(ImageBrokenError):
        cover_of(content)


def test_a_webp_without_loss_is_measured_and_taken() -> None:
    content = encoded(noise(), "WEBP", lossless=True)
    assert cover_of(content).digest == cover_of(encoded(noise(), "PNG")).digest
    huge = patched(content, b"VP8L", 9, b"\xff\xff\xff\x0f")
    with pytest.raises(ImageTooManyPixelsError, match=r"268\.4 megapixels"):
        cover_of(huge)


def test_an_extended_webp_is_measured() -> None:
    with pytest.raises(ImageTooManyPixelsError, match=r"900\.0 megapixels"):
        cover_of(webp_header(30_000, 30_000))


def test_a_picture_without_width_is_broken() -> None:
    content = patched(encoded(noise(), "WEBP"), b"\x9d\x01\x2a", 3, bytes(2))
    with pytest.raises(ImageBrokenError):
        cover_of(content)


def test_a_jpeg_of_many_passes_is_not_read() -> None:
    content = encoded(noise(), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageBrokenError) as refused:
        cover_of(content[:-2] + last * 200 + content[-2:])
    assert refused.value.__cause__ is None
    assert cover_of(content[:-2] + last * 20 + content[-2:]).width == 48


@pytest.mark.parametrize("between", [b"\x00\x00", b"\xff\x00", b"\xff\xd0"])
def test_what_is_between_headers_is_passed_over(between: bytes) -> None:
    content = encoded(noise(), "JPEG")
    at = content.index(b"\xff\xc0")
    scans = jpeg_scans(io.BytesIO(content[:at] + between + content[at:]))
    assert scans == JpegScans(one_pass=True, count=1)
