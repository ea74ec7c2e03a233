"""What an order comes to, guests who buy, and checkouts in steps.

Revision ID: 20261201_checkout
Revises: 20261201_shipping
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261201_checkout"
down_revision: str | Sequence[str] | None = "20261201_shipping"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SUBTOTAL = (
    "total + discount_total - shipping_total - CASE WHEN prices_include_tax THEN 0 ELSE tax_total"
    " END"
)
MONEY = sa.Numeric(precision=12, scale=2)
RATE = sa.Numeric(precision=6, scale=3)
NOTHING = sa.text("0")

ORDER_CHECKS = {
    "guest_with_key": "(guest_hash IS NULL) = (guest_key IS NULL)",
    "discount_within_subtotal": "discount_total BETWEEN 0 AND subtotal",
    "shipping_not_negative": "shipping_total >= 0",
    "tax_not_negative": "tax_total >= 0",
    "shipping_tax_within_tax": "shipping_tax BETWEEN 0 AND tax_total",
    "gift_cards_within_total": "gift_card_total BETWEEN 0 AND total",
}
LINE_CHECKS = {
    "discount_within_price": "discount BETWEEN 0 AND unit_price * quantity",
    "tax_not_negative": "tax >= 0 AND tax_rate >= 0",
}


def upgrade() -> None:
    """Add the amounts, whose sum is the total of every order that there is, and the tables."""
    op.create_table(
        "checkouts",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("guest_hash", sa.LargeBinary(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("shipping_address", postgresql.JSONB(), nullable=True),
        sa.Column("billing_address", postgresql.JSONB(), nullable=True),
        sa.Column("shipping_method_id", sa.Integer(), nullable=True),
        sa.Column(
            "coupon_codes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "gift_card_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("shown", postgresql.JSONB(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(user_id IS NULL) <> (guest_hash IS NULL)", name=op.f("ck_checkouts_one_owner")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_checkouts_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
    )
    op.create_index(op.f("ix_checkouts_expires_at"), "checkouts", ["expires_at"])
    op.create_index(op.f("ix_checkouts_user_id"), "checkouts", ["user_id"])

    for name in ("discount_total", "shipping_total", "shipping_tax", "tax_total"):
        op.add_column("orders", sa.Column(name, MONEY, server_default=NOTHING, nullable=False))
    op.add_column(
        "orders",
        sa.Column("prices_include_tax", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.add_column(
        "orders", sa.Column("gift_card_total", MONEY, server_default=NOTHING, nullable=False)
    )
    op.add_column(
        "orders",
        sa.Column("subtotal", MONEY, sa.Computed(SUBTOTAL, persisted=True), nullable=False),
    )
    op.add_column("orders", sa.Column("shipping_method_id", sa.Integer(), nullable=True))
    op.add_column("orders", sa.Column("shipping_method", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("shipping_kind", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("billing_address", postgresql.JSONB(), nullable=True))
    op.add_column("orders", sa.Column("guest_hash", sa.LargeBinary(), nullable=True))
    op.add_column("orders", sa.Column("guest_key", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("checkout_id", sa.Integer(), nullable=True))
    op.create_foreign_key(
        op.f("fk_orders_checkout_id_checkouts"),
        "orders",
        "checkouts",
        ["checkout_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(op.f("ix_orders_checkout_id"), "orders", ["checkout_id"])
    op.create_unique_constraint(
        op.f("uq_orders_guest_hash_guest_key"), "orders", ["guest_hash", "guest_key"]
    )
    for name, condition in ORDER_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_orders_{name}"), "orders", condition)

    op.add_column(
        "order_lines", sa.Column("discount", MONEY, server_default=NOTHING, nullable=False)
    )
    op.add_column(
        "order_lines", sa.Column("tax_rate", RATE, server_default=NOTHING, nullable=False)
    )
    op.add_column("order_lines", sa.Column("tax", MONEY, server_default=NOTHING, nullable=False))
    op.add_column(
        "order_lines",
        sa.Column("is_gift_card", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for name, condition in LINE_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_order_lines_{name}"), "order_lines", condition)

    op.create_table(
        "order_discounts",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("free_shipping", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_order_discounts_amount_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_discounts_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_discounts")),
    )
    op.create_index(op.f("ix_order_discounts_order_id"), "order_discounts", ["order_id"])
    op.create_table(
        "order_taxes",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("rate", RATE, nullable=False),
        sa.Column("net", MONEY, nullable=False),
        sa.Column("tax", MONEY, nullable=False),
        sa.CheckConstraint(
            "net >= 0 AND tax >= 0", name=op.f("ck_order_taxes_amounts_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_taxes_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("order_id", "rate", name=op.f("pk_order_taxes")),
    )
    op.add_column("cart_items", sa.Column("price_seen", sa.Numeric(10, 2), nullable=True))


def downgrade() -> None:
    """Take away what ``upgrade`` added."""
    op.drop_column("cart_items", "price_seen")
    op.drop_table("order_taxes")
    op.drop_table("order_discounts")
    for name in LINE_CHECKS:
        op.drop_constraint(op.f(f"ck_order_lines_{name}"), "order_lines")
    for column in ("is_gift_card", "tax", "tax_rate", "discount"):
        op.drop_column("order_lines", column)
    for name in ORDER_CHECKS:
        op.drop_constraint(op.f(f"ck_orders_{name}"), "orders")
    op.drop_constraint(op.f("uq_orders_guest_hash_guest_key"), "orders")
    op.drop_index(op.f("ix_orders_checkout_id"), "orders")
    op.drop_constraint(op.f("fk_orders_checkout_id_checkouts"), "orders")
    for column in (
        "checkout_id",
        "guest_key",
        "guest_hash",
        "billing_address",
        "shipping_kind",
        "shipping_method",
        "shipping_method_id",
        "subtotal",
        "gift_card_total",
        "prices_include_tax",
        "tax_total",
        "shipping_tax",
        "shipping_total",
        "discount_total",
    ):
        op.drop_column("orders", column)
    op.drop_table("checkouts")
