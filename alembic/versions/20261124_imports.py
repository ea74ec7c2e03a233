"""Imports: how far each is, and what became of its records.

Revision ID: 20261124_imports
Revises: 20261124_lists
Create Date: 2026-11-24 19:17:55.691863+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261124_imports"
down_revision: str | Sequence[str] | None = "20261124_lists"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("status", sa.String(length=30), server_default="waiting", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("bytes_read", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deleted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("outdated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("noted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "repairs",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "unused_columns",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("is_cancelling", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("runner", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resumed_records", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("resumed_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(
        "ix_imports_files",
        "imports",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("storage_key IS NOT NULL"),
    )
    op.create_index(
        "ix_imports_unfinished",
        "imports",
        ["status"],
        unique=False,
        postgresql_where=sa.text("status IN ('waiting', 'running')"),
    )
    op.create_table(
        "import_batches",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("first_record", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("book_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("lines", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
            name=op.f("fk_import_batches_import_id_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "first_record", name=op.f("pk_import_batches")),
    )
    op.create_table(
        "import_entries",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("record", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
            name=op.f("fk_import_entries_import_id_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "record", name=op.f("pk_import_entries")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("import_entries")
    op.drop_table("import_batches")
    op.drop_index(
        "ix_imports_unfinished",
        table_name="imports",
        postgresql_where=sa.text("status IN ('waiting', 'running')"),
    )
    op.drop_index(
        "ix_imports_files",
        table_name="imports",
        postgresql_where=sa.text("storage_key IS NOT NULL"),
    )
    op.drop_table("imports")
