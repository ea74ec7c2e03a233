"""Works in an order that another package decides, and what stands near a work in the catalogue."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookNotFoundError
from app.books.repository import rankings as rankings_repository
from app.books.schemas import BookSummary
from app.core.keyset import AnyRow, AnySelect
from app.core.market import Market
from app.core.pagination import PageQuery, Slice

NEW_FOR = timedelta(days=60)
"""How long after its publication a book is new, the sixtieth day included."""

SOON = timedelta(days=120)
"""How long before its publication a book is announced, in days from today."""

FETCHED = 3
"""So many times what is asked for is read, for embargoes and rights leave some out."""


@dataclass(frozen=True, kw_only=True)
class RankedWork:
    """A work in a ranking, by the edition that can be bought now; ``facts`` are the ranking's."""

    work_id: int
    book: BookSummary
    facts: AnyRow


async def get_work_id(session: AsyncSession, *, book_id: int) -> int:
    """Return the work of a book.

    Raises:
        BookNotFoundError: no such book, or not sold.
    """
    work_id = await rankings_repository.find_work_id(session, book_id=book_id)
    if work_id is None:
        raise BookNotFoundError
    return work_id


async def list_ranked_works(
    session: AsyncSession, *, ranking: AnySelect, limit: int
) -> list[RankedWork]:
    """Return the first works of a ranking that can be bought now, each by its best edition.

    ``ranking`` is a statement of ``work_id``, once each, ``rank``, and what else is to be known.
    """
    rows = await rankings_repository.list_ranked_works(
        session, ranking=ranking, limit=limit * FETCHED
    )
    ranked = [
        RankedWork(work_id=row.work_id, book=BookSummary.model_validate(row), facts=row)
        for row in rows
    ]
    return [work for work in ranked if work.book.availability.can_be_bought][:limit]


async def list_next_in_series(
    session: AsyncSession, *, work_id: int, limit: int
) -> list[RankedWork]:
    """Return the volumes that follow; ``facts`` have ``via``, the series, and ``number``."""
    ranking = rankings_repository.next_in_series(work_id=work_id)
    return await list_ranked_works(session, ranking=ranking, limit=limit)


async def list_by_same_author(
    session: AsyncSession, *, work_id: int, limit: int
) -> list[RankedWork]:
    """Return what its authors wrote besides, the most read first; ``facts.via`` is the author."""
    ranking = rankings_repository.same_author(work_id=work_id)
    return await list_ranked_works(session, ranking=ranking, limit=limit)


async def list_of_similar_subjects(
    session: AsyncSession, *, work_id: int, limit: int
) -> list[RankedWork]:
    """Return works that share subjects, the rarer the better; ``facts.via`` is the rarest."""
    ranking = rankings_repository.similar_subjects(work_id=work_id)
    return await list_ranked_works(session, ranking=ranking, limit=limit)


async def list_ranked_books(
    session: AsyncSession, *, ranking: AnySelect, name: str, query: PageQuery, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return a page of a ranking's books that are sold, each with its ``rank``; and their number.

    ``ranking`` is a statement of ``book_id`` and ``rank``, cursors are signed for ``name``.

    Raises:
        CursorError: not a cursor of this list.
    """
    return await rankings_repository.list_ranked_books(
        session, ranking=ranking, name=name, window=query.window(name), count_to=count_to
    )


async def list_new(
    session: AsyncSession, *, market: Market, query: PageQuery, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return a page of what was published lately, the newest first; and how many there are.

    Raises:
        CursorError: not a cursor of this list.
    """
    order = rankings_repository.NEWEST_FIRST
    return await rankings_repository.list_published(
        session,
        after=market.today - NEW_FOR - timedelta(days=1),
        until=market.today,
        order=order,
        window=query.window(order.name),
        count_to=count_to,
    )


async def list_coming_soon(
    session: AsyncSession, *, market: Market, query: PageQuery, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return a page of what will be published soon, the soonest first; and how many there are.

    Raises:
        CursorError: not a cursor of this list.
    """
    order = rankings_repository.SOONEST_FIRST
    return await rankings_repository.list_published(
        session,
        after=market.today,
        until=market.today + SOON,
        order=order,
        window=query.window(order.name),
        count_to=count_to,
    )
