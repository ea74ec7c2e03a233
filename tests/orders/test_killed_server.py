"""The server is killed while the gateway is asked: copies are reserved and nobody settles."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.integrations.payments.demo import SILENT_CARD
from tests.live import LiveShop, plain_url
from tests.orders.live_baskets import fill_baskets
from tests.servers import run_command

BUYERS = 3
PENDING = "SELECT count(*) FROM orders WHERE status = 'pending'"
SECONDS = 30


async def until(connection: asyncpg.Connection, query: str, expected: int) -> None:
    async with asyncio.timeout(SECONDS):
        while await connection.fetchval(query) != expected:  # noqa: ASYNC110 (a database tells nobody)
            await asyncio.sleep(0.05)


async def check_out(shop: LiveShop, user_id: int) -> None:
    """Check out with the card that never answers; the answer never comes."""
    headers = {"Authorization": f"Bearer {shop.access_token(user_id)}"}
    async with httpx.AsyncClient(base_url=shop.base_url, headers=headers, timeout=60) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/api/v1/orders/checkout", json={"payment_token": SILENT_CARD})


@pytest.mark.alone
async def test_the_schedule_settles_what_it_left_behind(live_database: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(plain_url(live_database))
    try:
        buyers = await fill_baskets(connection, buyers=BUYERS, copies=BUYERS)
        shop = LiveShop(
            live_database, tmp_path, workers=2, settings={"GATEWAY_TIMEOUT_SECONDS": "50"}
        )
        buying = asyncio.gather(*(check_out(shop, user_id) for user_id in buyers))
        await until(connection, PENDING, BUYERS)
        shop.kill()
        await buying
        stock = await connection.fetchrow("SELECT on_hand, reserved, sold FROM stock")
        assert stock is not None
        assert tuple(stock) == (0, BUYERS, 0)

        await connection.execute("UPDATE orders SET reserved_until = now(), settle_after = now()")
        await connection.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name) "
            "VALUES ('orders.settle_overdue', 'default')"
        )
        worker = shop.start_worker()
        try:
            await until(connection, PENDING, 0)
            await until(connection, "SELECT count(*) FROM mails WHERE sent_at IS NOT NULL", BUYERS)
        finally:
            assert worker.stop() == 0, worker.output()
        statuses = await connection.fetch("SELECT DISTINCT status FROM orders")
        assert [row["status"] for row in statuses] == ["cancelled"]
        stock = await connection.fetchrow("SELECT on_hand, reserved, sold FROM stock")
        assert stock is not None
        assert tuple(stock) == (BUYERS, 0, 0)
        assert await connection.fetchval("SELECT count(*) FROM cart_items") == BUYERS
        assert "nothing was found" in await run_command("check", database_url=live_database)
    finally:
        await connection.close()
