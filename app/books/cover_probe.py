"""What a picture's first bytes say, read without unpacking anything."""

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from app.books.errors import ImageBrokenError, ImageTypeError

HEAD_BYTES = 32
CHUNK_BYTES = 64 * 1024

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
JPEG_SIGNATURE = b"\xff\xd8\xff"
AVIF_BRANDS = (b"avif", b"avis")

MARKER = 0xFF
START_OF_SCAN = 0xDA
START_OF_SCAN_BYTES = b"\xff\xda"
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SEQUENTIAL_FRAMES = frozenset((0xC0, 0xC1))
WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
FRAME_COMPONENTS_AT = 5
"""Where a frame header counts its components, after its own length: precision, height, width."""


class ImageKind(StrEnum):
    """The kinds of picture that are taken, by Pillow's names."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    AVIF = "AVIF"
    GIF = "GIF"


@dataclass(frozen=True, kw_only=True)
class JpegScans:
    """How a JPEG is laid out. In one pass it can be read row by row, else only as a whole."""

    one_pass: bool
    count: int


def kind_of(head: bytes) -> ImageKind:
    """Return what a file is by its first bytes; neither name nor declared type counts.

    Raises:
        ImageTypeError: none of the kinds that are taken.
        ImageBrokenError: there are no bytes.
    """
    if not head:
        raise ImageBrokenError("The file is empty.", field="file")
    if head.startswith(JPEG_SIGNATURE):
        return ImageKind.JPEG
    if head.startswith(PNG_SIGNATURE):
        return ImageKind.PNG
    if head.startswith(GIF_SIGNATURES):
        return ImageKind.GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ImageKind.WEBP
    if head[4:8] == b"ftyp" and any(brand in head[8:HEAD_BYTES] for brand in AVIF_BRANDS):
        return ImageKind.AVIF
    raise ImageTypeError(field="file")


def webp_size(head: bytes) -> tuple[int, int]:
    """Return a WebP's width and height; Pillow would make room for all its pixels to learn them.

    Raises:
        struct.error: the header is cut off.
        ImageBrokenError: it is no header.
    """
    chunk = head[12:16]
    if chunk == b"VP8X":
        width, width_high, height, height_high = struct.unpack_from("<HBHB", head, 24)
        return (width | width_high << 16) + 1, (height | height_high << 16) + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageBrokenError(field="file")


def jpeg_scans(file: BinaryIO) -> JpegScans:
    """Return how a JPEG is laid out, from its headers and the number of its scans.

    The count is an upper bound: a thumbnail inside a header counts too.

    Raises:
        IndexError, struct.error: a header is cut off.
    """
    file.seek(2)
    components, sequential = 0, False
    while True:
        marker = _next_marker(file)
        (length,) = struct.unpack(">H", file.read(2))
        header = file.read(max(length - 2, 0))
        if marker in START_OF_FRAME:
            components, sequential = header[FRAME_COMPONENTS_AT], marker in SEQUENTIAL_FRAMES
        if marker == START_OF_SCAN:
            break
    return JpegScans(one_pass=sequential and header[0] == components, count=_count_scans(file))


def _next_marker(file: BinaryIO) -> int:
    """Skip to the next marker that a header follows, and return its second byte."""
    while True:
        while file.read(1)[0] != MARKER:
            continue
        marker = MARKER
        while marker == MARKER:
            marker = file.read(1)[0]
        if marker and marker not in WITHOUT_LENGTH:
            return marker


def _count_scans(file: BinaryIO) -> int:
    file.seek(0)
    count, last = 0, b""
    while chunk := file.read(CHUNK_BYTES):
        count += (last + chunk).count(START_OF_SCAN_BYTES)
        last = chunk[-1:]
    return count
