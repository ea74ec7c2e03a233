"""Working out ahead what readers also bought and which books sell best.

Two works belong together by the item-to-item cosine of Linden, Smith and York, "Amazon.com
recommendations" (IEEE Internet Computing 7, 2003) and Sarwar et al., "Item-based collaborative
filtering recommendation algorithms" (WWW 2001): over readers, the sum of the products of what
both works weigh with them, by the root of the product of both sums of squares. It is shrunk by
``support / (support + SHRINKAGE)``, so that few readers prove little (Bell and Koren, "Improved
neighborhood-based collaborative filtering", KDD Cup 2007).

A reader counts once for a pair however often they bought either. Fewer than ``LEAST_SUPPORT``
readers prove nothing, whatever they did, and works that are bought together no more often than
chance would have it (lift of one or less) do not belong together. Of a reader only the last
``WORKS_PER_READER`` works count, so that the pairs of a library or a reseller stay few.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.recommendations import repository
from app.recommendations.models import Period

HISTORY = timedelta(days=730)
"""What was bought longer ago says nothing of today's readers."""

LEAST_SUPPORT = 3
SHRINKAGE = 10
WORKS_PER_READER = 100
KEPT = 24

RULE = repository.Rule(
    least_support=LEAST_SUPPORT,
    shrinkage=SHRINKAGE,
    works_per_reader=WORKS_PER_READER,
    kept=KEPT,
)

PERIODS = {Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=30)}
BESTSELLERS = 200


async def refresh_also_bought(
    session: AsyncSession, *, now: datetime, rule: repository.Rule = RULE
) -> None:
    """Work out anew what readers of each work also bought.

    All of it changes when the transaction is committed. Two at once take turns, and one after the
    other with nothing bought between changes no row.
    """
    await repository.lock_refresh(session, name="also_bought")
    await repository.gather_evidence(
        session, since=now - HISTORY, until=now, works_per_reader=rule.works_per_reader
    )
    readers = await repository.count_readers(session)
    after = 0
    for end in (*await repository.list_ends(session), None):
        await repository.replace_also_bought(
            session, after=after, to=end, readers=readers, rule=rule
        )
        after = end or after
    await repository.forget_evidence(session)


async def refresh_bestsellers(session: AsyncSession, *, now: datetime) -> None:
    """Count anew what sold best in the last week and month. All of it changes at the commit."""
    await repository.lock_refresh(session, name="bestsellers")
    for period, length in PERIODS.items():
        await repository.replace_bestsellers(
            session, period=period, since=now - length, until=now, kept=BESTSELLERS
        )
