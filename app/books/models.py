"""Works, the books that are sold, their people, shelves and stock, and the search's own SQL."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, CreatedAt, attach_sql, text_enum


class BookFormat(StrEnum):
    """What kind of thing an edition is."""

    HARDBACK = "hardback"
    PAPERBACK = "paperback"
    MASS_MARKET = "mass-market paperback"
    BOARD_BOOK = "board book"
    EBOOK = "e-book"
    AUDIOBOOK = "audiobook"
    OTHER = "other"


class ContributorRole(StrEnum):
    """What somebody did for a work (the names that ONIX list 17 gives A01, B06, A12 ...)."""

    AUTHOR = "author"
    EDITOR = "editor"
    TRANSLATOR = "translator"
    ILLUSTRATOR = "illustrator"


class Genre(Base):
    """A shelf of the shop."""

    __tablename__ = "genres"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)


class Contributor(Base):
    """A person or body that made books."""

    __tablename__ = "contributors"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class Contribution(Base):
    """That a contributor had a role in a work; ``position`` is the order on the title page."""

    __tablename__ = "contributions"

    work_id: Mapped[int] = mapped_column(
        ForeignKey("works.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    contributor_id: Mapped[int] = mapped_column(ForeignKey("contributors.id"), index=True)
    role: Mapped[ContributorRole] = mapped_column(text_enum(ContributorRole))

    contributor: Mapped[Contributor] = relationship(lazy="raise")


class Work(CreatedAt, Base):
    """What people look for: the text, whatever its edition.

    ``author`` is the display string; ``first_published`` is a year, negative before the common
    era; ``popularity`` is any number that grows with fame, and orders equal matches.
    """

    __tablename__ = "works"
    __table_args__ = (
        Index("ix_works_search_vector", "search_vector", postgresql_using="gin"),
        Index("ix_works_popularity", "popularity", "id"),
        Index("ix_works_genre_popularity", "genre_id", "popularity", "id"),
        Index("ix_works_title", "folded_title", "id"),
        Index("ix_works_rating", text("average_rating DESC NULLS LAST"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    subtitle: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    series: Mapped[str | None] = mapped_column(Text)
    series_number: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    genre_id: Mapped[int | None] = mapped_column(ForeignKey("genres.id"))
    first_published: Mapped[int | None] = mapped_column(SmallInteger)
    popularity: Mapped[int] = mapped_column(server_default=text("0"))
    rating_sum: Mapped[int] = mapped_column(server_default=text("0"))
    rating_count: Mapped[int] = mapped_column(server_default=text("0"))
    average_rating: Mapped[Decimal | None] = mapped_column(
        Numeric(2, 1),
        Computed("round(rating_sum::numeric / nullif(rating_count, 0), 1)", persisted=True),
    )
    folded_title: Mapped[str] = mapped_column(
        Text, Computed("search_fold(title)", persisted=True), deferred=True
    )
    search_vector: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed("search_document(title, subtitle, author, series, series_number)", persisted=True),
        deferred=True,
    )

    genre: Mapped[Genre | None] = relationship(lazy="raise")
    contributions: Mapped[list[Contribution]] = relationship(
        lazy="raise", order_by=Contribution.position, cascade="all, delete-orphan"
    )
    books: Mapped[list["Book"]] = relationship(lazy="raise", back_populates="work")


class Book(CreatedAt, Base):
    """An edition: what is sold. ``isbn`` is thirteen digits; a deleted book stays in orders."""

    __tablename__ = "books"
    __table_args__ = (
        CheckConstraint("price > 0", name="price_positive"),
        CheckConstraint("isbn ~ '^97[89][0-9]{10}$'", name="isbn_canonical"),
        Index("ix_books_newest", "created_at", "id"),
        Index("ix_books_price", "price", "id"),
        Index("ix_books_date", text("published_on DESC NULLS LAST"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id"), index=True)
    isbn: Mapped[str | None] = mapped_column(Text, unique=True)
    format: Mapped[BookFormat] = mapped_column(
        text_enum(BookFormat),
        server_default=BookFormat.PAPERBACK,
    )
    publisher: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    pages: Mapped[int | None] = mapped_column(SmallInteger)
    publish_date: Mapped[date | None]
    publish_year: Mapped[int | None] = mapped_column(SmallInteger)
    published_on: Mapped[date | None] = mapped_column(
        Computed("COALESCE(publish_date, make_date(publish_year::integer, 1, 1))", persisted=True)
    )
    """What lists are sorted by: the day, else the first day of the year."""

    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    currency: Mapped[str] = mapped_column(Text)
    cover_image_url: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    deleted_at: Mapped[datetime | None]

    work: Mapped[Work] = relationship(lazy="raise", back_populates="books")
    stock: Mapped["Stock"] = relationship(lazy="raise")


class Stock(Base):
    """How many copies came and where they are; changed only by conditional updates.

    Apart from the catalogue's row, so that a sale never waits for somebody who edits a blurb.
    """

    __tablename__ = "stock"
    __table_args__ = (
        CheckConstraint("received + returned = on_hand + reserved + sold", name="balanced"),
        CheckConstraint(
            "on_hand >= 0 AND reserved >= 0 AND sold >= 0 AND received >= 0 AND returned >= 0",
            name="not_negative",
        ),
        {"postgresql_with": {"fillfactor": 70}},
    )

    book_id: Mapped[int] = mapped_column(
        ForeignKey("books.id", ondelete="CASCADE"), primary_key=True
    )
    received: Mapped[int] = mapped_column(server_default=text("0"))
    returned: Mapped[int] = mapped_column(server_default=text("0"))
    on_hand: Mapped[int] = mapped_column(server_default=text("0"))
    reserved: Mapped[int] = mapped_column(server_default=text("0"))
    sold: Mapped[int] = mapped_column(server_default=text("0"))


class SearchWord(Base):
    """The catalogue's vocabulary, against which a misspelt query is repaired."""

    __tablename__ = "search_words"
    __table_args__ = (
        Index(
            "ix_search_words_trigrams",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
        ),
        Index("ix_search_words_sound", text("dmetaphone(word)")),
    )

    word: Mapped[str] = mapped_column(Text, primary_key=True)


CREATE_SEARCH_FUNCTIONS = (
    "CREATE EXTENSION IF NOT EXISTS unaccent",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE EXTENSION IF NOT EXISTS fuzzystrmatch",
    # One spelling for what readers take as the same: no case, no accents, no punctuation; "&" is
    # "and", a possessive is one word, and so are initials ("J. R. R.", "J.R.R.", "JRR").
    r"""
    CREATE OR REPLACE FUNCTION search_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
      SELECT btrim(regexp_replace(regexp_replace(replace(translate(
          lower(public.unaccent('public.unaccent', normalize(value, NFKC))),
        U&'''\2019\2018\02BC\00B4`', ''), '&', ' and '), '[\s!-/:-@[-`{-~]+', ' ', 'g'),
        '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
    $$
    """,
    """
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
# A trigger, so that a work and its words become visible together. Sorted, so that two imports
# that bring the same new words cannot wait for each other.
CREATE_VOCABULARY_TRIGGER = (
    """
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
    """
    CREATE TRIGGER works_inserted AFTER INSERT ON works
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION learn_search_words()
    """,
    """
    CREATE TRIGGER works_updated AFTER UPDATE ON works
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION learn_search_words()
    """,
)
DROP_VOCABULARY_TRIGGER = (
    "DROP TRIGGER IF EXISTS works_updated ON works",
    "DROP TRIGGER IF EXISTS works_inserted ON works",
    "DROP FUNCTION IF EXISTS learn_search_words()",
)
attach_sql(Base.metadata, create=CREATE_SEARCH_FUNCTIONS, drop=DROP_SEARCH_FUNCTIONS)
attach_sql(
    Base.metadata.tables["works"], create=CREATE_VOCABULARY_TRIGGER, drop=DROP_VOCABULARY_TRIGGER
)
