"""The addresses of uploaded covers. One address tells all the others of the same picture."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

WIDTH_STEPS = (160, 320, 640, 1280)
"""The widths, in pixels, that a cover is kept in, as far as it is that wide; and its own width."""

MAX_WIDTH = WIDTH_STEPS[-1]

COVER_PATH = "/media/covers"
DIGEST = r"[0-9a-f]{32}"
OWN_URL = re.compile(rf"{COVER_PATH}/({DIGEST})/([1-9][0-9]{{0,3}})\.(webp|avif)", re.ASCII)


class CoverFormat(StrEnum):
    """What covers are kept as, the smaller first: who cannot show AVIF can show WebP."""

    AVIF = "avif"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """The type that a browser is told."""
        return f"image/{self.value}"


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """One file of a cover: a width of its picture in one format."""

    digest: str
    width: int
    format: CoverFormat

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"{COVER_PATH}/{self.digest}/{self.width}.{self.format}"

    @property
    def key(self) -> str:
        """Where it is kept."""
        return f"covers/{self.digest}/{self.width}.{self.format}"


@dataclass(frozen=True, kw_only=True)
class CoverSource:
    """What a ``<source>`` of a ``<picture>`` says."""

    media_type: str
    srcset: str


def parse_cover_url(url: str | None) -> Rendition | None:
    """Return what a URL of ours names, or None if it is not a URL of an uploaded cover."""
    found = OWN_URL.fullmatch(url or "")
    if found is None or int(found[2]) > MAX_WIDTH:
        return None
    return Rendition(digest=found[1], width=int(found[2]), format=CoverFormat(found[3]))


def widths_of(width: int) -> list[int]:
    """Return the widths in which a picture of this width is kept, the narrowest first."""
    return [*(step for step in WIDTH_STEPS if step < width), width]


def cover_url(digest: str, width: int) -> str:
    """Return the URL that stands for a cover: its widest WebP, which every browser shows."""
    return Rendition(digest=digest, width=width, format=CoverFormat.WEBP).url


def cover_sources(cover: Rendition) -> Sequence[CoverSource]:
    """Return the sources of a cover's ``<picture>``, in the order in which a browser tries them."""
    return [
        CoverSource(media_type=kind.media_type, srcset=_srcset(cover, kind)) for kind in CoverFormat
    ]


def _srcset(cover: Rendition, kind: CoverFormat) -> str:
    renditions = (
        Rendition(digest=cover.digest, width=width, format=kind) for width in widths_of(cover.width)
    )
    return ", ".join(f"{rendition.url} {rendition.width}w" for rendition in renditions)
