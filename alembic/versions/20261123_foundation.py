"""The foundation: books, accounts, baskets, orders, mails, jobs.

Revision ID: 20261123_foundation
Revises:
Create Date: 2026-11-23 13:48:32.994290+00:00
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261123_foundation"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


# SQL as it was at this revision; the models may have moved on since.
SEARCH_FUNCTIONS = (
    "CREATE EXTENSION IF NOT EXISTS unaccent",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE EXTENSION IF NOT EXISTS fuzzystrmatch",
    r"""
    CREATE OR REPLACE FUNCTION search_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT btrim(regexp_replace(regexp_replace(replace(translate(
          lower(public.unaccent('public.unaccent', normalize(value, NFKC))),
        U&'''\2019\2018\02BC\00B4`', ''), '&', ' and '), '[\s!-/:-@[-`{-~]+', ' ', 'g'),
        '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
    $$
    """,
    r"""
    CREATE OR REPLACE FUNCTION search_document(
      title text, subtitle text, author text, series text, series_number text
    )
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT setweight(to_tsvector('pg_catalog.simple', search_fold(title)), 'A')
          || setweight(to_tsvector('pg_catalog.simple', search_fold(author)), 'B')
          || setweight(to_tsvector('pg_catalog.simple',
               search_fold(coalesce(series, '') || ' ' || coalesce(series_number, ''))), 'C')
          || setweight(to_tsvector('pg_catalog.simple', search_fold(coalesce(subtitle, ''))), 'D')
    $$
    """,
)
DROP_SEARCH_FUNCTIONS = (
    "DROP FUNCTION IF EXISTS search_document(text, text, text, text, text)",
    "DROP FUNCTION IF EXISTS search_fold(text)",
)
VOCABULARY = (
    r"""
    CREATE OR REPLACE FUNCTION learn_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO search_words (word)
      SELECT DISTINCT lexeme FROM changed, unnest(changed.search_vector)
      WHERE lexeme !~ '^[0-9]+$' AND length(lexeme) BETWEEN 3 AND 60
      ORDER BY lexeme
      ON CONFLICT DO NOTHING;
      RETURN NULL;
    END
    $$
    """,
    r"""
    CREATE TRIGGER works_inserted AFTER INSERT ON works
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION learn_search_words()
    """,
    r"""
    CREATE TRIGGER works_updated AFTER UPDATE ON works
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION learn_search_words()
    """,
)
DROP_VOCABULARY = (
    "DROP TRIGGER IF EXISTS works_updated ON works",
    "DROP TRIGGER IF EXISTS works_inserted ON works",
    "DROP FUNCTION IF EXISTS learn_search_words()",
)
QUEUE_SCHEMA = Path(__file__).parents[1] / "sql" / "procrastinate_3.10.0.sql"
INSTALL_QUEUE = """
    DO $install$ BEGIN
      EXECUTE $schema${schema}$schema$;
      DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
    END $install$
"""
REMOVE_QUEUE = r"""
    DO $remove$ DECLARE item record; BEGIN
      FOR item IN SELECT oid::regclass AS name FROM pg_class
                  WHERE relkind = 'r' AND relname LIKE 'procrastinate\_%'
                    AND relnamespace = current_schema()::regnamespace LOOP
        EXECUTE format('DROP TABLE %s CASCADE', item.name);
      END LOOP;
      FOR item IN SELECT oid::regprocedure AS name FROM pg_proc
                  WHERE proname LIKE 'procrastinate\_%'
                    AND pronamespace = current_schema()::regnamespace LOOP
        EXECUTE format('DROP FUNCTION %s', item.name);
      END LOOP;
      FOR item IN SELECT oid::regtype AS name FROM pg_type
                  WHERE typname LIKE 'procrastinate\_%' AND typtype IN ('c', 'e')
                    AND typnamespace = current_schema()::regnamespace LOOP
        EXECUTE format('DROP TYPE %s', item.name);
      END LOOP;
    END $remove$
"""


def upgrade() -> None:
    """Make everything."""
    for statement in SEARCH_FUNCTIONS:
        op.execute(statement)
    op.execute(INSTALL_QUEUE.replace("{schema}", QUEUE_SCHEMA.read_text()))

    op.create_table(
        "contributors",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributors")),
        sa.UniqueConstraint("name", name=op.f("uq_contributors_name")),
    )
    op.create_table(
        "demo_charges",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_demo_charges")),
    )
    op.create_table(
        "genres",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_genres")),
        sa.UniqueConstraint("name", name=op.f("uq_genres_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_genres_slug")),
    )
    op.create_table(
        "outbox_events",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_events")),
    )
    op.create_index(
        "ix_outbox_events_dispatched",
        "outbox_events",
        ["dispatched_at"],
        unique=False,
        postgresql_where=sa.text("dispatched_at IS NOT NULL"),
    )
    op.create_table(
        "search_words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
    )
    op.create_index(
        "ix_search_words_sound",
        "search_words",
        [sa.literal_column("dmetaphone(word)")],
        unique=False,
    )
    op.create_index(
        "ix_search_words_trigrams",
        "search_words",
        ["word"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("role", sa.String(length=30), server_default="user", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "carts",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(user_id IS NULL) <> (token_hash IS NULL)", name=op.f("ck_carts_one_owner")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_carts_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carts")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_carts_token_hash")),
        sa.UniqueConstraint("user_id", name=op.f("uq_carts_user_id")),
    )
    op.create_index(
        "ix_carts_guests",
        "carts",
        ["updated_at"],
        unique=False,
        postgresql_where=sa.text("user_id IS NULL"),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("event_id", "recipient", name=op.f("uq_mails_event_id_recipient")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mails_message_id")),
    )
    op.create_index(
        "ix_mails_with_words",
        "mails",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text("body_text <> ''"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=30), server_default="pending", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("shipping_address", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("reserved_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settle_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settle_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("total >= 0", name=op.f("ck_orders_total_not_negative")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_orders_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
        sa.UniqueConstraint(
            "user_id", "idempotency_key", name=op.f("uq_orders_user_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_orders_pending",
        "orders",
        ["settle_after"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_orders_user_newest", "orders", ["user_id", sa.literal_column("id DESC")], unique=False
    )
    op.create_table(
        "token_families",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_token_families_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_families")),
    )
    op.create_index(
        op.f("ix_token_families_expires_at"), "token_families", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_token_families_user_id"), "token_families", ["user_id"], unique=False)
    op.create_table(
        "user_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_user_sessions_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_user_sessions")),
    )
    op.create_index(
        op.f("ix_user_sessions_expires_at"), "user_sessions", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"], unique=False)
    op.create_table(
        "works",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("subtitle", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("series_number", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("genre_id", sa.Integer(), nullable=True),
        sa.Column("first_published", sa.SmallInteger(), nullable=True),
        sa.Column("popularity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rating_sum", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rating_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "average_rating",
            sa.Numeric(precision=2, scale=1),
            sa.Computed("round(rating_sum::numeric / nullif(rating_count, 0), 1)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "folded_title",
            sa.Text(),
            sa.Computed("search_fold(title)", persisted=True),
            nullable=False,
        ),
        sa.Column(
            "search_vector",
            postgresql.TSVECTOR(),
            sa.Computed(
                "search_document(title, subtitle, author, series, series_number)", persisted=True
            ),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["genre_id"], ["genres.id"], name=op.f("fk_works_genre_id_genres")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_works")),
    )
    op.create_index(
        "ix_works_genre_popularity", "works", ["genre_id", "popularity", "id"], unique=False
    )
    op.create_index("ix_works_popularity", "works", ["popularity", "id"], unique=False)
    op.create_index(
        "ix_works_rating",
        "works",
        [sa.literal_column("average_rating DESC NULLS LAST"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_works_search_vector", "works", ["search_vector"], unique=False, postgresql_using="gin"
    )
    op.create_index("ix_works_title", "works", ["folded_title", "id"], unique=False)
    op.create_table(
        "books",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("isbn", sa.Text(), nullable=True),
        sa.Column("format", sa.String(length=30), server_default="paperback", nullable=False),
        sa.Column("publisher", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("pages", sa.SmallInteger(), nullable=True),
        sa.Column("publish_date", sa.Date(), nullable=True),
        sa.Column("publish_year", sa.SmallInteger(), nullable=True),
        sa.Column(
            "published_on",
            sa.Date(),
            sa.Computed(
                "COALESCE(publish_date, make_date(publish_year::integer, 1, 1))", persisted=True
            ),
            nullable=True,
        ),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cover_image_url", sa.Text(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("isbn ~ '^97[89][0-9]{10}$'", name=op.f("ck_books_isbn_canonical")),
        sa.CheckConstraint("price > 0", name=op.f("ck_books_price_positive")),
        sa.ForeignKeyConstraint(["work_id"], ["works.id"], name=op.f("fk_books_work_id_works")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_books")),
        sa.UniqueConstraint("isbn", name=op.f("uq_books_isbn")),
    )
    op.create_index(
        "ix_books_date",
        "books",
        [sa.literal_column("published_on DESC NULLS LAST"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_books_newest", "books", ["created_at", "id"], unique=False)
    op.create_index("ix_books_price", "books", ["price", "id"], unique=False)
    op.create_index(op.f("ix_books_work_id"), "books", ["work_id"], unique=False)
    op.create_table(
        "contributions",
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("contributor_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["contributor_id"],
            ["contributors.id"],
            name=op.f("fk_contributions_contributor_id_contributors"),
        ),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_contributions_work_id_works"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("work_id", "position", name=op.f("pk_contributions")),
    )
    op.create_index(
        op.f("ix_contributions_contributor_id"), "contributions", ["contributor_id"], unique=False
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=30), server_default="pending", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("order_id", name=op.f("uq_payments_order_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payments_reference")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["family_id"],
            ["token_families.id"],
            name=op.f("fk_refresh_tokens_family_id_token_families"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(
        op.f("ix_refresh_tokens_family_id"), "refresh_tokens", ["family_id"], unique=False
    )
    op.create_table(
        "cart_items",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("cart_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_cart_items_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_cart_items_book_id_books"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["carts.id"], name=op.f("fk_cart_items_cart_id_carts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart_items")),
        sa.UniqueConstraint("cart_id", "book_id", name=op.f("uq_cart_items_cart_id_book_id")),
    )
    op.create_index(op.f("ix_cart_items_book_id"), "cart_items", ["book_id"], unique=False)
    op.create_table(
        "order_lines",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("isbn", sa.Text(), nullable=True),
        sa.Column("cover_image_url", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_order_lines_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_order_lines_book_id_books")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
    )
    op.create_index(op.f("ix_order_lines_book_id"), "order_lines", ["book_id"], unique=False)
    op.create_index(op.f("ix_order_lines_order_id"), "order_lines", ["order_id"], unique=False)
    op.create_table(
        "prebooks",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=30), server_default="waiting", nullable=False),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_prebooks_book_id_books"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_prebooks_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prebooks")),
    )
    op.create_index(op.f("ix_prebooks_book_id"), "prebooks", ["book_id"], unique=False)
    op.create_index(op.f("ix_prebooks_user_id"), "prebooks", ["user_id"], unique=False)
    op.create_index(
        "uq_prebooks_waiting",
        "prebooks",
        ["user_id", "book_id"],
        unique=True,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "stock",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("returned", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("on_hand", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reserved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sold", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "on_hand >= 0 AND reserved >= 0 AND sold >= 0 AND received >= 0 AND returned >= 0",
            name=op.f("ck_stock_not_negative"),
        ),
        sa.CheckConstraint(
            "received + returned = on_hand + reserved + sold", name=op.f("ck_stock_balanced")
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_stock_book_id_books"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("book_id", name=op.f("pk_stock")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "wishlist_items",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["books.id"],
            name=op.f("fk_wishlist_items_book_id_books"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_wishlist_items_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishlist_items")),
        sa.UniqueConstraint("user_id", "book_id", name=op.f("uq_wishlist_items_user_id_book_id")),
    )
    op.create_index(op.f("ix_wishlist_items_book_id"), "wishlist_items", ["book_id"], unique=False)

    for statement in VOCABULARY:
        op.execute(statement)


def downgrade() -> None:
    """Remove everything."""
    for statement in DROP_VOCABULARY:
        op.execute(statement)

    op.drop_index(op.f("ix_wishlist_items_book_id"), table_name="wishlist_items")
    op.drop_table("wishlist_items")
    op.drop_table("stock")
    op.drop_index(
        "uq_prebooks_waiting", table_name="prebooks", postgresql_where=sa.text("status = 'waiting'")
    )
    op.drop_index(op.f("ix_prebooks_user_id"), table_name="prebooks")
    op.drop_index(op.f("ix_prebooks_book_id"), table_name="prebooks")
    op.drop_table("prebooks")
    op.drop_index(op.f("ix_order_lines_order_id"), table_name="order_lines")
    op.drop_index(op.f("ix_order_lines_book_id"), table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index(op.f("ix_cart_items_book_id"), table_name="cart_items")
    op.drop_table("cart_items")
    op.drop_index(op.f("ix_refresh_tokens_family_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_table("payments")
    op.drop_index(op.f("ix_contributions_contributor_id"), table_name="contributions")
    op.drop_table("contributions")
    op.drop_index(op.f("ix_books_work_id"), table_name="books")
    op.drop_index("ix_books_price", table_name="books")
    op.drop_index("ix_books_newest", table_name="books")
    op.drop_index("ix_books_date", table_name="books")
    op.drop_table("books")
    op.drop_index("ix_works_title", table_name="works")
    op.drop_index("ix_works_search_vector", table_name="works", postgresql_using="gin")
    op.drop_index("ix_works_rating", table_name="works")
    op.drop_index("ix_works_popularity", table_name="works")
    op.drop_index("ix_works_genre_popularity", table_name="works")
    op.drop_table("works")
    op.drop_index(op.f("ix_user_sessions_user_id"), table_name="user_sessions")
    op.drop_index(op.f("ix_user_sessions_expires_at"), table_name="user_sessions")
    op.drop_table("user_sessions")
    op.drop_index(op.f("ix_token_families_user_id"), table_name="token_families")
    op.drop_index(op.f("ix_token_families_expires_at"), table_name="token_families")
    op.drop_table("token_families")
    op.drop_index("ix_orders_user_newest", table_name="orders")
    op.drop_index(
        "ix_orders_pending", table_name="orders", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("orders")
    op.drop_index(
        "ix_mails_with_words", table_name="mails", postgresql_where=sa.text("body_text <> ''")
    )
    op.drop_table("mails")
    op.drop_index(
        "ix_carts_guests", table_name="carts", postgresql_where=sa.text("user_id IS NULL")
    )
    op.drop_table("carts")
    op.drop_table("users")
    op.drop_index(
        "ix_search_words_trigrams",
        table_name="search_words",
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    op.drop_index("ix_search_words_sound", table_name="search_words")
    op.drop_table("search_words")
    op.drop_index(
        "ix_outbox_events_dispatched",
        table_name="outbox_events",
        postgresql_where=sa.text("dispatched_at IS NOT NULL"),
    )
    op.drop_table("outbox_events")
    op.drop_table("genres")
    op.drop_table("demo_charges")
    op.drop_table("contributors")
    op.execute(REMOVE_QUEUE)
    for statement in DROP_SEARCH_FUNCTIONS:
        op.execute(statement)
