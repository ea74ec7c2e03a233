"""The shop that the tests of access share: filled once, and every request undone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.access.shop import Shop, open_shop


@pytest_asyncio.fixture(scope="module")
async def shop(
    test_engine: AsyncEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    async with open_shop(test_engine, tmp_path_factory.mktemp("media")) as filled:
        yield filled
