"""What the tests of orders share: who buys, and a shop that takes money at the counter."""

from collections.abc import Iterator

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.payments.in_shop import InShopGateway
from app.main import app
from tests.orders.selling import Buyer, make_buyer


@pytest.fixture
async def buyer(client: AsyncClient, db_session: AsyncSession) -> Buyer:
    return await make_buyer(client, db_session)


@pytest.fixture
def till() -> Iterator[None]:
    """A shop whose buyers pay at the counter."""
    before, app.state.gateway = app.state.gateway, InShopGateway()
    yield
    app.state.gateway = before
