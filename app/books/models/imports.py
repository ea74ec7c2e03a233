"""Files that are brought in: how far each import is, and what became of its records."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, text_enum

ZERO = text("0")


class ImportKind(StrEnum):
    """What a file holds."""

    ONIX = "onix"
    CSV = "csv"


class ImportStatus(StrEnum):
    """Where an import stands. The last three are for good."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Import(CreatedAt, Base):
    """One file on its way into the catalogue.

    Counts and ``bytes_read`` are written in the transaction of the batch that they count, so that
    they are also the place where an interrupted import goes on. Only the ``runner`` whose name
    stands here may write: whoever takes over an import puts its own there. ``resumed_…`` is how
    far it was then. ``version`` grows with every change.

    An upload has a ``storage_key`` and a job; a file of the command line has neither, and is known
    again by its ``fingerprint``.
    """

    __tablename__ = "imports"
    __table_args__ = (
        Index(
            "ix_imports_unfinished",
            "status",
            postgresql_where=text("status IN ('waiting', 'running')"),
        ),
        Index("ix_imports_files", "finished_at", postgresql_where=text("storage_key IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[ImportKind] = mapped_column(text_enum(ImportKind))
    status: Mapped[ImportStatus] = mapped_column(
        text_enum(ImportStatus), server_default=ImportStatus.WAITING.value
    )
    requested_by: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    storage_key: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    bytes_read: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    records: Mapped[int] = mapped_column(server_default=ZERO)
    taken: Mapped[int] = mapped_column(server_default=ZERO)
    updated: Mapped[int] = mapped_column(server_default=ZERO)
    unchanged: Mapped[int] = mapped_column(server_default=ZERO)
    deleted: Mapped[int] = mapped_column(server_default=ZERO)
    outdated: Mapped[int] = mapped_column(server_default=ZERO)
    refused: Mapped[int] = mapped_column(server_default=ZERO)
    noted: Mapped[int] = mapped_column(server_default=ZERO)
    repairs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    unused_columns: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    reason: Mapped[str | None] = mapped_column(Text)
    is_cancelling: Mapped[bool] = mapped_column(server_default=text("false"))
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    runner: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]
    resumed_records: Mapped[int] = mapped_column(server_default=ZERO)
    resumed_bytes: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    updated_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=ZERO)


class ImportEntry(Base):
    """What became of a record. ``record`` counts from 1; its key lets none land twice."""

    __tablename__ = "import_entries"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    record: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)


class ImportBatch(Base):
    """The books of a batch and the lines that brought them, until the import has ended.

    An import that goes on knows from them which books the file has brought already.
    """

    __tablename__ = "import_batches"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    first_record: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    book_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    lines: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
