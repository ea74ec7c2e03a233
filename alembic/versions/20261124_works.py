"""Works that staff merge and split; prices that suppliers let begin and end.

Revision ID: 20261124_works
Revises: 20261124_catalogue
Create Date: 2026-11-24 19:25:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261124_works"
down_revision: str | Sequence[str] | None = "20261124_catalogue"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables, columns and indexes."""
    op.create_table(
        "merged_works",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_merged_works_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merged_works")),
    )
    op.create_index(op.f("ix_merged_works_work_id"), "merged_works", ["work_id"], unique=False)
    op.create_table(
        "work_aliases",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "folded_title",
            sa.Text(),
            sa.Computed("search_fold(title)", persisted=True),
            nullable=False,
        ),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("first_published", sa.SmallInteger(), nullable=True),
        sa.Column("series_number", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_work_aliases_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_aliases")),
    )
    op.create_index(
        op.f("ix_work_aliases_folded_title"), "work_aliases", ["folded_title"], unique=False
    )
    op.create_index(op.f("ix_work_aliases_work_id"), "work_aliases", ["work_id"], unique=False)
    op.add_column(
        "works",
        sa.Column("is_curated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("books", sa.Column("feed_price", sa.Numeric(10, 2), nullable=True))
    op.add_column("books", sa.Column("priced_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_prices_valid_from",
        "prices",
        ["valid_from"],
        unique=False,
        postgresql_where=sa.text("valid_from IS NOT NULL"),
    )
    op.create_index(
        "ix_prices_valid_until",
        "prices",
        ["valid_until"],
        unique=False,
        postgresql_where=sa.text("valid_until IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back; where merged works lead, and which prices were set, is forgotten."""
    op.drop_index(
        "ix_prices_valid_until",
        table_name="prices",
        postgresql_where=sa.text("valid_until IS NOT NULL"),
    )
    op.drop_index(
        "ix_prices_valid_from",
        table_name="prices",
        postgresql_where=sa.text("valid_from IS NOT NULL"),
    )
    op.drop_column("books", "priced_on")
    op.drop_column("books", "feed_price")
    op.drop_column("works", "is_curated")
    op.drop_index(op.f("ix_work_aliases_work_id"), table_name="work_aliases")
    op.drop_index(op.f("ix_work_aliases_folded_title"), table_name="work_aliases")
    op.drop_table("work_aliases")
    op.drop_index(op.f("ix_merged_works_work_id"), table_name="merged_works")
    op.drop_table("merged_works")
