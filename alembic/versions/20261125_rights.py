"""Staff have rights by area.

Revision ID: 20261125_rights
Revises: 20261124_editions
Create Date: 2026-11-25 00:10:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261125_rights"
down_revision: str | Sequence[str] | None = "20261124_editions"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Give accounts rights."""
    op.add_column(
        "users",
        sa.Column(
            "rights",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.create_check_constraint(
        op.f("ck_users_rights_known"),
        "users",
        "rights <@ ARRAY['catalogue', 'orders', 'customers', 'promotions', 'reviews', "
        "'analytics', 'settings']",
    )
    op.create_check_constraint(
        op.f("ck_users_rights_of_staff"),
        "users",
        "(role = 'staff') = (cardinality(rights) > 0)",
    )


def downgrade() -> None:
    """Know only readers and admins: who was staff is a reader."""
    op.drop_constraint(op.f("ck_users_rights_of_staff"), "users")
    op.drop_constraint(op.f("ck_users_rights_known"), "users")
    op.drop_column("users", "rights")
    op.execute("UPDATE users SET role = 'user' WHERE role = 'staff'")
