"""SQL for series and their volumes."""

from collections.abc import Sequence

from sqlalchemy import Integer, Numeric, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Series, SeriesMembership, Work
from app.books.repository.filters import has_words
from app.books.repository.shelves import works_by_best_edition
from app.core.keyset import AnyRow, Order, count_rows, read_slice
from app.core.pagination import Slice, Window

LEADING_NUMBER = r"^[^[:alnum:]]*([0-9]{1,9}([.,][0-9]{1,9})?)"
"""The number that a volume's begins with: of "2", "2.5", "#10" and "3b", not of "Book Four"."""

SERIES_BY_TITLE = Order(name="series by title", keys=(Series.title.expression,))

VOLUME_NUMBER = func.substring(SeriesMembership.number, LEADING_NUMBER)
VOLUMES_BY_NUMBER = Order(
    name="volumes by number",
    keys=(
        cast(func.replace(VOLUME_NUMBER, ",", "."), Numeric),
        cast(SeriesMembership.number.is_(None), Integer),
        func.coalesce(SeriesMembership.number, "").collate("C"),
        SeriesMembership.work_id.expression,
        SeriesMembership.position.expression,
    ),
    has_gaps=True,
)
"""By number, then those that are words, then those that have none."""


async def list_series(
    session: AsyncSession, *, words: str | None, window: Window, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return series by title, and how many there are, counted to a limit.

    ``words`` is a tsquery over their titles.
    """
    statement = select(Series.id, Series.title)
    if words is not None:
        statement = statement.where(has_words(Series.title, words))
    found = await read_slice(session, statement, order=SERIES_BY_TITLE, window=window)
    return found, await count_rows(session, statement, limit=count_to)


async def find_series(session: AsyncSession, *, series_id: int) -> Series | None:
    """Return a series."""
    return await session.get(Series, series_id)


async def list_volumes(
    session: AsyncSession, *, series_id: int, window: Window, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return a series' works that are sold, each with its best edition, and how many there are."""
    statement = (
        works_by_best_edition()
        .add_columns(SeriesMembership.number)
        .join(SeriesMembership, SeriesMembership.work_id == Work.id)
        .where(SeriesMembership.series_id == series_id)
    )
    found = await read_slice(session, statement, order=VOLUMES_BY_NUMBER, window=window)
    return found, await count_rows(session, statement, limit=count_to)


async def list_series_of_work(session: AsyncSession, *, work_id: int) -> Sequence[AnyRow]:
    """Return the series that a work is in, with its number in each; the first comes first."""
    statement = (
        select(Series.id, Series.title, SeriesMembership.number)
        .join(SeriesMembership.series)
        .where(SeriesMembership.work_id == work_id)
        .order_by(SeriesMembership.position)
    )
    return (await session.execute(statement)).all()
