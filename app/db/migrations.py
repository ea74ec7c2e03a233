"""Bring the schema to its newest revision, and tell how far it is."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

PACKAGE = Path(__file__).parents[1]


def alembic_config() -> Config:
    """Return Alembic's configuration: beside the package, or inside it where it is installed."""
    installed = PACKAGE / "alembic"
    config = Config()
    config.set_main_option(
        "script_location", str(installed if installed.is_dir() else PACKAGE.parent / "alembic")
    )
    return config


def upgrade(revision: str = "head") -> None:
    """Run every migration up to the revision. Several callers at once: one works, others wait."""
    command.upgrade(alembic_config(), revision)


def head_revision() -> str | None:
    """Return the newest revision that this code knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


async def current_revision(session: AsyncSession) -> str | None:
    """Return the database's revision, or ``None`` for a database without our schema."""
    try:
        result = await session.execute(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:
        await session.rollback()
        return None
    return result.scalar_one_or_none()
