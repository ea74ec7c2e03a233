"""What readers also bought, and the bestsellers.

Revision ID: 20261201_recommendations
Revises: 20261201_wishes
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_recommendations"
down_revision: str | Sequence[str] | None = "20261201_wishes"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables. They are empty until the schedule fills them."""
    op.create_table(
        "also_bought",
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("other_work_id", sa.Integer(), nullable=False),
        sa.Column("support", sa.Integer(), nullable=False),
        sa.Column("score", sa.Numeric(precision=7, scale=6), nullable=False),
        sa.CheckConstraint("work_id <> other_work_id", name=op.f("ck_also_bought_another_work")),
        sa.CheckConstraint("support > 0", name=op.f("ck_also_bought_support_positive")),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_also_bought_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["other_work_id"],
            ["works.id"],
            name=op.f("fk_also_bought_other_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("work_id", "rank", name=op.f("pk_also_bought")),
    )
    op.create_index(op.f("ix_also_bought_other_work_id"), "also_bought", ["other_work_id"])
    op.create_table(
        "bestsellers",
        sa.Column("period", sa.String(length=30), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.CheckConstraint("copies > 0", name=op.f("ck_bestsellers_copies_positive")),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_bestsellers_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["books.id"],
            name=op.f("fk_bestsellers_book_id_books"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("period", "rank", name=op.f("pk_bestsellers")),
    )
    op.create_index(op.f("ix_bestsellers_work_id"), "bestsellers", ["work_id"])
    op.create_index(op.f("ix_bestsellers_book_id"), "bestsellers", ["book_id"])


def downgrade() -> None:
    """Drop the tables: nothing in them that the schedule does not work out again."""
    op.drop_table("bestsellers")
    op.drop_table("also_bought")
