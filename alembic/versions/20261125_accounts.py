"""Readers' own accounts: mailed links, proved addresses, address books, orders without a person.

Revision ID: 20261125_accounts
Revises: 20261125_tokens
Create Date: 2026-11-25 00:10:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261125_accounts"
down_revision: str | Sequence[str] | None = "20261125_tokens"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables, columns and indexes."""
    op.add_column(
        "users", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True)
    )
    for table in ("user_sessions", "token_families"):
        for column in ("program", "network"):
            op.add_column(table, sa.Column(column, sa.Text(), server_default="", nullable=False))
    op.add_column(
        "user_sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
    )
    op.create_unique_constraint(op.f("uq_user_sessions_id"), "user_sessions", ["id"])
    op.add_column(
        "user_sessions",
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.create_table(
        "account_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=30), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_account_links_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_links_token_hash")),
    )
    op.create_index(op.f("ix_account_links_expires_at"), "account_links", ["expires_at"])
    op.create_index(op.f("ix_account_links_user_id"), "account_links", ["user_id"])
    op.create_table(
        "email_changes",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("new_email", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_email_changes_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_email_changes")),
    )
    op.create_index(op.f("ix_email_changes_expires_at"), "email_changes", ["expires_at"])
    op.create_table(
        "saved_addresses",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_saved_addresses_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_addresses")),
    )
    op.create_index(op.f("ix_saved_addresses_user_id"), "saved_addresses", ["user_id"])
    op.create_index(
        "uq_saved_addresses_default",
        "saved_addresses",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.alter_column("orders", "user_id", existing_type=sa.Integer(), nullable=True)
    op.alter_column("orders", "email", existing_type=sa.Text(), nullable=True)
    op.create_index(
        "ix_orders_guests", "orders", ["email"], postgresql_where=sa.text("user_id IS NULL")
    )
    op.add_column("mails", sa.Column("link_id", sa.Uuid(), nullable=True))
    op.create_index("ix_mails_recipient", "mails", ["recipient"])


def downgrade() -> None:
    """Go back, if no order is without an account: what belongs to nobody has no place there."""
    op.drop_index("ix_mails_recipient", table_name="mails")
    op.drop_column("mails", "link_id")
    op.drop_index(
        "ix_orders_guests", table_name="orders", postgresql_where=sa.text("user_id IS NULL")
    )
    op.alter_column("orders", "email", existing_type=sa.Text(), nullable=False)
    op.alter_column("orders", "user_id", existing_type=sa.Integer(), nullable=False)
    op.drop_table("saved_addresses")
    op.drop_table("email_changes")
    op.drop_table("account_links")
    op.drop_column("user_sessions", "last_seen_at")
    op.drop_constraint(op.f("uq_user_sessions_id"), "user_sessions", type_="unique")
    op.drop_column("user_sessions", "id")
    for table in ("token_families", "user_sessions"):
        for column in ("network", "program"):
            op.drop_column(table, column)
    op.drop_column("users", "email_verified_at")
