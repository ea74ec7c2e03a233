"""The oldest edition of a work is found without looking at the others.

Revision ID: 20261124_editions
Revises: 20261124_search
Create Date: 2026-11-24 23:10:00.000000+00:00
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20261124_editions"
down_revision: str | Sequence[str] | None = "20261124_search"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Order the editions of each work by their age."""
    op.create_index("ix_books_work", "books", ["work_id", "id"])
    op.drop_index(op.f("ix_books_work_id"), table_name="books")


def downgrade() -> None:
    """Know only which editions a work has."""
    op.create_index(op.f("ix_books_work_id"), "books", ["work_id"])
    op.drop_index("ix_books_work", table_name="books")
