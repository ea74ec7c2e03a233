"""The pictures of messages: they travel within, so that nobody learns who opens which mail."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache
from io import BytesIO
from pathlib import Path

from app.books.cover_images import DIGEST, WIDTH_STEPS, CoverFormat, Rendition, parse_cover_url
from app.books.cover_service import read_rendition
from app.books.errors import CoverNotFoundError
from app.core.config import Settings
from app.integrations.storage import ObjectStorage

LOGO = "logo"
"""The Content-ID of the shop's sign, at the head of every message."""

OWN_LOGO = Path(__file__).parents[1] / "templates" / "email" / "logo.png"

COVER_ID = re.compile(rf"cover-({DIGEST})-([1-9][0-9]{{0,3}})")
PICTURE = re.compile(r'<img\b[^>]*\bsrc="cid:([a-z0-9-]+)"[^>]*>')
JPEG_QUALITY = 85


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as every mail program shows it. ``kind`` is its subtype of ``image``."""

    kind: str
    content: bytes


def cover_id(url: str | None) -> str | None:
    """Return the Content-ID of the small picture of an uploaded cover; None for other covers."""
    cover = parse_cover_url(url)
    if cover is None:
        return None
    return f"cover-{cover.digest}-{min(cover.width, WIDTH_STEPS[0])}"


async def find_pictures(
    html: str, *, storage: ObjectStorage, settings: Settings
) -> dict[str, Picture]:
    """Return what a message's HTML shows, by Content-ID; covers that are gone are left out.

    Raises:
        StorageUnavailableError: the store of covers is away; the message can wait for it.
    """
    found: dict[str, Picture] = {}
    for name in dict.fromkeys(PICTURE.findall(html)):
        if name == LOGO:
            found[name] = read_logo(settings)
        elif cover := COVER_ID.fullmatch(name):
            small = Rendition(digest=cover[1], width=int(cover[2]), format=CoverFormat.WEBP)
            try:
                content = await read_rendition(storage, small)
            except CoverNotFoundError:
                continue
            found[name] = await asyncio.to_thread(_to_jpeg, content)
    return found


def without_pictures(html: str, *, known: Mapping[str, Picture]) -> str:
    """Return HTML without the places of pictures that are not known."""
    return PICTURE.sub(lambda place: place[0] if place[1] in known else "", html)


def attach(message: EmailMessage, pictures: Mapping[str, Picture]) -> None:
    """Put pictures into the message, beside its HTML, which is its second part."""
    html = message.get_body(("html",))
    for name, picture in pictures.items():
        html.add_related(  # type: ignore[union-attr] # every message of ours has HTML
            picture.content, "image", picture.kind, cid=f"<{name}>", disposition="inline"
        )


def read_logo(settings: Settings) -> Picture:
    """Return the shop's sign."""
    return _read_file(settings.mail_logo or OWN_LOGO)


@cache
def _read_file(path: Path) -> Picture:
    kind = path.suffix.removeprefix(".").lower().replace("jpg", "jpeg")
    return Picture(kind=kind, content=path.read_bytes())


def _to_jpeg(content: bytes) -> Picture:
    """Return a picture of ours in the format that all mail programs know."""
    from PIL import Image  # noqa: PLC0415 (only what sends covers needs it)

    made = BytesIO()
    with Image.open(BytesIO(content)) as picture:
        picture.convert("RGB").save(made, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return Picture(kind="jpeg", content=made.getvalue())
