"""What an import holds in memory, however large its file is: two batches, and where books were."""

import asyncio
import gc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from app.core.garbage import collection_held

T = TypeVar("T")

PAGE = 4096
"""So many ids share a piece of memory."""

YOUNG, OLDEST = 1, 2
"""Generations: of the last two batches, and of all time."""

BATCHES_PER_FULL_COLLECTION = 100


@contextmanager
def collected_after_batches() -> Iterator[Callable[[], None]]:
    """Look for cycles only when the function that is given is called: at the end of a batch.

    That is when nothing of the batch is needed any more. Within it Python would look through the
    same living objects again and again, which took a quarter of an import's time, and would keep
    what a batch leaves behind for several more. What is in no cycle is freed at once as ever.
    """
    batches = count(1)

    def collect() -> None:
        gc.collect(OLDEST if next(batches) % BATCHES_PER_FULL_COLLECTION == 0 else YOUNG)

    with collection_held():
        yield collect


class ReadAhead(Generic[T]):
    """Iterates over the batches that ``take`` returns, up to the first empty one.

    Each is taken in a thread, while what is done with the one before is still going on. Used as a
    context: no thread is left behind when it ends, whichever way.
    """

    def __init__(self, take: Callable[[], list[T]]) -> None:
        self._take = take

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(Exception):  # raised by __anext__ already, or of a batch nobody waits for
            await self._ahead

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[T]:
        batch = await self._ahead
        if not batch:
            raise StopAsyncIteration
        self._begin()
        return batch

    def _begin(self) -> None:
        self._ahead = asyncio.create_task(asyncio.to_thread(self._take))


def take(items: Iterator[T], *, at_most: int, weigh: Callable[[T], int], weight: int) -> list[T]:
    """Return the next items: so many, or fewer if they weigh so much; none at the end."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        weight -= weigh(item)
        if len(batch) == at_most or weight <= 0:
            break
    return batch


class Lines(Protocol):
    """On which line of a file each book came, by the books' ids."""

    def get(self, book_id: int, /) -> int | None:
        """Return a book's line, or None if it has not come yet."""

    def __setitem__(self, book_id: int, line: int, /) -> None:
        """Note that a book came on a line, counted from 1."""


class SeenLines:
    """Lines in four bytes for each book, and not the hundred of a dict.

    Ids that lie close together share a page, and those of a catalogue do.
    """

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}

    def get(self, book_id: int) -> int | None:
        """Return a book's line, or None if it has not come yet."""
        page = self._pages.get(book_id // PAGE)
        return None if page is None else page[book_id % PAGE] or None

    def __setitem__(self, book_id: int, line: int) -> None:
        """Note that a book came on a line, counted from 1."""
        page = self._pages.get(book_id // PAGE)
        if page is None:
            page = self._pages[book_id // PAGE] = array("I", bytes(4 * PAGE))
        page[book_id % PAGE] = line
