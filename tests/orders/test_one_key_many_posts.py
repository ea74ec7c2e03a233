"""One basket, one key, many posts at once, over real sockets to several server processes."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.live import TRUSTS_NOBODY, LiveShop, live_shop, plain_url
from tests.orders.live_baskets import fill_baskets
from tests.servers import run_command

BASKETS = int(os.environ.get("KEY_BASKETS", "10"))
"""`make soak` has 200."""

POSTS = 16


async def post_at_once(shop: LiveShop, user_id: int) -> list[httpx.Response]:
    """Send the same checkout over as many sockets, which are open before."""
    headers = {
        "Authorization": f"Bearer {shop.access_token(user_id)}",
        "Idempotency-Key": "the same for every buyer",
    }
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=shop.base_url, headers=headers, timeout=60, verify=TRUSTS_NOBODY
                )
            )
            for _ in range(POSTS)
        ]
        await asyncio.gather(*(client.get("/health") for client in clients))
        return await asyncio.gather(
            *(client.post("/api/v1/orders/checkout", json={}) for client in clients)
        )


@pytest.mark.alone
async def test_they_are_one_order_one_charge_and_one_answer(
    live_database: str, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(plain_url(live_database))
    try:
        buyers = await fill_baskets(connection, buyers=BASKETS, copies=2 * BASKETS)
        with live_shop(live_database, tmp_path, workers=3) as shop:
            for user_id in buyers:
                answers = await post_at_once(shop, user_id)
                in_flight = [answer for answer in answers if answer.status_code == 409]
                placed = [answer for answer in answers if answer.status_code == 201]
                assert len(in_flight) + len(placed) == POSTS
                assert {answer.json()["code"] for answer in in_flight} <= {"ORDER_IN_PROGRESS"}
                assert len({answer.content for answer in placed}) == 1
        orders = await connection.fetch("SELECT user_id, status FROM orders ORDER BY user_id")
        assert [tuple(row) for row in orders] == [(user_id, "confirmed") for user_id in buyers]
        charges = await connection.fetch("SELECT state, amount::text FROM demo_charges")
        assert [tuple(row) for row in charges] == [("captured", "12.99")] * BASKETS
        stock = await connection.fetchrow("SELECT on_hand, reserved, sold FROM stock")
        assert stock is not None
        assert tuple(stock) == (BASKETS, 0, BASKETS)
        assert "nothing was found" in await run_command("check", database_url=live_database)
    finally:
        await connection.close()
