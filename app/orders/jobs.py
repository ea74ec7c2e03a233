"""Work on orders that the schedule does."""

from app.core.clock import utc_now
from app.core.config import get_settings
from app.db.session import AsyncSessionLocal
from app.integrations.payments.factory import make_gateway
from app.jobs.queue import periodic
from app.orders.overdue import settle_overdue


@periodic("orders.settle_overdue", cron="*/1 * * * *")
async def settle_overdue_orders() -> None:
    """Settle the orders whose gateway never answered, and give their copies back."""
    async with AsyncSessionLocal() as session:
        while await settle_overdue(
            session, find_gateway=make_gateway, now=utc_now(), settings=get_settings()
        ):
            pass
