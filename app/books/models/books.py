"""Books, which are editions: what is sold and who publishes it."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    Text,
    and_,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.books.codes import BookFormat, DatePrecision
from app.books.models.feeds import Price, SalesRight
from app.books.models.stock import Stock
from app.books.models.works import Work, words_index
from app.db.base import Base, CreatedAt, text_enum


class Publisher(Base):
    """A name under which books are published: a publisher's or an imprint's."""

    __tablename__ = "publishers"
    __table_args__ = (words_index("publishers", "name"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class Book(CreatedAt, Base):
    """An edition. ``isbn`` is thirteen digits; what is no book may have another ``gtin``.

    A deleted book stays in orders; one without a price is in the catalogue and not sold. Sizes
    are in millimetres, the weight in grams. ``on_sale_date`` is the day before which no copy may
    leave the shop. ``availability_code`` (ONIX list 65) and ``order_time_days`` say what the
    supplier has; ``publishing_status`` (list 64) what the publisher says.
    """

    __tablename__ = "books"
    __table_args__ = (
        CheckConstraint("price > 0", name="price_positive"),
        CheckConstraint("isbn ~ '^97[89][0-9]{10}$'", name="isbn_canonical"),
        CheckConstraint("gtin ~ '^[0-9]{8,14}$'", name="gtin_digits"),
        Index("ix_books_work", "work_id", "id"),
        Index("ix_books_newest", "created_at", "id"),
        Index("ix_books_price", "price", "id"),
        Index("ix_books_date", text("published_on DESC NULLS LAST"), text("id DESC")),
        Index("ix_books_format", "format"),
        Index("ix_books_language", "language"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id"))
    isbn: Mapped[str | None] = mapped_column(Text, unique=True)
    gtin: Mapped[str | None] = mapped_column(Text, unique=True)
    format: Mapped[BookFormat] = mapped_column(
        text_enum(BookFormat),
        server_default=BookFormat.PAPERBACK,
    )
    product_form: Mapped[str | None] = mapped_column(Text)
    form_details: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    publisher_id: Mapped[int | None] = mapped_column(ForeignKey("publishers.id"), index=True)
    imprint_id: Mapped[int | None] = mapped_column(ForeignKey("publishers.id"), index=True)
    language: Mapped[str | None] = mapped_column(Text)
    edition_statement: Mapped[str | None] = mapped_column(Text)
    pages: Mapped[int | None] = mapped_column(SmallInteger)
    minutes: Mapped[int | None] = mapped_column(SmallInteger)
    height_mm: Mapped[int | None] = mapped_column(SmallInteger)
    width_mm: Mapped[int | None] = mapped_column(SmallInteger)
    thickness_mm: Mapped[int | None] = mapped_column(SmallInteger)
    weight_g: Mapped[int | None]
    publish_date: Mapped[date | None]
    publish_date_precision: Mapped[DatePrecision] = mapped_column(
        text_enum(DatePrecision), server_default=DatePrecision.DAY
    )
    publish_year: Mapped[int | None] = mapped_column(SmallInteger)
    published_on: Mapped[date | None] = mapped_column(
        Computed("COALESCE(publish_date, make_date(publish_year::integer, 1, 1))", persisted=True)
    )
    """What lists are sorted by: the day, else the first day of the year."""

    on_sale_date: Mapped[date | None]
    takes_preorders: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether copies that are on hand before ``on_sale_date`` can be bought in advance."""

    publishing_status: Mapped[str | None] = mapped_column(Text)
    availability_code: Mapped[str | None] = mapped_column(Text)
    order_time_days: Mapped[int | None] = mapped_column(SmallInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    feed_price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    """What suppliers' prices came to last; where ``price`` differs, somebody has set it."""

    priced_on: Mapped[date | None]
    """The shop's day for which ``feed_price`` was chosen."""

    currency: Mapped[str] = mapped_column(Text)
    cover_image_url: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    deleted_at: Mapped[datetime | None]

    work: Mapped[Work] = relationship(lazy="raise", back_populates="books")
    stock: Mapped[Stock] = relationship(lazy="raise")
    prices: Mapped[list[Price]] = relationship(
        lazy="raise", order_by=Price.id, cascade="all, delete-orphan", passive_deletes=True
    )
    sales_rights: Mapped[list[SalesRight]] = relationship(
        lazy="raise", order_by=SalesRight.id, cascade="all, delete-orphan", passive_deletes=True
    )
    publisher: Mapped[Publisher | None] = relationship(lazy="raise", foreign_keys=[publisher_id])
    imprint: Mapped[Publisher | None] = relationship(lazy="raise", foreign_keys=[imprint_id])

    @hybrid_property
    def is_sold(self) -> bool:
        """Whether shoppers find the book."""
        return self.deleted_at is None and self.price is not None

    @is_sold.inplace.expression
    @classmethod
    def _is_sold_in_sql(cls) -> ColumnElement[bool]:
        return and_(cls.deleted_at.is_(None), cls.price.is_not(None))
