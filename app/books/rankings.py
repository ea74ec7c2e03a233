"""Works in an order that another package decides, and what stands near a work in the catalogue."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookNotFoundError
from app.books.repository import rankings as rankings_repository
from app.books.repository.rankings import OF_WORK as OF_WORK
from app.books.schemas import BookSummary
from app.core.keyset import AnyRow, AnySelect
from app.core.market import Market
from app.core.pagination import PageQuery, Slice

NEW_FOR = timedelta(days=60)
"""How long after its publication a book is new, the sixtieth day included."""

SOON = timedelta(days=120)
"""How long before its publication a book is announced, in days from today."""

FETCHED = 2
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
    session: AsyncSession,
    *,
    ranking: AnySelect,
    work_id: int,
    limit: int,
    except_work_ids: Collection[int],
) -> list[RankedWork]:
    """Return the first works of a work's ranking that can be bought now, by their best editions.

    ``ranking`` is a statement of ``work_id``, once each, ``rank``, and what else is to be known.
    It is one of few that are made once, and takes the work as the parameter ``OF_WORK``.
    """
    rows = await rankings_repository.list_ranked_works(
        session,
        ranking=ranking,
        work_id=work_id,
        except_work_ids=except_work_ids,
        limit=limit * FETCHED,
    )
    ranked = (
        RankedWork(work_id=row.work_id, book=BookSummary.model_validate(row), facts=row)
        for row in rows
    )
    return list(islice((work for work in ranked if work.book.availability.can_be_bought), limit))


def next_in_series() -> AnySelect:
    """Return a ranking of the volumes that follow; with ``via``, the series, and ``number``."""
    return rankings_repository.next_in_series()


def same_author() -> AnySelect:
    """Return a ranking of what its authors wrote besides, the most read first; with ``via``."""
    return rankings_repository.same_author()


def similar_subjects() -> AnySelect:
    """Return a ranking of works that share subjects, rare ones first; ``via`` is the rarest."""
    return rankings_repository.similar_subjects()


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
