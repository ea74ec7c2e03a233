"""The language that readers are written to in, and who may be asked for reviews.

Revision ID: 20261201_mail
Revises: 20261201_fulfilment
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_mail"
down_revision: str | Sequence[str] | None = "20261201_fulfilment"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the columns; nobody has said a language or yes to anything before."""
    op.add_column("users", sa.Column("language", sa.Text(), nullable=True))
    op.add_column(
        "users",
        sa.Column(
            "review_invitations", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.add_column("orders", sa.Column("language", sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget the languages."""
    op.drop_column("orders", "language")
    op.drop_column("users", "review_invitations")
    op.drop_column("users", "language")
