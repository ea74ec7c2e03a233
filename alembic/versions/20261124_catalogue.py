"""A catalogue made for books: publishers, series, subjects, prices, rights, provenance.

Revision ID: 20261124_catalogue
Revises: 20261123_foundation
Create Date: 2026-11-24 16:23:27.305755+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261124_catalogue"
down_revision: str | Sequence[str] | None = "20261123_foundation"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


PUBLISHERS_FROM_BOOKS = (
    (
        "INSERT INTO publishers (name) SELECT DISTINCT publisher FROM books"
        " WHERE publisher IS NOT NULL ORDER BY publisher"
    ),
    "UPDATE books SET publisher_id = p.id FROM publishers p WHERE p.name = books.publisher",
)
SERIES_FROM_WORKS = (
    (
        "INSERT INTO series (title) SELECT DISTINCT series FROM works"
        " WHERE series IS NOT NULL ORDER BY series"
    ),
    (
        "INSERT INTO series_memberships (work_id, position, series_id, number)"
        " SELECT w.id, 0, s.id, w.series_number FROM works w JOIN series s ON s.title = w.series"
    ),
)
PUBLISHERS_INTO_BOOKS = (
    "UPDATE books SET publisher = p.name FROM publishers p WHERE p.id = books.publisher_id"
)
WITHDRAW_UNPRICED = (
    "UPDATE books SET price = 0.01, deleted_at = coalesce(deleted_at, now()) WHERE price IS NULL"
)


def upgrade() -> None:
    """Make the tables, and fill those that existing rows tell of."""
    op.create_table(
        "publishers",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publishers")),
        sa.UniqueConstraint("name", name=op.f("uq_publishers_name")),
    )
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("title", name=op.f("uq_series_title")),
    )
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("scheme", sa.String(length=30), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("scheme", "code", name=op.f("uq_subjects_scheme_code")),
    )
    op.create_index(
        "ix_subjects_code",
        "subjects",
        ["code"],
        unique=False,
        postgresql_ops={"code": "text_pattern_ops"},
    )
    op.create_table(
        "series_memberships",
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_memberships_series_id_series")
        ),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_series_memberships_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("work_id", "position", name=op.f("pk_series_memberships")),
    )
    op.create_index(
        op.f("ix_series_memberships_series_id"), "series_memberships", ["series_id"], unique=False
    )
    op.create_table(
        "staff_picks",
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("picked_by", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["works.id"], name=op.f("fk_staff_picks_work_id_works"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("work_id", name=op.f("pk_staff_picks")),
    )
    op.create_table(
        "work_identifiers",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_work_identifiers_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_work_identifiers")),
    )
    op.create_index(
        op.f("ix_work_identifiers_work_id"), "work_identifiers", ["work_id"], unique=False
    )
    op.create_table(
        "work_subjects",
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("is_main", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("fk_work_subjects_subject_id_subjects")
        ),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_work_subjects_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("work_id", "subject_id", name=op.f("pk_work_subjects")),
    )
    op.create_index(
        op.f("ix_work_subjects_subject_id"), "work_subjects", ["subject_id"], unique=False
    )
    op.create_table(
        "feed_records",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "superseded",
            postgresql.ARRAY(sa.LargeBinary()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("is_withdrawn", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["books.id"],
            name=op.f("fk_feed_records_book_id_books"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_records")),
        sa.UniqueConstraint("sender", "reference", name=op.f("uq_feed_records_sender_reference")),
    )
    op.create_index(op.f("ix_feed_records_book_id"), "feed_records", ["book_id"], unique=False)
    op.create_table(
        "prices",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("includes_tax", sa.Boolean(), nullable=True),
        sa.Column("minimum_quantity", sa.Integer(), nullable=True),
        sa.Column("countries", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("excluded_countries", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_prices_currency_iso")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_prices_amount_not_negative")),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_prices_book_id_books"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
    )
    op.create_index(op.f("ix_prices_book_id"), "prices", ["book_id"], unique=False)
    op.create_table(
        "sales_rights",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("countries", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("excluded_countries", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["books.id"],
            name=op.f("fk_sales_rights_book_id_books"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_rights")),
    )
    op.create_index(op.f("ix_sales_rights_book_id"), "sales_rights", ["book_id"], unique=False)
    op.add_column("books", sa.Column("gtin", sa.Text(), nullable=True))
    op.add_column("books", sa.Column("product_form", sa.Text(), nullable=True))
    op.add_column("books", sa.Column("form_details", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("books", sa.Column("publisher_id", sa.Integer(), nullable=True))
    op.add_column("books", sa.Column("imprint_id", sa.Integer(), nullable=True))
    op.add_column("books", sa.Column("edition_statement", sa.Text(), nullable=True))
    op.add_column("books", sa.Column("minutes", sa.SmallInteger(), nullable=True))
    op.add_column("books", sa.Column("height_mm", sa.SmallInteger(), nullable=True))
    op.add_column("books", sa.Column("width_mm", sa.SmallInteger(), nullable=True))
    op.add_column("books", sa.Column("thickness_mm", sa.SmallInteger(), nullable=True))
    op.add_column("books", sa.Column("weight_g", sa.Integer(), nullable=True))
    op.add_column(
        "books",
        sa.Column(
            "publish_date_precision", sa.String(length=30), server_default="day", nullable=False
        ),
    )
    op.add_column("books", sa.Column("on_sale_date", sa.Date(), nullable=True))
    op.add_column("books", sa.Column("publishing_status", sa.Text(), nullable=True))
    op.add_column("books", sa.Column("availability_code", sa.Text(), nullable=True))
    op.add_column("books", sa.Column("order_time_days", sa.SmallInteger(), nullable=True))
    op.alter_column(
        "books", "price", existing_type=sa.NUMERIC(precision=10, scale=2), nullable=True
    )
    op.create_index(op.f("ix_books_imprint_id"), "books", ["imprint_id"], unique=False)
    op.create_index(op.f("ix_books_publisher_id"), "books", ["publisher_id"], unique=False)
    op.create_unique_constraint(op.f("uq_books_gtin"), "books", ["gtin"])
    op.create_foreign_key(
        op.f("fk_books_publisher_id_publishers"), "books", "publishers", ["publisher_id"], ["id"]
    )
    op.create_foreign_key(
        op.f("fk_books_imprint_id_publishers"), "books", "publishers", ["imprint_id"], ["id"]
    )
    op.create_check_constraint(op.f("ck_books_gtin_digits"), "books", "gtin ~ '^[0-9]{8,14}$'")
    for statement in PUBLISHERS_FROM_BOOKS:
        op.execute(statement)
    op.drop_column("books", "publisher")
    op.add_column("contributors", sa.Column("sort_name", sa.Text(), nullable=True))
    op.add_column(
        "contributors",
        sa.Column("is_body", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("contributors", sa.Column("biography", sa.Text(), nullable=True))
    op.add_column("works", sa.Column("short_description", sa.Text(), nullable=True))
    op.add_column("works", sa.Column("table_of_contents", sa.Text(), nullable=True))
    op.add_column("works", sa.Column("original_language", sa.Text(), nullable=True))
    for statement in SERIES_FROM_WORKS:
        op.execute(statement)


def downgrade() -> None:
    """Go back; books without a price, which the older release cannot have, are withdrawn."""
    op.drop_column("works", "original_language")
    op.drop_column("works", "table_of_contents")
    op.drop_column("works", "short_description")
    op.drop_column("contributors", "biography")
    op.drop_column("contributors", "is_body")
    op.drop_column("contributors", "sort_name")
    op.add_column("books", sa.Column("publisher", sa.Text(), nullable=True))
    op.execute(PUBLISHERS_INTO_BOOKS)
    op.execute(WITHDRAW_UNPRICED)
    op.drop_constraint(op.f("ck_books_gtin_digits"), "books", type_="check")
    op.drop_constraint(op.f("fk_books_imprint_id_publishers"), "books", type_="foreignkey")
    op.drop_constraint(op.f("fk_books_publisher_id_publishers"), "books", type_="foreignkey")
    op.drop_constraint(op.f("uq_books_gtin"), "books", type_="unique")
    op.drop_index(op.f("ix_books_publisher_id"), table_name="books")
    op.drop_index(op.f("ix_books_imprint_id"), table_name="books")
    op.alter_column(
        "books", "price", existing_type=sa.NUMERIC(precision=10, scale=2), nullable=False
    )
    op.drop_column("books", "order_time_days")
    op.drop_column("books", "availability_code")
    op.drop_column("books", "publishing_status")
    op.drop_column("books", "on_sale_date")
    op.drop_column("books", "publish_date_precision")
    op.drop_column("books", "weight_g")
    op.drop_column("books", "thickness_mm")
    op.drop_column("books", "width_mm")
    op.drop_column("books", "height_mm")
    op.drop_column("books", "minutes")
    op.drop_column("books", "edition_statement")
    op.drop_column("books", "imprint_id")
    op.drop_column("books", "publisher_id")
    op.drop_column("books", "form_details")
    op.drop_column("books", "product_form")
    op.drop_column("books", "gtin")
    op.drop_index(op.f("ix_sales_rights_book_id"), table_name="sales_rights")
    op.drop_table("sales_rights")
    op.drop_index(op.f("ix_prices_book_id"), table_name="prices")
    op.drop_table("prices")
    op.drop_index(op.f("ix_feed_records_book_id"), table_name="feed_records")
    op.drop_table("feed_records")
    op.drop_index(op.f("ix_work_subjects_subject_id"), table_name="work_subjects")
    op.drop_table("work_subjects")
    op.drop_index(op.f("ix_work_identifiers_work_id"), table_name="work_identifiers")
    op.drop_table("work_identifiers")
    op.drop_table("staff_picks")
    op.drop_index(op.f("ix_series_memberships_series_id"), table_name="series_memberships")
    op.drop_table("series_memberships")
    op.drop_index(
        "ix_subjects_code", table_name="subjects", postgresql_ops={"code": "text_pattern_ops"}
    )
    op.drop_table("subjects")
    op.drop_table("series")
    op.drop_table("publishers")
