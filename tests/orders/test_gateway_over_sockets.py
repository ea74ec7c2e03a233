"""A slow, silent or late gateway, over real sockets: Stripe's SDK in real server processes.

The gateway is the tests' stand-in. Who waits for it holds nothing that others need; what it never
tells is found out; what it takes too late goes back.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.live import LiveShop, live_shop, plain_url
from tests.orders.live_baskets import fill_baskets
from tests.servers import run_command
from tests.stripe_stand_in import StandIn, serving, signed

pytestmark = pytest.mark.alone

ASLEEP_SECONDS = 5.0
"""For each of the two calls of a charge: ten seconds in all."""

WAITING = 12
MESSAGES = 200
SILENT, LATE = 100, 50
ASKING = "pm_card_threeDSecure2Required"
SECONDS = 60


@pytest.fixture
def account() -> Iterator[StandIn]:
    with serving() as stand_in:
        yield stand_in


@pytest.fixture
def shop(live_database: str, tmp_path: Path, account: StandIn) -> Iterator[LiveShop]:
    settings = account.environment() | {"GATEWAY_TIMEOUT_SECONDS": "30"}
    with live_shop(live_database, tmp_path, workers=2, settings=settings) as shop:
        yield shop


@pytest_asyncio.fixture
async def connection(live_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(plain_url(live_database))
    yield connection
    await connection.close()


@asynccontextmanager
async def client_of(shop: LiveShop) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{shop.base_url}/api/v1", timeout=60) as client:
        yield client


async def check_out(shop: LiveShop, user_id: int, card: str) -> int:
    """Check out and return the status."""
    headers = {"Authorization": f"Bearer {shop.access_token(user_id)}"}
    async with client_of(shop) as client:
        answer = await client.post(
            "/orders/checkout", json={"payment_token": card}, headers=headers
        )
    return answer.status_code


async def a_few_at_a_time(calls: Sequence[Callable[[], Awaitable[Any]]], few: int = 16) -> None:
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await call()

    await asyncio.gather(*(work() for _ in range(few)))


async def run_schedule(connection: asyncpg.Connection) -> None:
    """Let the schedule have its turn, and wait for its end."""
    job = await connection.fetchval(
        "INSERT INTO procrastinate_jobs (task_name, queue_name, priority) "
        "VALUES ('orders.settle_overdue', 'default', 10) RETURNING id"
    )
    unfinished = (
        "SELECT count(*) FROM procrastinate_jobs WHERE id = $1 AND status IN ('todo', 'doing')"
    )
    await until(connection, unfinished, 0, job)


async def until(connection: asyncpg.Connection, query: str, expected: Any, *values: Any) -> None:
    async with asyncio.timeout(SECONDS):
        while await connection.fetchval(query, *values) != expected:  # noqa: ASYNC110 (a database tells nobody)
            await asyncio.sleep(0.05)


async def count(connection: asyncpg.Connection, condition: str) -> int:
    query = "SELECT count(*) FROM orders o JOIN payments p ON p.order_id = o.id WHERE "
    return int(await connection.fetchval(query + condition))


def p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


async def watch_transactions(database_url: str, idle: list[float]) -> None:
    """Note every 50 milliseconds how long the idlest open transaction has been idle."""
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        while True:
            longest = await connection.fetchval(
                "SELECT max(extract(epoch FROM clock_timestamp() - state_change)) "
                "FROM pg_stat_activity WHERE datname = current_database() "
                "AND state LIKE 'idle in transaction%'"
            )
            idle.append(float(longest or 0))
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def browse(shop: LiveShop, taken: list[float]) -> None:
    """Read as others do meanwhile; note how long each answer took."""
    async with client_of(shop) as client:
        while True:
            started = time.perf_counter()
            answer = await client.get("/books")
            taken.append(time.perf_counter() - started)
            assert answer.status_code == 200
            await asyncio.sleep(0.02)


async def test_who_waits_for_a_slow_gateway_holds_up_nobody(
    shop: LiveShop, connection: asyncpg.Connection, account: StandIn, live_database: str
) -> None:
    buyers = await fill_baskets(connection, buyers=WAITING, copies=WAITING)
    account.delay = ASLEEP_SECONDS
    idle: list[float] = []
    taken: list[float] = []
    others = [
        asyncio.create_task(watch_transactions(live_database, idle)),
        *(asyncio.create_task(browse(shop, taken)) for _ in range(2)),
    ]
    started = time.perf_counter()
    answers = await asyncio.gather(*(check_out(shop, buyer, "pm_card_visa") for buyer in buyers))
    waited = time.perf_counter() - started
    for task in others:
        assert not task.done()
        task.cancel()
    assert answers == [201] * WAITING
    assert waited >= 2 * ASLEEP_SECONDS
    assert len(idle) > 100
    assert max(idle) < 0.2
    assert len(taken) > 200
    assert p95(taken) < 0.3

    account.delay = 0
    await messages_are_acknowledged_at_once(shop, connection, account)
    assert "nothing was found" in await run_command("check", database_url=live_database)


async def messages_are_acknowledged_at_once(
    shop: LiveShop, connection: asyncpg.Connection, account: StandIn
) -> None:
    """Send good, forged and old messages, all mixed."""
    intents = list(account.intents)
    taken: list[float] = []

    async def send(client: httpx.AsyncClient, number: int) -> None:
        body = account.event(intents[number % len(intents)], "succeeded", event_id=f"evt_{number}")
        for _ in range(2):
            started = time.perf_counter()
            answer = await client.post(
                "/payments/stripe/webhook", content=body, headers=signed(body)
            )
            taken.append(time.perf_counter() - started)
            assert (answer.status_code, answer.json()) == (200, {"received": True})
        forged = account.event(intents[0], "succeeded", event_id=f"evt_forged_{number}")
        wrong = signed(forged, secret="of-another") if number % 2 else signed(forged, age=301)
        answer = await client.post("/payments/stripe/webhook", content=forged, headers=wrong)
        assert answer.status_code == 400
        assert answer.json()["code"] == "PAYMENT_WEBHOOK_REFUSED"

    async with client_of(shop) as client:
        await a_few_at_a_time([partial(send, client, number) for number in range(MESSAGES)], few=4)
    assert len(taken) == 2 * MESSAGES
    assert p95(taken) < 0.2
    assert await connection.fetchval("SELECT count(*) FROM gateway_events") == MESSAGES
    forged = "SELECT count(*) FROM gateway_events WHERE event_id LIKE 'evt_forged%'"
    assert await connection.fetchval(forged) == 0


async def test_what_no_message_tells_is_found_out_and_late_money_goes_back(
    shop: LiveShop, connection: asyncpg.Connection, account: StandIn, live_database: str
) -> None:
    buyers = await fill_baskets(connection, buyers=SILENT + 2 * LATE, copies=SILENT + LATE)
    asked, quick = buyers[: SILENT + LATE], buyers[SILENT + LATE :]
    await a_few_at_a_time([partial(check_out, shop, buyer, ASKING) for buyer in asked])
    assert await count(connection, "o.status = 'pending' AND p.status = 'needs_action'") == len(
        asked
    )
    intents = list(account.intents)
    for intent_id in intents[:SILENT]:
        account.authenticate(intent_id)

    worker = shop.start_worker()
    try:
        for _ in range(2):
            await connection.execute("UPDATE orders SET settle_after = now()")
            await run_schedule(connection)
        assert await count(connection, "o.status = 'confirmed' AND p.status = 'captured'") == SILENT

        await connection.execute(
            "UPDATE orders SET reserved_until = now(), settle_after = now() "
            "WHERE status = 'pending'"
        )
        await run_schedule(connection)
        assert await count(connection, "o.status = 'cancelled' AND p.status = 'failed'") == LATE
        await a_few_at_a_time([partial(check_out, shop, buyer, "pm_card_visa") for buyer in quick])
        assert await connection.fetchval("SELECT on_hand FROM stock") == 0
        await late_money_comes(shop, connection, account, intents[SILENT:])
    finally:
        assert worker.stop() == 0, worker.output()
    assert await count(connection, "o.status = 'confirmed'") == SILENT + LATE
    assert account.taken() == (SILENT + LATE) * 1299
    stock = await connection.fetchrow("SELECT on_hand, reserved, sold FROM stock")
    assert stock is not None
    assert tuple(stock) == (0, 0, SILENT + LATE)
    assert "nothing was found" in await run_command("check", database_url=live_database)


async def late_money_comes(
    shop: LiveShop, connection: asyncpg.Connection, account: StandIn, intents: Sequence[str]
) -> None:
    """Let the bank take money for orders that were given up, and say so twice at once."""

    async def tell(client: httpx.AsyncClient, intent_id: str) -> None:
        account.capture_late(intent_id)
        bodies = [
            account.event(intent_id, "succeeded", event_id=f"evt_{secrets.token_hex(4)}")
            for _ in range(2)
        ]
        answers = await asyncio.gather(
            *(
                client.post("/payments/stripe/webhook", content=body, headers=signed(body))
                for body in bodies
            )
        )
        assert [answer.status_code for answer in answers] == [200, 200]

    async with client_of(shop) as client:
        await a_few_at_a_time([partial(tell, client, intent_id) for intent_id in intents], few=4)
    returned = "SELECT count(*) FROM payments WHERE given_back_at IS NOT NULL"
    await until(connection, returned, len(intents))
    told = "SELECT count(DISTINCT recipient) FROM mails WHERE template = 'late_money'"
    await until(connection, told, len(intents))
    assert len(account.refunds) == len(intents)
    assert await count(connection, "o.status = 'cancelled' AND p.status = 'failed'") == len(intents)
