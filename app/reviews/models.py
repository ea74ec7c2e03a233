"""Reviews, and the triggers that keep works' ratings in step with them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt, attach_sql, text_enum


class ReviewStatus(StrEnum):
    """Who sees a review: everybody, or only its reader and staff.

    ``pending`` waits for staff, ``hidden`` was taken from the public by staff.
    """

    PUBLISHED = "published"
    PENDING = "pending"
    HIDDEN = "hidden"


class Review(CreatedAt, Base):
    """What a reader says of a work, once at a time, written at one of its editions.

    ``work_id`` is always the present work of the edition ``book_id``. ``verified_purchase`` is
    whether the reader had bought an edition here when the review was written. One with
    ``deleted_at`` is kept for staff's questions alone: it counts nowhere, and its reader may write
    again.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating_in_stars"),
        CheckConstraint("char_length(text) <= 2000", name="text_short"),
        CheckConstraint(
            "(status = 'hidden') = (hidden_reason IS NOT NULL)", name="hidden_for_a_reason"
        ),
        Index(
            "uq_reviews_reader_work",
            "user_id",
            "work_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_reviews_public",
            "work_id",
            "id",
            postgresql_where=text("deleted_at IS NULL AND status = 'published'"),
        ),
        Index("ix_reviews_user", "user_id", "id"),
        Index("ix_reviews_date", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_reviews_rating", "rating", "id", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), index=True)
    rating: Mapped[int] = mapped_column(SmallInteger)
    text: Mapped[str | None] = mapped_column(Text)
    status: Mapped[ReviewStatus] = mapped_column(text_enum(ReviewStatus))
    hidden_reason: Mapped[str | None] = mapped_column(Text)
    verified_purchase: Mapped[bool]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]


# Triggers, so that no way of writing a review, deleting an account or moving an edition can leave
# the ratings behind: books, which staff move, know nothing of reviews.
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
attach_sql(
    Base.metadata.tables["reviews"], create=CREATE_RATING_TRIGGERS, drop=DROP_RATING_TRIGGERS
)
