"""Staff have rights by area, and what they do is written down for good.

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

CREATE_FUNCTION = """
    CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'What is in the audit stays as it was written.';
    END
    $$
    """
CREATE_TRIGGER = """
    CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()
"""


def upgrade() -> None:
    """Give accounts rights; write acts down, and let nothing change what was written."""
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
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("thing_id", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_actor", "audit_entries", ["actor", "id"])
    op.create_index("ix_audit_entries_action", "audit_entries", ["action", "id"])
    op.create_index("ix_audit_entries_thing", "audit_entries", ["thing", "thing_id", "id"])
    op.create_index(op.f("ix_audit_entries_actor_id"), "audit_entries", ["actor_id"])
    op.execute(CREATE_FUNCTION)
    op.execute(CREATE_TRIGGER)


def downgrade() -> None:
    """Know only readers and admins: who was staff is a reader."""
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION refuse_change_of_audit()")
    op.drop_constraint(op.f("ck_users_rights_of_staff"), "users")
    op.drop_constraint(op.f("ck_users_rights_known"), "users")
    op.drop_column("users", "rights")
    op.execute("UPDATE users SET role = 'user' WHERE role = 'staff'")
