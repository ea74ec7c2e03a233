"""Works, and what belongs to them whatever their edition: people, series, subjects, shelves."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.books.codes import ContributorRole, SubjectScheme
from app.db.base import Base, CreatedAt, text_enum

if TYPE_CHECKING:
    from app.books.models.books import Book


def words_index(table: str, column: str) -> Index:
    """Return the index by which names are found by their words, or the words' beginnings."""
    words = text(f"to_tsvector('simple'::regconfig, search_fold({column}))")
    return Index(f"ix_{table}_words", words, postgresql_using="gin")


class Genre(Base):
    """A shelf of the shop."""

    __tablename__ = "genres"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)


class Subject(Base):
    """A code of a subject scheme. In Thema and BIC a longer code is a part of its beginnings.

    ``heading`` is missing while only feeds have named the code. ``parent_code`` is what the
    scheme's list says is above it, which need not be a beginning of it.
    """

    __tablename__ = "subjects"
    __table_args__ = (
        UniqueConstraint("scheme", "code"),
        Index("ix_subjects_code", "code", postgresql_ops={"code": "text_pattern_ops"}),
        Index("ix_subjects_parent", "scheme", "parent_code"),
        words_index("subjects", "heading"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scheme: Mapped[SubjectScheme] = mapped_column(text_enum(SubjectScheme))
    code: Mapped[str] = mapped_column(Text)
    heading: Mapped[str | None] = mapped_column(Text)
    parent_code: Mapped[str | None] = mapped_column(Text)


class WorkSubject(Base):
    """That a work is about something."""

    __tablename__ = "work_subjects"

    work_id: Mapped[int] = mapped_column(
        ForeignKey("works.id", ondelete="CASCADE"), primary_key=True
    )
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), primary_key=True, index=True)
    is_main: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))

    subject: Mapped[Subject] = relationship(lazy="raise")


class Contributor(Base):
    """A person or body that made books; ``sort_name`` is the name as an index has it."""

    __tablename__ = "contributors"
    __table_args__ = (words_index("contributors", "name"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    sort_name: Mapped[str | None] = mapped_column(Text)
    is_body: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    biography: Mapped[str | None] = mapped_column(Text)


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


class Series(Base):
    """A series, by the title that its volumes share."""

    __tablename__ = "series"
    __table_args__ = (words_index("series", "title"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(Text, unique=True)


class SeriesMembership(Base):
    """That a work is in a series; ``number`` is whatever the series calls its volumes by."""

    __tablename__ = "series_memberships"

    work_id: Mapped[int] = mapped_column(
        ForeignKey("works.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), index=True)
    number: Mapped[str | None] = mapped_column(Text)

    series: Mapped[Series] = relationship(lazy="raise")


class Work(CreatedAt, Base):
    """What people look for: the text, whatever its edition.

    ``author``, ``series`` and ``series_number`` are display strings: of all contributors, and of
    the first series. ``first_published`` is a year, negative before the common era; ``popularity``
    is any number that grows with fame, and orders equal matches. The ratings are those of the
    public reviews; ``rating_histogram`` says how many gave one star, two, up to five. What staff
    put together or named ``is_curated``: feeds only fill its gaps.
    """

    __tablename__ = "works"
    __table_args__ = (
        Index(
            "ix_works_search",
            text("search_index(search_vector, popularity)"),
            postgresql_using="gin",
        ),
        Index("ix_works_description", text("search_prose(description)"), postgresql_using="gin"),
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
    short_description: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    table_of_contents: Mapped[str | None] = mapped_column(Text)
    genre_id: Mapped[int | None] = mapped_column(ForeignKey("genres.id"))
    first_published: Mapped[int | None] = mapped_column(SmallInteger)
    original_language: Mapped[str | None] = mapped_column(Text)
    is_curated: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    popularity: Mapped[int] = mapped_column(server_default=text("0"))
    rating_sum: Mapped[int] = mapped_column(server_default=text("0"))
    rating_count: Mapped[int] = mapped_column(server_default=text("0"))
    rating_histogram: Mapped[list[int]] = mapped_column(
        ARRAY(Integer), server_default=text("'{0,0,0,0,0}'")
    )
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
    series_memberships: Mapped[list[SeriesMembership]] = relationship(
        lazy="raise", order_by=SeriesMembership.position, cascade="all, delete-orphan"
    )
    subjects: Mapped[list[WorkSubject]] = relationship(lazy="raise", cascade="all, delete-orphan")
    identifiers: Mapped[list["WorkIdentifier"]] = relationship(
        lazy="raise", cascade="all, delete-orphan"
    )
    books: Mapped[list["Book"]] = relationship(
        lazy="raise", back_populates="work", order_by="Book.id"
    )


class WorkIdentifier(Base):
    """A number by which a feed knows a work, whatever its edition (ONIX list 16)."""

    __tablename__ = "work_identifiers"

    scheme: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), index=True)


class MergedWork(Base):
    """The number of a work that was merged into another, where its old addresses lead."""

    __tablename__ = "merged_works"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), index=True)


class WorkAlias(Base):
    """What a feed may still call a work that staff merged or renamed.

    A row without an ISBN is found by it, and a new edition joins its work by it. ``author`` is
    the first contributor's name, or empty.
    """

    __tablename__ = "work_aliases"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(Text)
    folded_title: Mapped[str] = mapped_column(
        Text, Computed("search_fold(title)", persisted=True), index=True
    )
    author: Mapped[str] = mapped_column(Text)
    first_published: Mapped[int | None] = mapped_column(SmallInteger)
    series_number: Mapped[str | None] = mapped_column(Text)


class StaffPick(CreatedAt, Base):
    """A work that somebody of the shop recommends, and why; the lowest position comes first."""

    __tablename__ = "staff_picks"

    work_id: Mapped[int] = mapped_column(
        ForeignKey("works.id", ondelete="CASCADE"), primary_key=True
    )
    note: Mapped[str] = mapped_column(Text)
    picked_by: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    work: Mapped[Work] = relationship(lazy="raise")
