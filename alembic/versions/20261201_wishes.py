"""Wish lists that are shared, and what readers want to hear of the books on them.

Revision ID: 20261201_wishes
Revises: 20261201_mail
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_wishes"
down_revision: str | Sequence[str] | None = "20261201_mail"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the columns and the table; nobody has asked for anything yet."""
    op.add_column(
        "wishlist_items",
        sa.Column(
            "notify_back_in_stock", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.add_column("wishlist_items", sa.Column("price_seen", sa.Numeric(12, 2), nullable=True))
    op.create_index(
        "ix_wishlist_items_price_seen",
        "wishlist_items",
        ["id"],
        postgresql_where=sa.text("price_seen IS NOT NULL"),
    )
    op.create_table(
        "wishlist_shares",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_wishlist_shares_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_wishlist_shares")),
        sa.UniqueConstraint("key", name=op.f("uq_wishlist_shares_key")),
    )


def downgrade() -> None:
    """Withdraw every link and forget who asked for what."""
    op.drop_table("wishlist_shares")
    op.drop_index("ix_wishlist_items_price_seen", table_name="wishlist_items")
    op.drop_column("wishlist_items", "price_seen")
    op.drop_column("wishlist_items", "notify_back_in_stock")
