"""Asks every domain whether its data keep their promises: ``bookstore check``."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.stock import find_unbalanced, find_unexplained
from app.books.works import find_empty
from app.core.clock import utc_now
from app.core.findings import Finding
from app.db.session import snapshot_scope
from app.jobs.invariants import find_kept_too_long
from app.notifications.service import find_repeated
from app.orders.invariants import find_breaches
from app.promotions.invariants import find_breaches as find_breaches_of_promotions
from app.reviews.invariants import find_breaches as find_breaches_of_reviews
from app.users.invariants import find_breaches as find_breaches_of_users


async def check() -> list[Finding]:
    """Return every breach of an invariant, all seen at one moment, so that the shop may be open."""
    async with snapshot_scope() as session:
        return await check_in(session)


async def check_in(session: AsyncSession) -> list[Finding]:
    """Return every breach of an invariant that a session sees."""
    now = utc_now()
    return [
        *await find_unbalanced(session),
        *await find_unexplained(session),
        *await find_empty(session),
        *await find_breaches(session, now=now),
        *await find_breaches_of_promotions(session),
        *await find_breaches_of_reviews(session),
        *await find_repeated(session),
        *await find_breaches_of_users(session),
        *await find_kept_too_long(session, now=now),
    ]
