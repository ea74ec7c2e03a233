"""Reviews, and works' ratings kept in step with them.

Revision ID: 20261201_reviews
Revises: 20261201_recommendations
Create Date: 2026-12-01 00:00:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261201_reviews"
down_revision: str | Sequence[str] | None = "20261201_recommendations"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FORGET_RATINGS = "UPDATE works SET rating_sum = 0, rating_count = 0 WHERE rating_count <> 0"
PRESENT = sa.text("deleted_at IS NULL")

CREATE_RATING_TRIGGERS = (
    """
    CREATE OR REPLACE FUNCTION count_rating() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      was_counted boolean := false;
      is_counted boolean := false;
    BEGIN
      IF TG_OP <> 'INSERT' THEN
        was_counted := OLD.status = 'published' AND OLD.deleted_at IS NULL;
      END IF;
      IF TG_OP <> 'DELETE' THEN
        is_counted := NEW.status = 'published' AND NEW.deleted_at IS NULL;
      END IF;
      IF was_counted AND is_counted
          AND (OLD.work_id, OLD.rating) = (NEW.work_id, NEW.rating) THEN
        RETURN NULL;
      END IF;
      IF was_counted THEN
        UPDATE works SET rating_sum = rating_sum - OLD.rating, rating_count = rating_count - 1,
          rating_histogram[OLD.rating] = rating_histogram[OLD.rating] - 1
        WHERE id = OLD.work_id;
      END IF;
      IF is_counted THEN
        UPDATE works SET rating_sum = rating_sum + NEW.rating, rating_count = rating_count + 1,
          rating_histogram[NEW.rating] = rating_histogram[NEW.rating] + 1
        WHERE id = NEW.work_id;
      END IF;
      RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER reviews_counted AFTER INSERT OR UPDATE OR DELETE ON reviews
    FOR EACH ROW EXECUTE FUNCTION count_rating()
    """,
    """
    CREATE OR REPLACE FUNCTION move_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE reviews AS older SET deleted_at = now()
      FROM reviews AS newer
      WHERE older.user_id = newer.user_id AND older.id < newer.id
        AND older.deleted_at IS NULL AND newer.deleted_at IS NULL
        AND ((older.book_id = NEW.id AND newer.work_id = NEW.work_id)
          OR (newer.book_id = NEW.id AND older.work_id = NEW.work_id));
      UPDATE reviews SET work_id = NEW.work_id WHERE book_id = NEW.id;
      RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER books_moved AFTER UPDATE OF work_id ON books
    FOR EACH ROW WHEN (OLD.work_id <> NEW.work_id) EXECUTE FUNCTION move_reviews()
    """,
)
DROP_RATING_TRIGGERS = (
    "DROP TRIGGER IF EXISTS books_moved ON books",
    "DROP TRIGGER IF EXISTS reviews_counted ON reviews",
    "DROP FUNCTION IF EXISTS move_reviews()",
    "DROP FUNCTION IF EXISTS count_rating()",
)


def upgrade() -> None:
    """Add reviews. A rating without one is nobody's, so works begin without any."""
    op.add_column(
        "works",
        sa.Column(
            "rating_histogram",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{0,0,0,0,0}'"),
            nullable=False,
        ),
    )
    op.execute(FORGET_RATINGS)
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("hidden_reason", sa.Text(), nullable=True),
        sa.Column("verified_purchase", sa.Boolean(), nullable=False),
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
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_reviews_rating_in_stars")),
        sa.CheckConstraint("char_length(text) <= 2000", name=op.f("ck_reviews_text_short")),
        sa.CheckConstraint(
            "(status = 'hidden') = (hidden_reason IS NOT NULL)",
            name=op.f("ck_reviews_hidden_for_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_reviews_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_reviews_book_id_books"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["works.id"], name=op.f("fk_reviews_work_id_works"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(
        "uq_reviews_reader_work",
        "reviews",
        ["user_id", "work_id"],
        unique=True,
        postgresql_where=PRESENT,
    )
    op.create_index(
        "ix_reviews_public",
        "reviews",
        ["work_id", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND status = 'published'"),
    )
    op.create_index("ix_reviews_user", "reviews", ["user_id", "id"])
    op.create_index("ix_reviews_date", "reviews", ["created_at", "id"], postgresql_where=PRESENT)
    op.create_index("ix_reviews_rating", "reviews", ["rating", "id"], postgresql_where=PRESENT)
    op.create_index(op.f("ix_reviews_book_id"), "reviews", ["book_id"])
    op.create_index(op.f("ix_reviews_work_id"), "reviews", ["work_id"])
    for statement in CREATE_RATING_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """Forget reviews and the ratings that come from them."""
    for statement in DROP_RATING_TRIGGERS:
        op.execute(statement)
    op.drop_table("reviews")
    op.drop_column("works", "rating_histogram")
    op.execute(FORGET_RATINGS)
