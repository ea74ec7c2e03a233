"""SQL for who makes books: contributors, and publishers with their imprints."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Contribution, Contributor, ContributorRole, Publisher
from app.books.repository.filters import has_words
from app.core.keyset import AnyRow, Order, count_rows, read_slice
from app.core.pagination import Slice, Window

CONTRIBUTORS_BY_NAME = Order(name="contributors by name", keys=(Contributor.name.expression,))
PUBLISHERS_BY_NAME = Order(name="publishers by name", keys=(Publisher.name.expression,))

COUNTED_CONTRIBUTIONS = 10_000
"""How many of somebody's works are looked at for the roles; "Various" has made very many."""


async def list_contributors(
    session: AsyncSession, *, words: str | None, window: Window, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return contributors by name, and how many there are, counted to a limit.

    ``words`` is a tsquery over their names.
    """
    statement = select(Contributor.id, Contributor.name, Contributor.sort_name, Contributor.is_body)
    if words is not None:
        statement = statement.where(has_words(Contributor.name, words))
    found = await read_slice(session, statement, order=CONTRIBUTORS_BY_NAME, window=window)
    return found, await count_rows(session, statement, limit=count_to)


async def find_contributor(session: AsyncSession, *, contributor_id: int) -> Contributor | None:
    """Return a contributor."""
    return await session.get(Contributor, contributor_id)


async def list_roles(session: AsyncSession, *, contributor_id: int) -> Sequence[ContributorRole]:
    """Return what somebody did, the most frequent first."""
    works = (
        select(Contribution.role)
        .where(Contribution.contributor_id == contributor_id)
        .limit(COUNTED_CONTRIBUTIONS)
        .subquery()
    )
    statement = (
        select(works.c.role).group_by(works.c.role).order_by(func.count().desc(), works.c.role)
    )
    return (await session.scalars(statement)).all()


async def list_publishers(
    session: AsyncSession, *, words: str | None, window: Window, count_to: int
) -> tuple[Slice[AnyRow], int]:
    """Return publishers and imprints by name, as ``list_contributors`` does."""
    statement = select(Publisher.id, Publisher.name)
    if words is not None:
        statement = statement.where(has_words(Publisher.name, words))
    found = await read_slice(session, statement, order=PUBLISHERS_BY_NAME, window=window)
    return found, await count_rows(session, statement, limit=count_to)


async def find_publisher(session: AsyncSession, *, publisher_id: int) -> Publisher | None:
    """Return a publisher or an imprint."""
    return await session.get(Publisher, publisher_id)
