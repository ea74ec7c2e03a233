"""Attempts to guess are counted.

Revision ID: 20261125_tokens
Revises: 20261125_rights
Create Date: 2026-11-25 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261125_tokens"
down_revision: str | Sequence[str] | None = "20261125_rights"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "attempt_counts",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("moments", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "subject", name=op.f("pk_attempt_counts")),
    )
    op.create_index(
        op.f("ix_attempt_counts_expires_at"), "attempt_counts", ["expires_at"], unique=False
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_index(op.f("ix_attempt_counts_expires_at"), table_name="attempt_counts")
    op.drop_table("attempt_counts")
