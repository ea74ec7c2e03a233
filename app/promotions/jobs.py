"""Work on coupons that the schedule does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.jobs.batches import in_batches
from app.jobs.queue import periodic
from app.promotions.service import forget_people


@periodic("promotions.forget_people", cron="37 3 * * *")
async def forget_people_of_old_coupons() -> None:
    """Forget by whom coupons were used that nobody can use any more."""
    now = utc_now()

    async def step(session: AsyncSession, limit: int) -> int:
        return await forget_people(session, now=now, limit=limit)

    await in_batches(step)
