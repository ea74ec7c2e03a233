"""Pictures for tests, good and evil, made from nothing and the same in every run."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image, ImageCms

MARKER = b"<script>alert('marker')</script>"
"""Is in every file that carries more than pixels, and must be in none that is kept."""

KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
ORIENTATION, ARTIST, GPS = 0x0112, 0x013B, 0x8825
TAKEN = frozenset((200,))
NOT_A_PICTURE = frozenset((415,))
BROKEN = frozenset((422,))
ANY_REFUSAL_OR_NOT = TAKEN | NOT_A_PICTURE | BROKEN


@dataclass(frozen=True)
class Case:
    """A file, and the statuses that an upload of it may have."""

    name: str
    content: bytes
    statuses: frozenset[int]
    media_type: str = "image/png"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the picture as a file."""
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def decoded(content: bytes) -> Image.Image:
    """Return a file's picture, every pixel of it."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@cache
def noise(width: int = 48, height: int = 72, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """Return a picture that no encoder can make small."""
    size = width * height * len(Image.new(mode, (1, 1)).tobytes())
    return Image.frombytes(mode, (width, height), random.Random(seed).randbytes(size))  # noqa: S311 (pixels)


def quarters(size: int = 40) -> Image.Image:
    """Return a picture whose corners tell which way up it is: red, green, blue, white."""
    image = Image.new("RGB", (size, size * 2), "white")
    image.paste((255, 0, 0), (0, 0, size // 2, size))
    image.paste((0, 255, 0), (size // 2, 0, size, size))
    image.paste((0, 0, 255), (0, size, size // 2, size * 2))
    return image


def exif(orientation: int = 1) -> bytes:
    """Return metadata as a telephone writes it: which way up, who, and where."""
    data = Image.Exif()
    data[ORIENTATION] = orientation
    data[ARTIST] = MARKER.decode()
    data.get_ifd(GPS).update({1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    return data.tobytes()


def srgb_profile() -> bytes:
    """Return a colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    """Return how a PNG of any size begins."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)


def png_bomb(side: int = 30_000) -> bytes:
    """Return a whole and valid PNG of one bit per pixel, which is a thousand times its file."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = png_header(side, side, depth=1, colour=0)
    return header + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def gif(screen: tuple[int, int], frame: tuple[int, int], *, disposal: int = 2) -> bytes:
    """Return a GIF whose screen and first frame say different sizes."""
    return b"".join(
        (
            b"GIF89a",
            struct.pack("<HHBBB", *screen, 0x80, 0, 0),
            b"\x00\x00\x00\xff\xff\xff",
            b"\x21\xf9\x04" + bytes([disposal << 2]) + bytes(4),
            b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0),
            b"\x02\x02\x4c\x01\x00\x3b",
        )
    )


def webp_header(width: int, height: int) -> bytes:
    """Return how an extended WebP of any size begins."""
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF\xff\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + size + bytes(200)


def patched(content: bytes, after: bytes, offset: int, new: bytes) -> bytes:
    """Return the file with other bytes at a distance after the first of some bytes."""
    at = content.index(after) + offset
    return content[:at] + new + content[at + len(new) :]


def corpus() -> Iterator[Case]:
    """Give every kind of file that was ever uploaded instead of a cover, and covers."""
    yield from _plain()
    yield from _polyglots()
    yield from _no_pictures()
    yield from _bombs()
    yield from _truncated()
    yield from _odd_pixels()
    yield from _with_metadata()
    yield from _animated()
    yield from _large()
    yield from _flipped()


def _plain() -> Iterator[Case]:
    names = ("cover.png", "cover.html", "cover.svg", "../../cover", "cover.jpg\x00.php")
    for kind in KINDS:
        content = encoded(noise(), kind)
        for name in names:
            yield Case(f"{kind} named {name!r}", content, TAKEN)
        for media_type in ("text/html", "image/svg+xml", "application/pdf"):
            yield Case(f"{kind} as {media_type}", content, TAKEN, media_type)


def _polyglots() -> Iterator[Case]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("marker.html", MARKER)
    html = b"<!doctype html><body>" + MARKER
    tails = {
        "HTML": html,
        "ZIP": packed.getvalue(),
        "JS": b"*/=1;" + MARKER,
        "PDF": b"%PDF" + MARKER,
    }
    for kind in KINDS:
        for name, tail in tails.items():
            yield Case(f"{kind} and {name}", encoded(noise(), kind) + tail, TAKEN)
    jpeg = encoded(noise(), "JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", len(html) + 2) + html
    yield Case("JPEG with HTML as comment", jpeg[:2] + comment + jpeg[2:], TAKEN)
    yield Case("GIF with JS as comment", encoded(noise(), "GIF", comment=MARKER), TAKEN)
    png = encoded(noise(), "PNG")
    text = png_chunk(b"tEXt", b"Comment\x00" + MARKER)
    yield Case("PNG with HTML as text", png[:33] + text + png[33:], TAKEN)
    yield Case("GIF that is JS", b"GIF89a/*" + bytes(40) + b"*/=1;" + MARKER, BROKEN)


def _no_pictures() -> Iterator[Case]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg">' + MARKER + b"</svg>"
    files = {
        "SVG": svg,
        "SVG with declaration": b'<?xml version="1.0"?>' + svg,
        "HTML": b"<!doctype html>" + MARKER,
        "HTML that begins late": b"\n\n  <html>" + MARKER,
        "script": MARKER,
        "PDF": b"%PDF-1.7\n" + MARKER,
        "program": b"\x7fELF" + bytes(60),
        "Windows program": b"MZ" + bytes(60),
        "ZIP": b"PK\x03\x04" + bytes(60),
        "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(60),
        "MP4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(60),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n" + MARKER,
        "JPEG XL": b"\xff\x0a" + bytes(60),
        "Photoshop": b"8BPS\x00\x01" + bytes(60),
        "RIFF sound": b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(60),
        "one byte": b"\xff",
        "zeros": bytes(1000),
        "PNG without its first byte": encoded(noise(), "PNG")[1:],
    }
    for kind in ("TIFF", "BMP", "ICO", "PPM", "TGA", "PCX", "JPEG2000"):
        files[kind] = encoded(noise(), kind)
    for name, content in files.items():
        yield Case(name, content, NOT_A_PICTURE)
        yield Case(f"{name} as JPEG", content, NOT_A_PICTURE, "image/jpeg")
    yield Case("nothing", b"", BROKEN)


def _bombs() -> Iterator[Case]:
    side = 30_000
    both = struct.pack(">HH", side, side)
    yield Case("whole PNG", png_bomb(), BROKEN)
    for depth, colour in ((1, 0), (8, 0), (8, 2), (8, 3), (8, 6), (16, 2), (16, 6)):
        header = png_header(side, side, depth=depth, colour=colour)
        yield Case(f"PNG {depth}/{colour}", header + png_chunk(b"IDAT", zlib.compress(b"")), BROKEN)
    yield Case("PNG 2**31 wide", png_header(2**31 - 1, 1), BROKEN)
    yield Case("PNG without size", png_header(0, 0), BROKEN)
    for disposal in range(4):
        yield Case(f"GIF frame {disposal}", gif((1, 1), (side, side), disposal=disposal), BROKEN)
        yield Case(f"GIF screen {disposal}", gif((side, side), (1, 1), disposal=disposal), BROKEN)
    yield Case("WebP", webp_header(side, side), BROKEN)
    yield Case("WebP 2**24", webp_header(2**24, 2**24), BROKEN)
    lossy, lossless = encoded(noise(), "WEBP"), encoded(noise(), "WEBP", lossless=True)
    widest = struct.pack("<HH", 16383, 16383)
    yield Case("WebP lossy", patched(lossy, b"\x9d\x01\x2a", 3, widest), BROKEN)
    yield Case("WebP lossless", patched(lossless, b"VP8L", 9, b"\xff\xff\xff\x0f"), BROKEN)
    for name, frame, options in (
        ("JPEG", b"\xff\xc0", {}),
        ("progressive JPEG", b"\xff\xc2", {"progressive": True}),
    ):
        content = encoded(noise(), "JPEG", **options)
        yield Case(name, patched(content, frame, 5, both), BROKEN)
        yield Case(f"{name} without size", patched(content, frame, 5, bytes(4)), BROKEN)
    avif = encoded(noise(), "AVIF")
    yield Case("AVIF", patched(avif, b"ispe", 8, struct.pack(">II", side, side)), BROKEN)
    scans = encoded(noise(), "JPEG", progressive=True)
    last = scans[scans.rindex(b"\xff\xda") : -2]
    yield Case("JPEG of many passes", scans[:-2] + last * 1000 + scans[-2:], BROKEN)


def _truncated() -> Iterator[Case]:
    for kind in KINDS:
        content = encoded(noise(), kind)
        for percent in (2, 10, 20, 30, 40, 50, 60, 70, 80, 90):
            cut = content[: len(content) * percent // 100]
            yield Case(f"{kind} cut at {percent} %", cut, BROKEN)
        yield Case(f"{kind} without its last byte", content[:-1], ANY_REFUSAL_OR_NOT)


def _odd_pixels() -> Iterator[Case]:
    palette = noise().quantize(16)
    clear = palette.getpixel((0, 0))
    yield Case("16 bits of grey", encoded(noise(mode="I;16"), "PNG"), TAKEN)
    yield Case("palette, one clear", encoded(palette, "PNG", transparency=clear), TAKEN)
    yield Case("GIF, one clear", encoded(palette, "GIF", transparency=clear), TAKEN)
    for mode in ("1", "L", "LA", "RGBA"):
        yield Case(f"PNG {mode}", encoded(noise().convert(mode), "PNG"), TAKEN)
    for kind in ("WEBP", "AVIF"):
        yield Case(f"{kind} RGBA", encoded(noise(mode="RGBA"), kind), TAKEN)
    for mode in ("L", "CMYK"):
        yield Case(f"JPEG {mode}", encoded(noise().convert(mode), "JPEG"), TAKEN)
    for size in ((1, 1), (1, 2000), (2000, 1), (3, 20_000), (20_000, 3)):
        yield Case(f"{size}", encoded(Image.new("RGB", size, "teal"), "PNG"), TAKEN)


def _with_metadata() -> Iterator[Case]:
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        for orientation in range(1, 9):
            content = encoded(quarters(), kind, exif=exif(orientation))
            yield Case(f"{kind} held {orientation}", content, TAKEN)
        for name, profile in (("sRGB", srgb_profile()), ("broken", MARKER)):
            content = encoded(noise(), kind, icc_profile=profile)
            yield Case(f"{kind} with a {name} profile", content, TAKEN)
    for kind in ("JPEG", "WEBP"):
        content = encoded(noise(), kind, exif=exif()).replace(b"MM\x00\x2a", b"XX\x00\x2a")
        yield Case(f"{kind} with broken metadata", content, TAKEN)
    for kind in ("JPEG", "WEBP", "AVIF"):
        yield Case(f"{kind} with XMP", encoded(noise(), kind, xmp=MARKER), TAKEN)


def _animated() -> Iterator[Case]:
    others = [noise(seed=seed) for seed in range(2, 12)]
    for kind in ("GIF", "WEBP", "AVIF", "PNG"):
        content = encoded(noise(), kind, save_all=True, append_images=others)
        yield Case(f"{kind} moves", content, TAKEN)
    yield Case(
        "JPEG of several", encoded(noise(), "MPO", save_all=True, append_images=others), TAKEN
    )


def _large() -> Iterator[Case]:
    """Give the largest that are taken, and the smallest that are not, of every kind."""
    plain = Image.new("RGB", (2_500, 15_900), "teal")
    yield Case("JPEG, 39.8 megapixels", encoded(plain, "JPEG"), TAKEN)
    yield Case("JPEG, 40.3 megapixels", encoded(plain.resize((2_500, 16_100)), "JPEG"), BROKEN)
    for kind, options, most, too_many in (
        ("PNG", {"compress_level": 1}, (4_000, 5_000), (4_000, 5_001)),
        ("JPEG", {"progressive": True, "subsampling": 0}, (2_000, 6_000), (2_000, 6_001)),
        ("WEBP", {"method": 0}, (1_500, 3_000), (1_500, 3_001)),
        ("AVIF", {"speed": 10, "subsampling": "4:4:4"}, (1_500, 3_000), (1_500, 3_001)),
        ("GIF", {}, (4_000, 5_000), (4_000, 5_001)),
    ):
        mode = "RGBA" if kind in {"PNG", "WEBP", "AVIF"} else "RGB"
        for size, statuses in ((most, TAKEN), (too_many, BROKEN)):
            content = encoded(Image.new(mode, size, "teal"), kind, **options)
            yield Case(f"{kind} of {size[0] * size[1]} pixels", content, statuses)


def _flipped() -> Iterator[Case]:
    dice = random.Random(55)  # noqa: S311 (the same damage in every run)
    for kind in KINDS:
        whole = encoded(noise(), kind)
        for number in range(16):
            content = bytearray(whole)
            for _ in range(1 + number):
                content[dice.randrange(len(content))] = dice.randrange(256)
            yield Case(f"{kind} damaged {number}", bytes(content), ANY_REFUSAL_OR_NOT)
