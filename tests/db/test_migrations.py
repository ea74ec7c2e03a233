"""What Alembic makes and what the models say are the same, down to functions and triggers."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from app.registry import Base
from tests.live import plain_url
from tests.servers import drop_database, make_database, run_alembic

SCHEMA_FACTS = {
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, character_maximum_length,
               numeric_precision, numeric_scale, is_nullable, column_default, is_identity,
               generation_expression
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "functions": """
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid)
        FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal
    """,
    "types": """
        SELECT t.oid::regtype::text, e.enumlabel FROM pg_type t
        LEFT JOIN pg_enum e ON e.enumtypid = t.oid
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
    """,
    "extensions": "SELECT extname FROM pg_extension",
    "storage": """
        SELECT oid::regclass::text, reloptions::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
    """,
}


@pytest_asyncio.fixture
async def empty_database() -> AsyncIterator[str]:
    url = await make_database("empty")
    yield url
    await drop_database(url)


async def describe(url: str) -> dict[str, set[tuple[object, ...]]]:
    connection = await asyncpg.connect(plain_url(url))
    try:
        facts = {
            name: {tuple(row) for row in await connection.fetch(sql)}
            for name, sql in SCHEMA_FACTS.items()
        }
    finally:
        await connection.close()
    return {
        name: {fact for fact in found if "alembic_version" not in str(fact)}
        for name, found in facts.items()
    }


async def test_migrations_and_models_agree(live_database: str, empty_database: str) -> None:
    engine = create_async_engine(empty_database)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    migrated, created = await describe(live_database), await describe(empty_database)
    for name in SCHEMA_FACTS:
        assert migrated[name] == created[name], name
    assert len(created["columns"]) > 100


async def test_every_revision_goes_up_down_and_up(empty_database: str) -> None:
    before = await describe(empty_database)
    await run_alembic("upgrade", "head", database_url=empty_database)
    first = await describe(empty_database)
    await run_alembic("downgrade", "base", database_url=empty_database)
    down = await describe(empty_database)
    await run_alembic("upgrade", "head", database_url=empty_database)
    assert await describe(empty_database) == first
    assert "No new upgrade operations" in await run_alembic("check", database_url=empty_database)
    before.pop("extensions")  # they may be shared with others, so no revision drops them
    for name in before:
        assert down[name] == before[name], name


async def test_drop_all_leaves_nothing(empty_database: str) -> None:
    before = await describe(empty_database)
    engine = create_async_engine(empty_database)
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.run_sync(Base.metadata.create_all)
            await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()
    after = await describe(empty_database)
    before.pop("extensions")
    for name in before:
        assert after[name] == before[name], name


async def test_several_migrators_at_once(empty_database: str) -> None:
    await asyncio.gather(
        *(run_alembic("upgrade", "head", database_url=empty_database) for _ in range(4))
    )
    connection = await asyncpg.connect(plain_url(empty_database))
    try:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()
