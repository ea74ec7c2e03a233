"""Telling dead connections from living ones when they are taken out of the pool.

SQLAlchemy's own ``pool_pre_ping`` asks the server each time, which for asyncpg is three round
trips: as much as many a request's statements. A connection that was in use a moment ago is only
looked at instead: asyncpg knows at once when the server has closed the socket.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

PING_AFTER_SECONDS = 1.0
"""A connection that was idle for longer is asked; a network may have forgotten it."""

RETURNED_AT = "returned_at"


def replace_dead_connections(engine: AsyncEngine) -> None:
    """Let the engine's pool hand out living connections only, a new one for each that died."""
    sync_engine = engine.sync_engine

    def remember(_connection: Any, record: Any) -> None:
        record.info[RETURNED_AT] = time.monotonic()

    def look(connection: Any, record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server closed it")
        returned_at = record.info.get(RETURNED_AT)
        if returned_at is not None and time.monotonic() - returned_at > PING_AFTER_SECONDS:
            _ping(sync_engine, connection)

    event.listen(sync_engine, "checkin", remember)
    event.listen(sync_engine, "checkout", look)


def _ping(engine: Engine, connection: Any) -> None:
    """Ask the server whether it is there.

    Raises:
        DisconnectionError: it is not, and the pool makes a new connection.
    """
    dialect = engine.dialect
    try:
        dialect.do_ping(connection)
    except (dialect.loaded_dbapi.Error, OSError) as error:
        raise DisconnectionError(repr(error)) from error
