import re
from importlib.metadata import version

from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.base import Base
from app.jobs.models import REMOVE_QUEUE_SQL, install_queue_sql
from tests.servers import PROJECT, drop_database, make_database

FROZEN = PROJECT / "alembic" / "sql" / "procrastinate_3.10.0.sql"

# Everything that the queue's schema consists of, and how it is defined.
OBJECTS = text("""
    SELECT 'relation', relname, relkind::text FROM pg_class
    WHERE relname LIKE '%procrastinate%'
    UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE proname LIKE 'procrastinate%'
    UNION ALL SELECT 'type', typname, typtype::text FROM pg_type
    WHERE typname LIKE '%procrastinate%'
    UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal AND tgname LIKE 'procrastinate%'
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid::regclass::text LIKE 'procrastinate%'
    UNION ALL SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid::regclass::text LIKE 'procrastinate%'
""")
NOTIFYING_TRIGGER = "procrastinate_jobs_notify_queue_job_inserted_v1"


def objects(connection: Connection) -> set[tuple[str, str, str]]:
    return {(kind, name, definition) for kind, name, definition in connection.execute(OBJECTS)}


async def test_queue_comes_and_goes_with_the_tables() -> None:
    url = await make_database("schema")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        first = await connection.run_sync(objects)
        await connection.run_sync(Base.metadata.create_all)
        assert await connection.run_sync(objects) == first
        await connection.run_sync(Base.metadata.drop_all)
        assert await connection.run_sync(objects) == set()
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
        assert await connection.run_sync(objects) == first
    await engine.dispose()
    await drop_database(url)

    shipped = SchemaManager.get_schema()
    names = {(kind, name) for kind, name, _ in first if kind in {"function", "trigger"}}
    assert names == {
        (kind.lower(), name)
        for kind, name in re.findall(r"^CREATE (FUNCTION|TRIGGER) (\w+)", shipped, re.MULTILINE)
        if name != NOTIFYING_TRIGGER
    }


async def test_only_objects_of_our_own_schema_are_dropped() -> None:
    url = await make_database("schema")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE SCHEMA other")
        await connection.exec_driver_sql("CREATE TABLE other.procrastinate_jobs (id bigint)")
        await connection.exec_driver_sql(install_queue_sql(FROZEN.read_text()))
        await connection.exec_driver_sql(REMOVE_QUEUE_SQL)
        left = await connection.run_sync(objects)
    await engine.dispose()
    await drop_database(url)
    assert {(kind, name) for kind, name, _ in left} == {
        ("relation", "procrastinate_jobs"),
        ("type", "procrastinate_jobs"),
        ("type", "_procrastinate_jobs"),
    }


def test_frozen_schema_is_what_the_library_ships() -> None:
    assert version("procrastinate") == "3.10.0", "freeze the new release's migrations beside it"
    assert FROZEN.read_text().endswith(SchemaManager.get_schema())
    assert "MIT License" in FROZEN.read_text()
