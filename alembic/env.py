"""Alembic's environment: async engine, URL from the settings, one migrator at a time."""

import asyncio

from alembic import context
from sqlalchemy import Connection, Enum, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.config import get_settings
from app.registry import Base

MIGRATION_LOCK = 0x626F6F6B  # "book": any constant that nobody else locks
LOCK_TIMEOUT = "5s"


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the job queue's own tables, which its SQL makes, out of comparisons."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Write an enumeration down as the text that it is in the database."""
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


def run(connection: Connection) -> None:
    """Run the migrations on a connection; those who come meanwhile wait and find them done."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        include_name=include_name,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_online() -> None:
    """Connect and migrate."""
    engine = create_async_engine(get_settings().database_url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


def run_offline() -> None:
    """Print the SQL instead of running it (``alembic upgrade head --sql``)."""
    context.configure(
        url=get_settings().database_url,
        target_metadata=Base.metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    asyncio.run(run_online())
