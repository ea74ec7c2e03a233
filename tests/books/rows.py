"""What the tests' database has in it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from app.db.base import Base
from app.db.session import session_scope


async def query(sql: str) -> list[tuple[Any, ...]]:
    async with session_scope() as session:
        return [tuple(row) for row in await session.execute(text(sql))]


async def row_versions() -> dict[str, Sequence[tuple[Any, ...]]]:
    """Return of every row of every table where it is and which transaction wrote it."""
    return {
        table.name: await query(f"SELECT ctid::text, xmin::text FROM {table.name} ORDER BY ctid")  # noqa: S608
        for table in Base.metadata.sorted_tables
    }
