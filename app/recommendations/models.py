"""What the schedule works out ahead, so that it is cheap to read."""

from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, text_enum


class Period(StrEnum):
    """The time of which bestsellers are counted."""

    WEEK = "week"
    MONTH = "month"


class AlsoBought(Base):
    """That readers of a work bought another: ``support`` of them, each counted once.

    ``rank`` begins at 1; the other work with the highest ``score`` has it.
    """

    __tablename__ = "also_bought"
    __table_args__ = (
        CheckConstraint("work_id <> other_work_id", name="another_work"),
        CheckConstraint("support > 0", name="support_positive"),
    )

    work_id: Mapped[int] = mapped_column(
        ForeignKey("works.id", ondelete="CASCADE"), primary_key=True
    )
    rank: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    other_work_id: Mapped[int] = mapped_column(
        ForeignKey("works.id", ondelete="CASCADE"), index=True
    )
    support: Mapped[int]
    score: Mapped[Decimal] = mapped_column(Numeric(7, 6))


class Bestseller(Base):
    """A work's place among those that sold best, with the edition that sold best of it.

    ``copies`` are those of all its editions that are still sold, without what came back.
    """

    __tablename__ = "bestsellers"
    __table_args__ = (CheckConstraint("copies > 0", name="copies_positive"),)

    period: Mapped[Period] = mapped_column(text_enum(Period), primary_key=True)
    rank: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), index=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    copies: Mapped[int]
