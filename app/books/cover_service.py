"""Uploaded covers: made one at a time, kept before they are told of, and read again."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import BinaryIO

from app.books.cover_images import Rendition, cover_url
from app.books.cover_renditions import CoverPictures, make_cover
from app.books.errors import CoverNotFoundError
from app.books.schemas import CoverFileRead, CoverRead
from app.integrations.storage import ObjectStorage


async def keep_cover(storage: ObjectStorage, *, file: BinaryIO) -> CoverRead:
    """Make the pictures of an uploaded file, keep them, and tell where they are served.

    The same picture again is the same cover. No transaction may be open: this takes seconds.

    Raises:
        ImageTypeError: none of the kinds of picture that are taken.
        ImageBrokenError: damaged, or cut off.
        ImageTooManyPixelsError: it would need too much memory.
        StorageUnavailableError: it could not be kept.
    """
    cover = await _make(file)
    for rendition, content in cover.files.items():
        await storage.put_new(rendition.key, content, media_type=rendition.format.media_type)
    return CoverRead(
        url=cover_url(cover.digest, cover.width),
        width=cover.width,
        height=cover.height,
        color=cover.color,
        files=[
            CoverFileRead(
                url=rendition.url, width=rendition.width, media_type=rendition.format.media_type
            )
            for rendition in cover.files
        ],
    )


async def read_rendition(storage: ObjectStorage, rendition: Rendition) -> bytes:
    """Return one file of a cover.

    Raises:
        CoverNotFoundError: there is no such file.
        StorageUnavailableError: the store is away.
    """
    content = await storage.get(rendition.key)
    if content is None:
        raise CoverNotFoundError
    return content


async def _make(file: BinaryIO) -> CoverPictures:
    """Work in a thread, one picture at a time per process, so that memory stays bounded.

    Whoever gives up waiting does not stop the thread; the next one waits for it all the same.
    """
    slot = _slot(asyncio.get_running_loop())
    await slot.acquire()
    work = asyncio.get_running_loop().run_in_executor(_thread(), partial(make_cover, file))
    work.add_done_callback(lambda _: slot.release())
    return await asyncio.shield(work)


@cache
def _thread() -> ThreadPoolExecutor:
    """Return the one thread that makes pictures: memory that each of several kept would add up."""
    return ThreadPoolExecutor(1, thread_name_prefix="covers")


@cache
def _slot(_loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    return asyncio.Semaphore(1)
