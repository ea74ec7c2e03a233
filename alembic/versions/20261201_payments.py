"""Gateways: buyers who act, refunds, messages, and money that comes late.

Revision ID: 20261201_payments
Revises: 20261201_accounts
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261201_payments"
down_revision: str | Sequence[str] | None = "20261201_accounts"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "gateway_events",
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("charge_reference", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("gateway", "event_id", name=op.f("pk_gateway_events")),
    )
    op.create_index("ix_gateway_events_created_at", "gateway_events", ["created_at"])
    op.create_table(
        "stripe_intents",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("intent_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_stripe_intents")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_stripe_intents_intent_id")),
    )
    op.create_table(
        "demo_refunds",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("charge_reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["charge_reference"],
            ["demo_charges.reference"],
            name=op.f("fk_demo_refunds_charge_reference_demo_charges"),
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_demo_refunds")),
    )
    op.create_index(op.f("ix_demo_refunds_charge_reference"), "demo_refunds", ["charge_reference"])
    op.add_column("demo_charges", sa.Column("return_url", sa.Text(), nullable=True))
    op.add_column(
        "demo_charges",
        sa.Column(
            "refunded",
            sa.Numeric(precision=12, scale=2),
            server_default=sa.text("0"),
            nullable=False,
        ),
    )
    op.create_check_constraint(
        op.f("ck_demo_charges_refunded_within_amount"),
        "demo_charges",
        "refunded >= 0 AND refunded <= amount",
    )
    op.add_column("payments", sa.Column("gateway_reference", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("late_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("payments", sa.Column("given_back_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_payments_late",
        "payments",
        ["late_since"],
        postgresql_where=sa.text("late_since IS NOT NULL AND given_back_at IS NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_payments_late", table_name="payments")
    op.drop_column("payments", "given_back_at")
    op.drop_column("payments", "late_since")
    op.drop_column("payments", "gateway_reference")
    op.drop_constraint(
        op.f("ck_demo_charges_refunded_within_amount"), "demo_charges", type_="check"
    )
    op.drop_column("demo_charges", "refunded")
    op.drop_column("demo_charges", "return_url")
    op.drop_index(op.f("ix_demo_refunds_charge_reference"), table_name="demo_refunds")
    op.drop_table("demo_refunds")
    op.drop_table("stripe_intents")
    op.drop_index("ix_gateway_events_created_at", table_name="gateway_events")
    op.drop_table("gateway_events")
