"""Work on baskets that the schedule does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.service import forget_old_guest_carts
from app.core.clock import utc_now
from app.jobs.batches import in_batches
from app.jobs.queue import periodic


@periodic("cart.prune", cron="7 3 * * *")
async def prune_guest_carts() -> None:
    """Delete the baskets of guests who did not come back."""
    now = utc_now()

    async def step(session: AsyncSession, limit: int) -> int:
        return await forget_old_guest_carts(session, now=now, limit=limit)

    await in_batches(step)
