"""Buyers check out without end while processes are killed: what was acknowledged stays.

Clients send their key again until they are told how it ended, as good clients do. ``make soak``
kills many more times.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest

from tests.killing import MortalShop, Victim, mortal_shop
from tests.live import TRUSTS_NOBODY, plain_url
from tests.orders.live_baskets import fill_baskets
from tests.servers import run_command

KILLS = int(os.environ.get("KILLS", "3"))
CHECKOUTS_A_SECOND = 20
AT_ONCE = 40
"""Clients that wait for the shop to come back. More would only wait as well."""

PAUSE_SECONDS = 0.7
BUYERS_A_KILL = 200
RECOVERY_SECONDS = 60
SETTINGS = {"GATEWAY_TIMEOUT_SECONDS": "2", "DATABASE_POOL_WAIT_SECONDS": "5"}

MOVE_TIME = """
    UPDATE orders SET reserved_until = now(), settle_after = now()
    WHERE status = 'pending' AND created_at < now() - interval '3 seconds'
"""
SCHEDULE = """
    INSERT INTO procrastinate_jobs (task_name, queue_name)
    VALUES ('orders.settle_overdue', 'default')
"""


@dataclass
class Buying:
    """Buyers that come twenty a second, and what they were told in the end."""

    mortal: MortalShop
    buyers: list[int]
    acknowledged: dict[int, dict[str, Any]] = field(default_factory=dict)
    told_nothing_was_charged: set[int] = field(default_factory=set)
    unexpected: list[str] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)
    waiting: set[asyncio.Task[None]] = field(default_factory=set)

    async def go_on(self, client: httpx.AsyncClient, enough: asyncio.Event) -> None:
        """Let the next buyer come, and the next, until it is enough."""
        for user_id in self.buyers:
            if enough.is_set():
                return
            if len(self.waiting) < AT_ONCE:
                task = asyncio.create_task(self._buy(client, user_id))
                self.waiting.add(task)
                task.add_done_callback(self.waiting.discard)
            await asyncio.sleep(1 / CHECKOUTS_A_SECOND)
        raise AssertionError("there are no buyers left")

    async def _buy(self, client: httpx.AsyncClient, user_id: int) -> None:
        headers = {
            "Authorization": f"Bearer {self.mortal.shop.access_token(user_id)}",
            "Idempotency-Key": f"of buyer {user_id}",
        }
        while True:
            try:
                answer = await client.post("/api/v1/orders/checkout", json={}, headers=headers)
            except httpx.TransportError as error:
                self.retries[type(error).__name__] += 1
            else:
                if answer.status_code == httpx.codes.CREATED:
                    self.acknowledged[user_id] = answer.json()
                    return
                if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
                    self.told_nothing_was_charged.add(user_id)
                    return
                if answer.status_code not in {202, 503} and (
                    answer.json().get("code") != "ORDER_IN_PROGRESS"
                ):
                    self.unexpected.append(f"{answer.status_code} {answer.text}")
                    return
                self.retries[str(answer.status_code)] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def until_somebody_is_served(self) -> None:
        served = len(self.acknowledged)
        async with asyncio.timeout(RECOVERY_SECONDS):
            while len(self.acknowledged) == served:  # noqa: ASYNC110 (clients tell nobody)
                await asyncio.sleep(0.05)


@pytest.mark.alone
async def test_no_acknowledged_order_is_lost_and_nobody_pays_twice(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    lot = Random(20261201)  # noqa: S311 (the same victims each time)
    async with mortal_shop(tmp_path, settings=SETTINGS) as mortal:
        count = BUYERS_A_KILL * (KILLS + 1)
        connection = await asyncpg.connect(plain_url(mortal.database_url))
        buyers = await fill_baskets(connection, buyers=count, copies=count)
        await connection.close()

        buying = Buying(mortal, buyers)
        enough = asyncio.Event()
        async with httpx.AsyncClient(
            base_url=mortal.shop.base_url, timeout=20, verify=TRUSTS_NOBODY, trust_env=False
        ) as client:
            coming = asyncio.create_task(buying.go_on(client, enough))
            for victim in victims(lot):
                await buying.until_somebody_is_served()
                await asyncio.sleep(lot.uniform(0.1, 1.5))
                await asyncio.to_thread(mortal.kill, victim)
            restarted = time.monotonic()
            await buying.until_somebody_is_served()
            enough.set()
            await coming
            await end(mortal, buying)
        assert "nothing was found" in await run_command("check", database_url=mortal.database_url)
        assert time.monotonic() - restarted < RECOVERY_SECONDS

        assert buying.unexpected == []
        assert len(buying.acknowledged) > KILLS
        await prove(mortal, buying)
        record_property("acknowledged", len(buying.acknowledged))
        record_property("sent again", dict(buying.retries))


def victims(lot: Random) -> list[Victim]:
    """Return each victim equally often, in any order; of three each but the worker alone."""
    every = [Victim.ALL, Victim.POSTGRES, Victim.SERVER, Victim.WORKER]
    chosen = [every[number % len(every)] for number in range(KILLS)]
    lot.shuffle(chosen)
    return chosen


async def end(mortal: MortalShop, buying: Buying) -> None:
    """Let the schedule settle what was left behind, as if time had passed, and all clients end."""
    connection = await asyncpg.connect(plain_url(mortal.database_url))
    try:
        async with asyncio.timeout(RECOVERY_SECONDS):
            while buying.waiting:
                await asyncio.sleep(1)
                await connection.execute(MOVE_TIME)
                await connection.execute(SCHEDULE)
    finally:
        await connection.close()


async def prove(mortal: MortalShop, buying: Buying) -> None:
    """Compare what buyers were told with what there is."""
    connection = await asyncpg.connect(plain_url(mortal.database_url))
    try:
        rows = await connection.fetch("""
            SELECT o.id, o.user_id, o.status, p.status AS paid, c.state AS charge,
                   c.amount = o.total AND c.refunded = 0 AS is_whole,
                   (SELECT count(*) FROM outbox_events
                    WHERE name = 'OrderConfirmed' AND payload ->> 'order_id' = o.id::text) AS told
            FROM orders o
            JOIN payments p ON p.order_id = o.id
            LEFT JOIN demo_charges c ON c.reference = p.reference
        """)
        orders = {row["user_id"]: row for row in rows}
        assert len(orders) == len(rows), "two orders of one key"
        for user_id, told in buying.acknowledged.items():
            order = orders[user_id]
            assert (order["id"], order["status"], order["paid"], order["charge"]) == (
                told["id"],
                "confirmed",
                "captured",
                "captured",
            )
            assert (order["is_whole"], order["told"]) == (True, 1)
        for user_id in buying.told_nothing_was_charged:
            order = orders[user_id]
            assert (order["status"], order["paid"], order["charge"], order["told"]) == (
                "cancelled",
                "failed",
                "declined",
                0,
            )
        assert orders.keys() == buying.acknowledged.keys() | buying.told_nothing_was_charged
        captured = await connection.fetchval(
            "SELECT count(*) FROM demo_charges WHERE state = 'captured'"
        )
        assert captured == len(buying.acknowledged)
    finally:
        await connection.close()
