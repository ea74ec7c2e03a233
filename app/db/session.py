"""Engine, sessions and the transaction rule.

Nobody but this module commits. A request's transaction is committed by ``get_db``, a job's by
``session_scope``, and each step of a flow that must talk to the outside between transactions
(checkout) by ``transactional``. ``end_transaction`` is for a request that only has to know who is
asking before it does something slow.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.core.config import Settings, get_settings
from app.db.liveness import replace_dead_connections

P = ParamSpec("P")
T = TypeVar("T")

MAX_ATTEMPTS = 3
MAX_SNAPSHOT_REST_SECONDS = 60
CLIENT_GRACE_SECONDS = 2.0
DEADLOCK_DETECTED = "40P01"
SERIALIZATION_FAILURE = "40001"


def create_engine(settings: Settings) -> AsyncEngine:
    """Return an engine for the settings' database; it connects at its first use.

    A statement has the settings' seconds. The server keeps that time; should it be out of reach,
    the client gives up ``CLIENT_GRACE_SECONDS`` later, by ``TimeoutError``.

    The pool is small on purpose (two to five connections per process were fastest), and who
    finds it empty waits no longer than ``database_pool_wait_seconds``. A dead connection is
    noticed before use.
    """
    timeout = int(settings.database_statement_timeout_seconds * 1000)
    engine = create_async_engine(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_pool_wait_seconds,
        hide_parameters=True,  # an error in the log must not tell what a reader typed
        pool_recycle=1800,
        connect_args={
            "timeout": settings.database_pool_wait_seconds,
            "command_timeout": settings.database_statement_timeout_seconds + CLIENT_GRACE_SECONDS,
            "server_settings": {
                "application_name": "bookstore",
                "statement_timeout": str(timeout),
                "idle_in_transaction_session_timeout": str(timeout),
            },
        },
    )
    replace_dead_connections(engine)
    return engine


engine = create_engine(get_settings())
AsyncSessionLocal = async_sessionmaker(engine, expire_on_commit=False, autoflush=False)


def use_database(url: str) -> None:
    """Point this process, and every process that it starts, at another database."""
    os.environ["DATABASE_URL"] = url
    get_settings.cache_clear()
    AsyncSessionLocal.configure(bind=create_engine(get_settings()))


async def open_connections() -> None:
    """Fill the pool, so that the first to come need not wait while connections are made.

    Only a head start: a database that is away is not waited for, and is found at the first use.
    """
    bound: AsyncEngine = AsyncSessionLocal.kw["bind"]
    opened = await asyncio.gather(
        *(bound.connect().start() for _ in range(get_settings().database_pool_size)),
        return_exceptions=True,
    )
    for connection in opened:
        if isinstance(connection, AsyncConnection):
            await connection.close()


async def dispose_engine() -> None:
    """Close the connections that wait in the pool."""
    bound: AsyncEngine = AsyncSessionLocal.kw["bind"]
    await bound.dispose()


@asynccontextmanager
async def session_scope() -> AsyncIterator[AsyncSession]:
    """Open a session whose work is committed at the end of the block, or undone if it raises.

    Steps inside the block may have committed before (``transactional``); the rest is committed
    here.
    """
    async with AsyncSessionLocal() as session:
        yield session
        await session.commit()


@asynccontextmanager
async def snapshot_scope() -> AsyncIterator[AsyncSession]:
    """Open a session that only reads, sees one moment, and may take its time.

    Between its statements it may rest for ``MAX_SNAPSHOT_REST_SECONDS``: whoever takes in what it
    read must not be slower, for the moment that it sees is kept for its sake.
    """
    async with AsyncSessionLocal() as session:
        await session.connection(
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        await session.execute(text("SET LOCAL statement_timeout = 0"))
        rest = f"SET LOCAL idle_in_transaction_session_timeout = '{MAX_SNAPSHOT_REST_SECONDS}s'"
        await session.execute(text(rest))
        yield session


async def end_transaction(session: AsyncSession) -> None:
    """Commit what a request did so far and give its connection back, before something slow.

    The session can be used further: its next statement begins another transaction.
    """
    await session.commit()


def is_transient(error: DBAPIError) -> bool:
    """Tell whether the transaction lost to another and may simply be run again."""
    return getattr(error.orig, "sqlstate", None) in {DEADLOCK_DETECTED, SERIALIZATION_FAILURE}


def transactional(
    step: Callable[Concatenate[AsyncSession, P], Awaitable[T]],
) -> Callable[Concatenate[AsyncSession, P], Awaitable[T]]:
    """Make a function one transaction: committed when it returns, undone when it raises.

    A transaction that was already open on the session (the one that read who is asking, say) is
    committed with it. Deadlocks and serialization failures are retried, three attempts in all;
    hence a step must be repeatable from its arguments alone, which are plain values.
    """

    @wraps(step)
    async def run(session: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                result = await step(session, *args, **kwargs)
                await session.commit()
            except DBAPIError as error:
                await session.rollback()
                if attempt == MAX_ATTEMPTS or not is_transient(error):
                    raise
            except BaseException:
                await session.rollback()
                raise
            else:
                return result
        raise AssertionError("unreachable")  # pragma: no cover (the last attempt returns or raises)

    return run
