"""What staff did. The database itself refuses to change or delete a row."""

from typing import Any

from sqlalchemy import BigInteger, Identity, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, attach_sql

CREATE_GUARD = (
    """
    CREATE OR REPLACE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'What is in the audit stays as it was written.';
    END
    $$
    """,
    """
    CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()
    """,
)
DROP_GUARD = (
    "DROP TRIGGER IF EXISTS audit_entries_stay ON audit_entries",
    "DROP FUNCTION IF EXISTS refuse_change_of_audit()",
)


class AuditEntry(CreatedAt, Base):
    """One act: who, what, before and after, when, and from where.

    ``actor`` is the e-mail address as it was then, or says that it was the command line and whose;
    it is no reference, since the row outlives the account. ``action`` begins with the kind of
    thing (``book.update``), ``thing_id`` tells which. ``before`` and ``after`` hold what differs.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_actor", "actor", "id"),
        Index("ix_audit_entries_action", "action", "id"),
        Index("ix_audit_entries_thing", "thing", "thing_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    thing: Mapped[str] = mapped_column(Text)
    thing_id: Mapped[str | None] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    client: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)


attach_sql(AuditEntry.metadata.tables["audit_entries"], create=CREATE_GUARD, drop=DROP_GUARD)
