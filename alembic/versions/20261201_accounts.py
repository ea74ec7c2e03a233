"""Codes counted as all attempts are, and identity tokens that work once.

Revision ID: 20261201_accounts
Revises: 20261201_stock
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_accounts"
down_revision: str | Sequence[str] | None = "20261201_stock"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the tokens that were used; ``attempt_counts`` counts codes from now on."""
    op.create_table(
        "used_identity_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_used_identity_tokens")),
    )
    op.create_index(
        op.f("ix_used_identity_tokens_expires_at"), "used_identity_tokens", ["expires_at"]
    )
    op.drop_column("two_step", "tries")
    op.drop_column("two_step", "tries_since")


def downgrade() -> None:
    """Count codes in the account's own row again; what was counted is forgotten."""
    op.add_column(
        "two_step", sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("two_step", sa.Column("tries_since", sa.DateTime(timezone=True), nullable=True))
    op.drop_table("used_identity_tokens")
