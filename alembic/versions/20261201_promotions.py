"""Coupons, automatic offers, gift cards, and what became of them.

Revision ID: 20261201_promotions
Revises: 20261201_payments
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261201_promotions"
down_revision: str | Sequence[str] | None = "20261201_payments"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.create_table(
        "coupons",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("percent", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("amount", sa.Numeric(precision=10, scale=2), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("minimum", sa.Numeric(precision=10, scale=2), nullable=True),
        sa.Column("max_redemptions", sa.Integer(), nullable=True),
        sa.Column("max_per_person", sa.Integer(), nullable=True),
        sa.Column("redeemed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stacks", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "book_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "genre_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "publisher_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "formats", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind = 'percent') = (percent IS NOT NULL)"
            " AND (kind = 'amount') = (amount IS NOT NULL)",
            name=op.f("ck_coupons_value_of_kind"),
        ),
        sa.CheckConstraint("amount > 0 AND minimum >= 0", name=op.f("ck_coupons_amounts_positive")),
        sa.CheckConstraint(
            "max_redemptions >= 1 AND max_per_person >= 1", name=op.f("ck_coupons_limits_positive")
        ),
        sa.CheckConstraint(
            "percent > 0 AND percent <= 100", name=op.f("ck_coupons_percent_in_range")
        ),
        sa.CheckConstraint(
            "redeemed >= 0 AND redeemed <= max_redemptions", name=op.f("ck_coupons_within_limit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("code", name=op.f("uq_coupons_code")),
    )
    op.create_table(
        "offers",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("bundle_size", sa.Integer(), nullable=True),
        sa.Column("bundle_discounted", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "book_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "genre_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "publisher_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "formats", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind = 'bundle') = (bundle_size IS NOT NULL)"
            " AND (kind = 'bundle') = (bundle_discounted IS NOT NULL)",
            name=op.f("ck_offers_bundle_of_kind"),
        ),
        sa.CheckConstraint(
            "bundle_size >= 2 AND bundle_discounted >= 1 AND bundle_discounted < bundle_size",
            name=op.f("ck_offers_bundle_sound"),
        ),
        sa.CheckConstraint(
            "percent > 0 AND percent <= 100", name=op.f("ck_offers_percent_in_range")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    op.create_table(
        "coupon_uses",
        sa.Column("coupon_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.CheckConstraint("uses >= 0", name=op.f("ck_coupon_uses_uses_not_negative")),
        sa.ForeignKeyConstraint(
            ["coupon_id"],
            ["coupons.id"],
            name=op.f("fk_coupon_uses_coupon_id_coupons"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("coupon_id", "person", name=op.f("pk_coupon_uses")),
    )
    op.create_table(
        "coupon_redemptions",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("coupon_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column(
            "people",
            postgresql.ARRAY(sa.LargeBinary()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_coupon_redemptions_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_coupon_redemptions_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_redemptions")),
        sa.UniqueConstraint(
            "coupon_id", "order_id", name=op.f("uq_coupon_redemptions_coupon_id_order_id")
        ),
    )
    op.create_index("ix_coupon_redemptions_order", "coupon_redemptions", ["order_id"])
    op.create_table(
        "gift_cards",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_characters", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("initial_amount", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("balance", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_line_id", sa.Integer(), nullable=True),
        sa.Column("recipient_email", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_gift_cards_balance_not_negative")),
        sa.CheckConstraint(
            "initial_amount > 0", name=op.f("ck_gift_cards_initial_amount_positive")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["order_lines.id"],
            name=op.f("fk_gift_cards_order_line_id_order_lines"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift_cards")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_gift_cards_code_hash")),
        sa.UniqueConstraint("key", name=op.f("uq_gift_cards_key")),
    )
    op.create_index(op.f("ix_gift_cards_order_line_id"), "gift_cards", ["order_line_id"])
    op.create_index(op.f("ix_gift_cards_recipient_email"), "gift_cards", ["recipient_email"])
    op.create_table(
        "gift_card_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("gift_card_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("amount", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("balance_after", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind = 'spent') = (amount < 0) AND amount <> 0",
            name=op.f("ck_gift_card_entries_sign_of_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["gift_card_id"],
            ["gift_cards.id"],
            name=op.f("fk_gift_card_entries_gift_card_id_gift_cards"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_gift_card_entries_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift_card_entries")),
    )
    op.create_index("ix_gift_card_entries_card", "gift_card_entries", ["gift_card_id", "id"])
    op.create_index(op.f("ix_gift_card_entries_order_id"), "gift_card_entries", ["order_id"])
    op.create_table(
        "gift_card_payments",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("gift_card_id", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column(
            "given_back",
            sa.Numeric(precision=10, scale=2),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "given_back >= 0 AND given_back <= spent",
            name=op.f("ck_gift_card_payments_given_back_within_spent"),
        ),
        sa.ForeignKeyConstraint(
            ["gift_card_id"],
            ["gift_cards.id"],
            name=op.f("fk_gift_card_payments_gift_card_id_gift_cards"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_gift_card_payments_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("order_id", "gift_card_id", name=op.f("pk_gift_card_payments")),
    )
    op.create_index(
        op.f("ix_gift_card_payments_gift_card_id"),
        "gift_card_payments",
        ["gift_card_id"],
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_index(op.f("ix_gift_card_payments_gift_card_id"), table_name="gift_card_payments")
    op.drop_table("gift_card_payments")
    op.drop_index(op.f("ix_gift_card_entries_order_id"), table_name="gift_card_entries")
    op.drop_index("ix_gift_card_entries_card", table_name="gift_card_entries")
    op.drop_table("gift_card_entries")
    op.drop_index(op.f("ix_gift_cards_recipient_email"), table_name="gift_cards")
    op.drop_index(op.f("ix_gift_cards_order_line_id"), table_name="gift_cards")
    op.drop_table("gift_cards")
    op.drop_index("ix_coupon_redemptions_order", table_name="coupon_redemptions")
    op.drop_table("coupon_redemptions")
    op.drop_table("coupon_uses")
    op.drop_table("offers")
    op.drop_table("coupons")
