"""Zones and methods of shipping, and the rates of tax.

Revision ID: 20261201_shipping
Revises: 20261201_promotions
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.tax.table import IN_FORCE, TAX_RATES

revision: str = "20261201_shipping"
down_revision: str | Sequence[str] | None = "20261201_promotions"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables, and fill in the rates that this version of the shop comes with."""
    op.create_table(
        "shipping_zones",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "is_rest_of_world", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipping_zones")),
    )
    op.create_index(
        "uq_shipping_zones_rest_of_world",
        "shipping_zones",
        ["is_rest_of_world"],
        unique=True,
        postgresql_where=sa.text("is_rest_of_world"),
    )
    op.create_table(
        "tax_rates",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_tax_rates_country_code")),
        sa.CheckConstraint("rate >= 0 AND rate <= 100", name=op.f("ck_tax_rates_rate_is_per_cent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_rates")),
        sa.UniqueConstraint(
            "country", "kind", "valid_from", name=op.f("uq_tax_rates_country_kind_valid_from")
        ),
    )
    op.create_table(
        "shipping_methods",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=True),
        sa.Column("min_weight_g", sa.Integer(), nullable=True),
        sa.Column("max_weight_g", sa.Integer(), nullable=True),
        sa.Column("min_value", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("max_value", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("free_from", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("days", sa.SmallInteger(), nullable=True),
        sa.Column("collect_at", sa.Text(), nullable=True),
        sa.Column("position", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint(
            "(kind = 'collect') = (collect_at IS NOT NULL)",
            name=op.f("ck_shipping_methods_shops_have_addresses"),
        ),
        sa.CheckConstraint(
            "(kind = 'parcel') = (zone_id IS NOT NULL)",
            name=op.f("ck_shipping_methods_parcels_have_zones"),
        ),
        sa.CheckConstraint(
            "kind = 'parcel' OR price = 0", name=op.f("ck_shipping_methods_only_parcels_cost")
        ),
        sa.CheckConstraint("price >= 0", name=op.f("ck_shipping_methods_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["zone_id"],
            ["shipping_zones.id"],
            name=op.f("fk_shipping_methods_zone_id_shipping_zones"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipping_methods")),
    )
    op.create_index(
        op.f("ix_shipping_methods_zone_id"), "shipping_methods", ["zone_id"], unique=False
    )
    op.create_table(
        "shipping_zone_countries",
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "country ~ '^[A-Z]{2}$'", name=op.f("ck_shipping_zone_countries_country_code")
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"],
            ["shipping_zones.id"],
            name=op.f("fk_shipping_zone_countries_zone_id_shipping_zones"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("country", name=op.f("pk_shipping_zone_countries")),
    )
    op.create_index(
        op.f("ix_shipping_zone_countries_zone_id"),
        "shipping_zone_countries",
        ["zone_id"],
        unique=False,
    )
    names = ("country", "kind", "valid_from", "rate", "source", "as_of", "note")
    op.bulk_insert(
        sa.table("tax_rates", *(sa.column(name) for name in names)),
        [
            {
                "country": rate.country,
                "kind": rate.kind.value,
                "valid_from": IN_FORCE,
                "rate": rate.rate,
                "source": rate.source,
                "as_of": rate.as_of,
                "note": rate.note,
            }
            for rate in TAX_RATES
        ],
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index(op.f("ix_shipping_zone_countries_zone_id"), table_name="shipping_zone_countries")
    op.drop_table("shipping_zone_countries")
    op.drop_index(op.f("ix_shipping_methods_zone_id"), table_name="shipping_methods")
    op.drop_table("shipping_methods")
    op.drop_table("tax_rates")
    op.drop_index(
        "uq_shipping_zones_rest_of_world",
        table_name="shipping_zones",
        postgresql_where=sa.text("is_rest_of_world"),
    )
    op.drop_table("shipping_zones")
