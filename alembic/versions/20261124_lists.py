"""Lists: what filters and searches of names need, and the tree of subjects.

Revision ID: 20261124_lists
Revises: 20261124_works
Create Date: 2026-11-24 19:20:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261124_lists"
down_revision: str | Sequence[str] | None = "20261124_works"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NAMES = (
    ("contributors", "name"),
    ("publishers", "name"),
    ("series", "title"),
    ("subjects", "heading"),
)


def upgrade() -> None:
    """Add the columns and indexes."""
    op.add_column("subjects", sa.Column("parent_code", sa.Text(), nullable=True))
    op.create_index("ix_subjects_parent", "subjects", ["scheme", "parent_code"], unique=False)
    for table, column in NAMES:
        words = sa.literal_column(f"to_tsvector('simple'::regconfig, search_fold({column}))")
        op.create_index(f"ix_{table}_words", table, [words], unique=False, postgresql_using="gin")
    op.create_index("ix_books_format", "books", ["format"], unique=False)
    op.create_index("ix_books_language", "books", ["language"], unique=False)
    op.add_column(
        "stock",
        sa.Column(
            "in_stock",
            sa.Boolean(),
            sa.Computed("on_hand > 0", persisted=True),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_stock_in_stock",
        "stock",
        ["book_id"],
        unique=False,
        postgresql_where=sa.text("in_stock"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_stock_in_stock", table_name="stock", postgresql_where=sa.text("in_stock"))
    op.drop_column("stock", "in_stock")
    op.drop_index("ix_books_language", table_name="books")
    op.drop_index("ix_books_format", table_name="books")
    for table, _ in reversed(NAMES):
        op.drop_index(f"ix_{table}_words", table_name=table, postgresql_using="gin")
    op.drop_index("ix_subjects_parent", table_name="subjects")
    op.drop_column("subjects", "parent_code")
