"""From an uploaded file to the pictures that are kept. Nothing of the file survives but its pixels.

Everything here takes time and memory: call it in a thread, one picture at a time. Each step is
bounded: a picture of too many pixels is refused by its header, and what was decoded is shrunk in
bands before anything else is done with it.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageCms
from PIL.Image import Resampling, Transpose

from app.books.cover_images import MAX_WIDTH, CoverFormat, Rendition, widths_of
from app.books.cover_probe import HEAD_BYTES, ImageKind, jpeg_scans, kind_of, webp_size
from app.books.errors import ImageBrokenError, ImageTooManyPixelsError
from app.core.exceptions import AppError

RECIPE = b"1"
"""Part of every digest: another way to make the pictures must be another number, as their
addresses are cached for a year."""

MAX_HEIGHT = 2 * MAX_WIDTH
MAX_PIXELS_OF_ONE_PASS = 40_000_000
MAX_PIXELS: Mapping[ImageKind, int] = {
    ImageKind.JPEG: 12_000_000,
    ImageKind.PNG: 20_000_000,
    ImageKind.GIF: 20_000_000,
    ImageKind.WEBP: 4_500_000,
    ImageKind.AVIF: 4_500_000,
}
"""So many pixels that no kind takes more than about 100 MiB at its worst, as was measured: 7 bytes
for each in a JPEG of several passes (progressive), 4 in a PNG, 22 in a WebP or AVIF. A JPEG of one
pass is shrunk while it is read, and may be larger."""

MAX_SCANS = 200
"""Passes of a progressive JPEG; ordinary ones have ten, and each costs as much as the picture."""

GROUND = (255, 255, 255)
"""What shows through transparent pixels: paper."""

SIXTEEN_BITS_TO_EIGHT = 1 / 256
BAND_PIXELS = 250_000
ORIENTATION_TAG = 0x0112
UPRIGHT: Mapping[int, Transpose] = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What turns a picture upright, by the orientation that its camera wrote down."""

LYING = frozenset((5, 6, 7, 8))

WEBP_OPTIONS = {"quality": 80, "method": 4}
AVIF_OPTIONS = {"quality": 60, "speed": 6}

COLOUR_SAMPLE = (64, 64)
COLOUR_BINS = 8

Image.MAX_IMAGE_PIXELS = MAX_PIXELS_OF_ONE_PASS  # Pillow itself refuses twice as many


@dataclass(frozen=True, kw_only=True)
class CoverPictures:
    """A cover as it is kept: pixels as the buyer sees them, in sRGB, without any metadata.

    ``color`` is the one that most of it has, as ``#rrggbb``.
    """

    digest: str
    width: int
    height: int
    color: str
    files: Mapping[Rendition, bytes]


def make_cover(file: BinaryIO) -> CoverPictures:
    """Return the pictures that are kept of a file.

    The same pixels have the same digest, whatever file they came in.

    Raises:
        ImageTypeError: none of the kinds of picture that are taken.
        ImageBrokenError: damaged, or cut off.
        ImageTooManyPixelsError: it would need too much memory.
    """
    try:
        picture = _read(file)
    except AppError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooManyPixelsError(field="file") from error
    except Exception as error:  # over hostile bytes a decoder may raise anything
        raise ImageBrokenError(field="file") from error
    digest = _digest(picture)
    return CoverPictures(
        digest=digest,
        width=picture.width,
        height=picture.height,
        color=_main_color(picture),
        files=dict(_encode(picture, digest)),
    )


def _read(file: BinaryIO) -> Image.Image:
    """Return the picture upright, in sRGB, and no larger than it is kept."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    kind = kind_of(head)
    if kind is ImageKind.WEBP:
        _refuse_too_many_pixels(webp_size(head), kind)
    one_pass = False
    if kind is ImageKind.JPEG:
        scans = jpeg_scans(file)
        one_pass = scans.one_pass
        if scans.count > MAX_SCANS:
            raise ImageBrokenError(field="file")
    file.seek(0)
    with Image.open(file, formats=[kind]) as image:
        _refuse_too_many_pixels(image.size, kind, one_pass=one_pass)
        orientation = _orientation(image)
        box = (MAX_HEIGHT, MAX_WIDTH) if orientation in LYING else (MAX_WIDTH, MAX_HEIGHT)
        size = _fitting(image.size, box)
        image.draft(None, size)
        image.load()
        profile = image.info.get("icc_profile")
        small = _shrink(image, size)
    picture = _in_srgb(small, profile)
    if orientation in UPRIGHT:
        picture = picture.transpose(UPRIGHT[orientation])
    picture.info.clear()
    return picture


def _refuse_too_many_pixels(
    size: tuple[int, int], kind: ImageKind, *, one_pass: bool = False
) -> None:
    width, height = size
    limit = MAX_PIXELS_OF_ONE_PASS if one_pass else MAX_PIXELS[kind]
    if width * height > limit:
        sentence = (
            f"This picture has {width * height / 1e6:,.1f} megapixels; as {kind} it may have "
            f"{limit / 1e6:.1f}. Please make it smaller."
        )
        raise ImageTooManyPixelsError(sentence, field="file")
    if not width or not height:
        raise ImageBrokenError(field="file")


def _orientation(image: Image.Image) -> int:
    """Return which way up the camera was held; nonsense means that nobody knows."""
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 (broken metadata is no reason to refuse the picture)
        return 1


def _fitting(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the size of a picture made to fit into a box, never enlarged."""
    scale = min(1.0, box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrink(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the picture in its final size, flattened, in one of the modes L, RGB and CMYK.

    It goes band by band, as a whole copy in another mode would double the memory.
    """
    factor = max(1, min(image.width // size[0], image.height // size[1]))
    rows = max(1, BAND_PIXELS // image.width // factor) * factor
    mode = "RGB" if image.has_transparency_data else _plain_mode(image.mode)
    canvas = Image.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        band = image.crop((0, top, image.width, bottom))
        canvas.paste(_flattened(band, mode).reduce(factor), (0, top // factor))
    return canvas.resize(size, Resampling.LANCZOS)


def _plain_mode(mode: str) -> str:
    if mode == "CMYK":
        return mode
    return "L" if mode in {"1", "L"} or mode.startswith("I") else "RGB"


def _flattened(band: Image.Image, mode: str) -> Image.Image:
    if band.mode.startswith("I"):  # Pillow would cut 16 bits off at 255 instead of scaling them
        return band.point(lambda value: value * SIXTEEN_BITS_TO_EIGHT).convert("L").convert(mode)
    if band.has_transparency_data:
        ground = Image.new("RGBA", band.size, GROUND)
        return Image.alpha_composite(ground, band.convert("RGBA")).convert(mode)
    return band.convert(mode)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB; a profile that is broken or of another mode does not count."""
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _digest(picture: Image.Image) -> str:
    digest = hashlib.sha256(RECIPE)
    digest.update(f" {picture.width}x{picture.height} ".encode())
    digest.update(picture.tobytes())
    return digest.hexdigest()[:32]


def _main_color(picture: Image.Image) -> str:
    sample = picture.resize(COLOUR_SAMPLE, Resampling.BOX).quantize(COLOUR_BINS)
    palette = sample.getpalette() or []
    counts = sample.histogram()
    index = counts.index(max(counts))
    red, green, blue = palette[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _encode(picture: Image.Image, digest: str) -> list[tuple[Rendition, bytes]]:
    files = []
    for width in widths_of(picture.width):
        height = max(1, round(picture.height * width / picture.width))
        scaled = picture.resize((width, height), Resampling.LANCZOS, reducing_gap=3)
        for kind in CoverFormat:
            options = AVIF_OPTIONS if kind is CoverFormat.AVIF else WEBP_OPTIONS
            written = io.BytesIO()
            scaled.save(written, kind.value, **options)
            rendition = Rendition(digest=digest, width=width, format=kind)
            files.append((rendition, written.getvalue()))
    return files
