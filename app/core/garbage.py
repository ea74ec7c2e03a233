"""When Python looks for cycles of objects that nothing else refers to.

Python 3.11 may begin to look within any allocation. When it begins while it makes the ``__dict__``
of an object, and what is freed then uses that ``__dict__``, two dicts own the same values, and the
process crashes later. SQLAlchemy's entities do just that when they are freed
(docs/decisions/0009-collecting-garbage.md). From 3.12 on Python begins between two instructions
only, and is left to itself.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

BEGINS_ANYWHERE = sys.version_info < (3, 12)
"""Whether this Python may begin to look for cycles within an allocation."""

SECONDS_BETWEEN_LOOKS = 0.1


def stop_automatic_collection() -> None:
    """Let this Python collect only when it is told to, if it would do so anywhere."""
    if BEGINS_ANYWHERE:
        gc.disable()


def collect_if_due() -> None:
    """Collect what Python by itself would collect by now, if it does not.

    Nothing is due while somebody holds the collection, who does it at moments of their own.
    """
    if gc.isenabled():
        return
    due = zip(gc.get_count(), gc.get_threshold(), strict=True)
    generations = [number for number, (count, most) in enumerate(due) if 0 < most < count]
    if generations:
        gc.collect(generations[-1])


class _Held:
    """How many blocks hold the collection at the moment, and what they found."""

    blocks = 0
    thresholds = (0, 0, 0)


@contextmanager
def collection_held() -> Iterator[None]:
    """Let nothing be collected but by ``gc.collect``, until the last of such blocks ends."""
    if _Held.blocks == 0:
        _Held.thresholds = gc.get_threshold()
        gc.set_threshold(0)
    _Held.blocks += 1
    try:
        yield
    finally:
        _Held.blocks -= 1
        if _Held.blocks == 0:
            gc.set_threshold(*_Held.thresholds)


@asynccontextmanager
async def collected_between_callbacks() -> AsyncIterator[None]:
    """Have garbage collected between two callbacks of the event loop, and never within one.

    What exists already is taken for what stays, and is not looked through again.
    """
    if not BEGINS_ANYWHERE:
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    looking = asyncio.create_task(_look_for_ever())
    try:
        yield
    finally:
        looking.cancel()
        gc.unfreeze()
        if was_enabled:
            gc.enable()


async def _look_for_ever() -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        collect_if_due()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine in an event loop of its own, as ``asyncio.run`` does."""

    async def collected() -> T:
        async with collected_between_callbacks():
            return await main

    return asyncio.run(collected())
