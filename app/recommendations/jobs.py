"""What the schedule works out ahead."""

from app.core.clock import utc_now
from app.db.session import session_scope
from app.jobs.queue import periodic
from app.recommendations import refreshing


@periodic("recommendations.also_bought", cron="7 2 * * *")
async def refresh_also_bought() -> None:
    """Work out every night what readers of each book also bought."""
    async with session_scope() as session:
        await refreshing.refresh_also_bought(session, now=utc_now())


@periodic("recommendations.bestsellers", cron="23 * * * *")
async def refresh_bestsellers() -> None:
    """Count the bestsellers every hour."""
    async with session_scope() as session:
        await refreshing.refresh_bestsellers(session, now=utc_now())
