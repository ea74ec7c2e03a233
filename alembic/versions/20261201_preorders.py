"""Books that are bought before they are on sale.

Revision ID: 20261201_preorders
Revises: 20261201_reviews
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_preorders"
down_revision: str | Sequence[str] | None = "20261201_reviews"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the columns; nothing was sold in advance before."""
    op.add_column(
        "books",
        sa.Column("takes_preorders", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("order_lines", sa.Column("on_sale_date", sa.Date(), nullable=True))
    op.add_column(
        "order_lines", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_order_lines_in_advance",
        "order_lines",
        ["order_id"],
        postgresql_where=sa.text("on_sale_date IS NOT NULL AND released_at IS NULL"),
    )


def downgrade() -> None:
    """Forget which orders were placed in advance."""
    op.drop_index("ix_order_lines_in_advance", table_name="order_lines")
    op.drop_column("order_lines", "released_at")
    op.drop_column("order_lines", "on_sale_date")
    op.drop_column("books", "takes_preorders")
