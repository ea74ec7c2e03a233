"""What happens to orders after they were placed: parcels, returns, refunds, papers, a time line.

Revision ID: 20261201_fulfilment
Revises: 20261201_checkout
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261201_fulfilment"
down_revision: str | Sequence[str] | None = "20261201_checkout"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

COUNTERS = ("sent", "dropped", "returned", "refunded")
LINE_CHECKS = {
    "sent_as_ordered": "sent >= 0 AND dropped >= 0 AND sent + dropped <= quantity",
    "returned_as_sent": "returned >= 0 AND returned <= sent",
    "refunded_as_ordered": "refunded >= 0 AND refunded <= quantity",
}


def upgrade() -> None:
    """Add the counters and the tables. Orders of before have a time line without a beginning."""
    for name in COUNTERS:
        column = sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        op.add_column("order_lines", column)
    for name, condition in LINE_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_order_lines_{name}"), "order_lines", condition)
    op.add_column(
        "payments",
        sa.Column("refunded_total", sa.Numeric(12, 2), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_payments_refunded_as_captured"),
        "payments",
        "refunded_total >= 0 AND refunded_total <= amount",
    )
    op.create_index("ix_orders_status", "orders", ["status", "id"])
    op.create_index("ix_orders_email", "orders", ["email", "id"])
    op.create_index("ix_orders_confirmed_at", "orders", ["confirmed_at", "id"])

    op.create_table(
        "order_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _reference("order_id", "order_events", "orders.id"),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_events")),
    )
    op.create_index("ix_order_events_order", "order_events", ["order_id", "id"])

    op.create_table(
        "shipments",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _reference("order_id", "shipments", "orders.id"),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("tracking_number", sa.Text(), nullable=True),
        sa.Column("tracking_url", sa.Text(), nullable=True),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipments")),
    )
    op.create_index(op.f("ix_shipments_order_id"), "shipments", ["order_id"])
    _create_lines("shipment_lines", of="shipment_id", parent="shipments.id")

    op.create_table(
        "refunds",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _reference("order_id", "refunds", "orders.id"),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("way", sa.String(length=30), server_default="payment", nullable=False),
        sa.Column("state", sa.String(length=30), server_default="pending", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("ask_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        _created_at(),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("reference", name=op.f("uq_refunds_reference")),
    )
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"])
    op.create_index(
        "ix_refunds_pending",
        "refunds",
        ["ask_after"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_refunds_decided_at", "refunds", ["decided_at", "id"])
    _create_lines(
        "refund_lines",
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_refund_lines_amount_not_negative")),
        of="refund_id",
        parent="refunds.id",
    )

    op.create_table(
        "order_returns",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _reference("order_id", "order_returns", "orders.id"),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("was_sent", sa.Boolean(), nullable=False),
        _reference("refund_id", "order_returns", "refunds.id", nullable=True),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_returns")),
    )
    op.create_index(op.f("ix_order_returns_order_id"), "order_returns", ["order_id"])
    op.create_index(op.f("ix_order_returns_refund_id"), "order_returns", ["refund_id"])
    _create_lines(
        "return_lines",
        sa.Column("on_shelf", sa.Boolean(), nullable=False),
        of="return_id",
        parent="order_returns.id",
    )

    op.create_table(
        "paper_series",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paper_series")),
    )
    op.create_table(
        "papers",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _reference("order_id", "papers", "orders.id"),
        sa.Column("kind", sa.String(length=30), nullable=False),
        _reference("refund_id", "papers", "refunds.id", nullable=True),
        sa.Column(
            "series",
            sa.Text(),
            sa.ForeignKey("paper_series.name", name=op.f("fk_papers_series_paper_series")),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seller", postgresql.JSONB(), nullable=False),
        _created_at(),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (refund_id IS NOT NULL)",
            name=op.f("ck_papers_refund_credited"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_papers_refund_id")),
        sa.UniqueConstraint("series", "number", name=op.f("uq_papers_series_number")),
    )
    op.create_index(op.f("ix_papers_order_id"), "papers", ["order_id"])
    op.create_index(
        "uq_papers_invoice",
        "papers",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'invoice'"),
    )


def downgrade() -> None:
    """Take them away; an order that was sent or came back is confirmed again."""
    for table in ("papers", "paper_series", "return_lines", "order_returns", "refund_lines"):
        op.drop_table(table)
    for table in ("refunds", "shipment_lines", "shipments", "order_events"):
        op.drop_table(table)
    op.drop_index("ix_orders_confirmed_at", "orders")
    op.drop_index("ix_orders_email", "orders")
    op.drop_index("ix_orders_status", "orders")
    op.drop_constraint(op.f("ck_payments_refunded_as_captured"), "payments")
    op.drop_column("payments", "refunded_total")
    for name in LINE_CHECKS:
        op.drop_constraint(op.f(f"ck_order_lines_{name}"), "order_lines")
    for name in COUNTERS:
        op.drop_column("order_lines", name)
    op.execute(
        "UPDATE orders SET status = 'confirmed' WHERE status NOT IN "
        "('pending', 'confirmed', 'declined', 'cancelled')"
    )


def _created_at() -> sa.Column[object]:
    return sa.Column(
        "created_at",
        sa.DateTime(timezone=True),
        server_default=sa.text("now()"),
        nullable=False,
    )


def _reference(name: str, table: str, target: str, *, nullable: bool = False) -> sa.Column[object]:
    constraint = op.f(f"fk_{table}_{name}_{target.partition('.')[0]}")
    return sa.Column(name, sa.Integer(), sa.ForeignKey(target, name=constraint), nullable=nullable)


def _create_lines(
    table: str, *columns: sa.Column[object] | sa.CheckConstraint, of: str, parent: str
) -> None:
    """Make a table of copies of an order's lines."""
    op.create_table(
        table,
        _reference(of, table, parent),
        _reference("order_line_id", table, "order_lines.id"),
        sa.Column("quantity", sa.Integer(), nullable=False),
        *columns,
        sa.CheckConstraint("quantity >= 1", name=op.f(f"ck_{table}_quantity_positive")),
        sa.PrimaryKeyConstraint(of, "order_line_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_order_line_id"), table, ["order_line_id"])
