"""Work on the catalogue that the schedule does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.repricing import reprice_books
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.market import shop_market
from app.jobs.batches import in_batches
from app.jobs.queue import periodic


@periodic("books.reprice", cron="1,16,31,46 * * * *")
async def reprice_books_of_the_day() -> None:
    """Let prices begin and end on their day.

    The schedule is in UTC, and zones differ from it by whole quarters of an hour: a minute after
    the shop's midnight, whichever zone it is in. All later runs of the day find nothing to do.
    """
    settings = get_settings()
    market = shop_market(now=utc_now(), settings=settings)

    async def step(session: AsyncSession, limit: int) -> int:
        return await reprice_books(session, market=market, currency=settings.currency, limit=limit)

    await in_batches(step)
