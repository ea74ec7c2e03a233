"""Work on orders that the schedule does."""

from app.core.clock import utc_now
from app.db.session import AsyncSessionLocal
from app.integrations.payments.demo import DemoGateway
from app.jobs.queue import periodic
from app.orders.checkout import settle_overdue


@periodic("orders.settle_overdue", cron="*/1 * * * *")
async def settle_overdue_orders() -> None:
    """Settle the orders whose gateway never answered, and give their copies back."""
    async with AsyncSessionLocal() as session:
        await settle_overdue(session, gateway=DemoGateway(), now=utc_now())
