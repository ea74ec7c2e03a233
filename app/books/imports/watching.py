"""Following imports as they go, for any number of watchers at once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from app.books.imports import service
from app.books.imports.schemas import ImportRead
from app.core.shutdown import stop_event
from app.db.session import session_scope

LOOK_SECONDS = 1.0
"""How often it is looked whether something has changed."""

WATCH_SECONDS = 600.0
"""How long one may watch. Who wants more comes again, and is asked again who it is."""


class Watch:
    """Tells of imports; those who watch the same one share what is read.

    Nothing is held between two looks: no connection, no transaction.
    """

    def __init__(self) -> None:
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._seen: dict[int, tuple[float, ImportRead]] = {}
        self._watchers: defaultdict[int, int] = defaultdict(int)

    async def follow(
        self, import_id: int, *, known: int | None = None
    ) -> AsyncIterator[ImportRead]:
        """Yield an import whenever it has changed, until it has ended.

        It ends earlier after ``WATCH_SECONDS``, and when the server is told to stop.

        The version that is ``known`` is not told again, unless it is the last one.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + WATCH_SECONDS
        self._watchers[import_id] += 1
        try:
            while loop.time() < until:
                found = await self._look(import_id)
                if found.version != known or found.is_over:
                    yield found
                    known = found.version
                if found.is_over:
                    return
                if await _is_stopping(LOOK_SECONDS):
                    return
        finally:
            self._watchers[import_id] -= 1
            if not self._watchers[import_id]:
                for kept in (self._watchers, self._locks, self._seen):
                    kept.pop(import_id, None)

    async def _look(self, import_id: int) -> ImportRead:
        """Return an import as it was within the last moment."""
        loop = asyncio.get_running_loop()
        async with self._locks[import_id]:
            seen = self._seen.get(import_id)
            if seen is not None and loop.time() - seen[0] < LOOK_SECONDS / 2:
                return seen[1]
            async with session_scope() as session:
                found = await service.get_import(session, import_id=import_id)
            self._seen[import_id] = (loop.time(), found)
            return found


async def _is_stopping(seconds: float) -> bool:
    """Wait so long, or less if the server is told to stop; tell whether it was."""
    try:
        async with asyncio.timeout(seconds):
            return await stop_event().wait()
    except TimeoutError:
        return False
