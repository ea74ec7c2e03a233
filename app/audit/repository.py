"""SQL for the audit. It has no statement that changes or deletes a row."""

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.audit.schemas import AuditFilter
from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window

NEWEST_FIRST = Order(name="audit", keys=(AuditEntry.id.expression,), is_descending=True)


async def insert_entry(session: AsyncSession, entry: dict[str, object]) -> None:
    """Write an act down."""
    await session.execute(insert(AuditEntry).values(entry))


async def list_entries(
    session: AsyncSession, *, wanted: AuditFilter, window: Window
) -> Slice[AuditEntry]:
    """Return acts, the newest first."""
    statement = select(AuditEntry).where(*_conditions(wanted))
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    equal = {
        AuditEntry.actor: wanted.actor,
        AuditEntry.actor_id: wanted.actor_id,
        AuditEntry.action: wanted.action,
        AuditEntry.thing: wanted.thing,
        AuditEntry.thing_id: wanted.thing_id,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
    if wanted.since is not None:
        conditions.append(AuditEntry.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditEntry.created_at < wanted.until)
    return conditions
