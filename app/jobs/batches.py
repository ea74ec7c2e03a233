"""Much work in small transactions, so that nobody waits long for a lock."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import session_scope

BATCH = 1000


async def in_batches(step: Callable[[AsyncSession, int], Awaitable[int]]) -> None:
    """Repeat a step, each time in a transaction of its own, until it finds too little to do.

    ``step`` takes a session and how many rows to deal with at the most, and returns how many it
    were. Ended in between, it has kept what it did, and another run goes on from there.
    """
    done = BATCH
    while done >= BATCH:
        async with session_scope() as session:
            done = await step(session, BATCH)
