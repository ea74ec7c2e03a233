"""The ledger of the stock, and levels at which a book is to be ordered anew.

Revision ID: 20261201_stock
Revises: 20261125_signin
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_stock"
down_revision: str | Sequence[str] | None = "20261125_signin"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

OPENING = """
    INSERT INTO stock_movements (book_id, kind, copies, reason)
    SELECT book_id, kind, copies, 'when the ledger began'
    FROM stock CROSS JOIN LATERAL (
        VALUES
            ('received', received),
            ('returned', returned),
            ('reserved', reserved + sold),
            ('sold', sold)
    ) AS opening (kind, copies)
    WHERE copies > 0
    ORDER BY book_id
"""
"""Movements whose sums are the stock that is there already."""


def upgrade() -> None:
    """Begin the ledger with what is there."""
    op.add_column("stock", sa.Column("low_level", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_stock_low_level_not_negative"), "stock", "low_level >= 0")
    op.create_check_constraint(op.f("ck_stock_returned_were_sold"), "stock", "returned <= sold")
    op.create_index(
        "ix_stock_watched",
        "stock",
        ["book_id"],
        unique=False,
        postgresql_where=sa.text("low_level IS NOT NULL"),
    )
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "CASE WHEN kind = 'corrected' THEN copies <> 0 ELSE copies > 0 END",
            name=op.f("ck_stock_movements_copies_moved"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movements")),
    )
    op.execute(OPENING)
    op.create_index("ix_stock_movements_book", "stock_movements", ["book_id", "id"], unique=False)


def downgrade() -> None:
    """Forget the ledger; the stock stays as it is."""
    op.drop_table("stock_movements")
    op.drop_index(
        "ix_stock_watched",
        table_name="stock",
        postgresql_where=sa.text("low_level IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_stock_returned_were_sold"), "stock", type_="check")
    op.drop_constraint(op.f("ck_stock_low_level_not_negative"), "stock", type_="check")
    op.drop_column("stock", "low_level")
