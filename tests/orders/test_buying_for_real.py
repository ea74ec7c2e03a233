"""Buying over real sockets from several server processes, where clients, lines and races misbehave.

Counts are small here; ``BUYING_FACTOR`` multiplies them, as ``make soak`` does up to those that are
promised.
"""

import asyncio
import os
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import asyncpg
import httpx
import pytest
import pytest_asyncio

from app.integrations.payments.demo import SILENT_CARD
from app.promotions.codes import hash_gift_card_code
from tests.fault_proxy import Fault, FaultProxy
from tests.live import LiveShop, live_shop, plain_url
from tests.orders.live_baskets import ADD_STOCK
from tests.servers import drop_database, make_database, run_command

FACTOR = int(os.environ.get("BUYING_FACTOR", "1"))
CHECKOUT = "/api/v1/orders/checkout"
AT_ONCE = 25
PLENTY = 100_000
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For ``verify`` of each of many clients: there is no TLS, and to load whom to trust is slow."""

_names = count(1)

T = TypeVar("T")

pytestmark = pytest.mark.alone


@dataclass(frozen=True)
class Trade:
    """A shop with its database; every test brings its own books and buyers."""

    shop: LiveShop
    connection: asyncpg.Connection

    async def make_book(self, *, price: str = "12.99") -> int:
        work = "INSERT INTO works (title, author) VALUES ('Emma', 'Jane Austen') RETURNING id"
        book = "INSERT INTO books (work_id, price, currency) VALUES ($1, $2, 'USD') RETURNING id"
        work_id = await self.connection.fetchval(work)
        book_id: int = await self.connection.fetchval(book, work_id, Decimal(price))
        await self.connection.execute(ADD_STOCK, book_id, PLENTY)
        return book_id

    async def make_buyers(self, number: int, *books: int) -> list[int]:
        """Write so many accounts, each with a copy of the books in its basket, in this order."""
        name = f"buyer{next(_names)}"
        rows = await self.connection.fetch(
            "INSERT INTO users (email) SELECT $2 || '-' || n || '@example.com' "
            "FROM generate_series(1, $1) AS n RETURNING id",
            *(number, name),
        )
        buyers = [int(row["id"]) for row in rows]
        await self.connection.execute(
            "INSERT INTO carts (user_id) SELECT unnest($1::int[])", buyers
        )
        await self.refill(buyers, *books)
        return buyers

    async def refill(self, buyers: Sequence[int], *books: int) -> None:
        for book_id in books:
            await self.connection.execute(
                "INSERT INTO cart_items (cart_id, book_id, quantity, price_seen) "
                "SELECT id, $2, 1, (SELECT price FROM books WHERE id = $2) "
                "FROM carts WHERE user_id = ANY($1::int[])",
                *(list(buyers), book_id),
            )

    async def statuses(self, buyers: Sequence[int]) -> Counter[str]:
        rows = await self.connection.fetch(
            "SELECT status FROM orders WHERE user_id = ANY($1::int[])", list(buyers)
        )
        return Counter(row["status"] for row in rows)

    async def until_placed(self, buyers: Sequence[int]) -> None:
        """Wait until each of some buyers has an order."""
        async with asyncio.timeout(30):
            while (await self.statuses(buyers)).total() < len(buyers):  # noqa: ASYNC110 (SQL)
                await asyncio.sleep(0.02)

    async def charges(self, buyers: Sequence[int]) -> int:
        """Return how often the bank took money of somebody."""
        taken: int = await self.connection.fetchval(
            "SELECT count(*) FROM demo_charges d JOIN payments p USING (reference) "
            "JOIN orders o ON o.id = p.order_id "
            "WHERE d.state = 'captured' AND o.user_id = ANY($1::int[])",
            list(buyers),
        )
        return taken


@pytest_asyncio.fixture(scope="module")
async def trade(
    migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Trade]:
    """One shop of four processes for all that is tried here; at its end nothing is amiss."""
    url = await make_database("buying", template=migrated_template)
    connection = await asyncpg.connect(plain_url(url))
    settings = {
        "GATEWAY_TIMEOUT_SECONDS": "5",
        "DATABASE_POOL_WAIT_SECONDS": "30",  # so many at once may wait here: it is not about load
    }
    with live_shop(url, tmp_path_factory.mktemp("buying"), workers=4, settings=settings) as shop:
        yield Trade(shop, connection)
        assert "nothing was found" in await run_command("check", database_url=url)
    await connection.close()
    await drop_database(url)


@asynccontextmanager
async def clients_of(
    trade: Trade, buyers: Sequence[int], *, base_url: str | None = None
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Have a client of every buyer's own, so that nobody waits for another's socket."""
    async with AsyncExitStack() as stack:
        clients = []
        for user_id in buyers:
            client = httpx.AsyncClient(
                base_url=base_url or trade.shop.base_url,
                headers={"Authorization": f"Bearer {trade.shop.access_token(user_id)}"},
                timeout=60,
                verify=TRUSTS_NOBODY,
            )
            clients.append(await stack.enter_async_context(client))
        yield clients


def groups(everybody: Sequence[T], size: int = AT_ONCE) -> list[Sequence[T]]:
    return [everybody[start : start + size] for start in range(0, len(everybody), size)]


async def buy(
    client: httpx.AsyncClient, *, key: str | None = None, **request: Any
) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = await client.post(CHECKOUT, json=request, headers=headers)
    return response.status_code, response.json()


async def buy_at_once(
    clients: Sequence[httpx.AsyncClient], **request: Any
) -> list[tuple[int, dict[str, Any]]]:
    """Let all buy at the same moment; their sockets are open before."""
    await asyncio.gather(*(client.get("/health") for client in clients))
    return await asyncio.gather(*(buy(client, **request) for client in clients))


def told(answers: Sequence[tuple[int, dict[str, Any]]]) -> Counter[tuple[int, str | None]]:
    return Counter((status, body.get("code")) for status, body in answers)


async def test_a_key_in_flight_changed_or_of_another(trade: Trade) -> None:
    buyers = await trade.make_buyers(10 * FACTOR, await trade.make_book())
    for group in groups(buyers):
        async with clients_of(trade, group) as clients:
            first = asyncio.gather(
                *(buy(client, key="k", payment_token=SILENT_CARD) for client in clients)
            )
            await trade.until_placed(group)
            twins = await asyncio.gather(
                *(buy(client, key="k", payment_token=SILENT_CARD) for client in clients)
            )
            changed = await asyncio.gather(*(buy(client, key="k") for client in clients))
            assert told(twins) == {(409, "ORDER_IN_PROGRESS"): len(group)}
            assert told(changed) == {(422, "IDEMPOTENCY_KEY_REUSED"): len(group)}
            answers = await first
            assert told(answers) == {(202, None): len(group)}
            again = await asyncio.gather(
                *(buy(client, key="k", payment_token=SILENT_CARD) for client in clients)
            )
            assert again == answers
            assert len({body["id"] for _, body in answers}) == len(group)  # the key is everybody's
    assert await trade.statuses(buyers) == {"pending": len(buyers)}


POINTS = (
    Fault(cut_request_after=20),
    Fault(cut_request_after=400),
    Fault(cut_answer_after=0),
    Fault(cut_answer_after=12),
    Fault(cut_answer_after=600),
)
"""The line breaks in the request's head, in its body or just before, and in the answer."""


async def test_an_answer_that_is_lost_is_asked_for_again(trade: Trade) -> None:
    buyers = await trade.make_buyers(len(POINTS) * 4 * FACTOR, await trade.make_book())
    lost = 0
    for point, group in zip(POINTS, groups(buyers, len(buyers) // len(POINTS)), strict=True):
        async with (
            FaultProxy(trade.shop.port, point) as proxy,
            clients_of(trade, group, base_url=proxy.base_url) as clients,
        ):
            for some in groups(clients):
                answers = await asyncio.gather(
                    *(buy(client, key="lost") for client in some), return_exceptions=True
                )
                lost += sum(isinstance(answer, httpx.TransportError) for answer in answers)
        async with clients_of(trade, group) as clients:
            for client in clients:
                status, body = await buy(client, key="lost")
                while body.get("code") == "ORDER_IN_PROGRESS":  # the first still goes on
                    await asyncio.sleep(0.05)
                    status, body = await buy(client, key="lost")
                assert (status, body["status"]) == (201, "confirmed")
    assert lost == len(buyers)
    assert await trade.statuses(buyers) == {"confirmed": len(buyers)}
    assert await trade.charges(buyers) == len(buyers)


async def test_a_coupon_is_used_as_often_as_it_may(trade: Trade) -> None:
    book_id, limit = await trade.make_book(), 7
    buyers = await trade.make_buyers(50, book_id)
    async with clients_of(trade, buyers) as clients:
        for turn in range(FACTOR):
            code = f"RACE{turn}"
            await trade.connection.execute(
                "INSERT INTO coupons (code, title, kind, percent, currency, max_redemptions) "
                "VALUES ($1, 'Race', 'percent', 10, 'USD', $2)",
                *(code, limit),
            )
            answers = await buy_at_once(clients, coupon_codes=[code])
            assert told(answers) == {
                (201, None): limit,
                (409, "COUPON_REFUSED"): len(buyers) - limit,
            }
            used = await trade.connection.fetchrow(
                "SELECT redeemed, (SELECT count(*) FROM coupon_redemptions r "
                "WHERE r.coupon_id = c.id) FROM coupons c WHERE code = $1",
                code,
            )
            assert used is not None
            assert tuple(used) == (limit, limit)
            await trade.connection.execute("DELETE FROM cart_items")
            await trade.refill(buyers, book_id)


async def test_nobody_uses_a_coupon_twice_under_one_address(trade: Trade) -> None:
    book_id = await trade.make_book()
    await trade.connection.execute(
        "INSERT INTO coupons (code, title, kind, percent, currency, max_per_person) "
        "VALUES ('PERSONAL', 'Once', 'percent', 10, 'USD', 1)"
    )
    guests = [f"guest {number}" for number in range(12)]
    await trade.connection.execute(
        "INSERT INTO carts (token_hash) SELECT sha256(convert_to(name, 'UTF8')) "
        "FROM unnest($1::text[]) AS name",
        guests,
    )
    await trade.connection.execute(
        "INSERT INTO cart_items (cart_id, book_id, quantity) "
        "SELECT id, $1, 1 FROM carts WHERE token_hash IS NOT NULL",
        book_id,
    )
    async with httpx.AsyncClient(base_url=trade.shop.base_url, timeout=60) as client:
        responses = await asyncio.gather(
            *(
                client.post(
                    CHECKOUT,
                    json={"email": "one@example.com", "coupon_codes": ["PERSONAL"]},
                    headers={"Cookie": f"cart={guest}"},
                )
                for guest in guests
            )
        )
    answers = [(response.status_code, response.json()) for response in responses]
    assert told(answers) == {(201, None): 1, (409, "COUPON_REFUSED"): len(guests) - 1}


async def test_a_gift_card_is_spent_once(trade: Trade) -> None:
    book_id = await trade.make_book(price="10.00")
    buyers = await trade.make_buyers(50, book_id)
    async with clients_of(trade, buyers) as clients:
        for turn in range(FACTOR):
            code = f"7Q2XD-8MZKC-01V9R-{turn:05}"
            card_id = await trade.connection.fetchval(
                "WITH card AS ("
                "INSERT INTO gift_cards (key, code_hash, last_characters, currency, "
                "initial_amount, balance, issued_by) VALUES (gen_random_uuid(), $1, 'RACE', 'USD', "
                "35, 35, 'a test') RETURNING id) "
                "INSERT INTO gift_card_entries (gift_card_id, kind, "
                "amount, balance_after) SELECT id, 'issued', 35, 35 FROM card "
                "RETURNING gift_card_id",
                hash_gift_card_code(code),
            )
            answers = await buy_at_once(clients, gift_card_codes=[code])
            outcome = told(answers)
            assert outcome.keys() <= {(201, None), (409, "GIFT_CARD_SPENT")}
            paid = [Decimal(body["gift_card_total"]) for status, body in answers if status == 201]
            assert sum(paid) == 35  # three orders whole, and half of another
            sums = await trade.connection.fetchrow(
                "SELECT balance, (SELECT sum(amount) FROM gift_card_entries "
                "WHERE gift_card_id = $1) FROM gift_cards WHERE id = $1",
                card_id,
            )
            assert sums is not None
            assert tuple(sums) == (0, 0)
            await trade.connection.execute("DELETE FROM cart_items")
            await trade.refill(buyers, book_id)


async def test_a_price_that_changed_is_never_charged(trade: Trade) -> None:
    book_id = await trade.make_book(price="12.99")
    buyers = await trade.make_buyers(20 * FACTOR, book_id)
    await trade.connection.execute("UPDATE books SET price = 13.99 WHERE id = $1", book_id)
    for group in groups(buyers):
        async with clients_of(trade, group) as clients:
            answers = await buy_at_once(clients, expected_total="12.99")
            assert told(answers) == {(409, "ORDER_PRICE_CHANGED"): len(group)}
            assert {body["total"] for _, body in answers} == {"13.99"}
    assert await trade.statuses(buyers) == {}
    async with clients_of(trade, buyers[:1]) as clients:
        assert told(await buy_at_once(clients, expected_total="13.99")) == {(201, None): 1}


async def test_baskets_filled_the_other_way_round_do_not_lock_each_other(trade: Trade) -> None:
    one, other = await trade.make_book(), await trade.make_book()
    pairs = 25 * FACTOR
    forwards = await trade.make_buyers(pairs, one, other)
    backwards = await trade.make_buyers(pairs, other, one)
    before = await trade.connection.fetchval("SELECT sum(deadlocks) FROM pg_stat_database")
    for group in groups(list(zip(forwards, backwards, strict=True))):
        async with clients_of(trade, [buyer for pair in group for buyer in pair]) as clients:
            assert told(await buy_at_once(clients)) == {(201, None): 2 * len(group)}
    await trade.connection.execute("SELECT pg_stat_clear_snapshot()")
    after = await trade.connection.fetchval("SELECT sum(deadlocks) FROM pg_stat_database")
    assert after == before
    assert await trade.statuses([*forwards, *backwards]) == {"confirmed": 2 * pairs}


async def test_success_is_not_told_of_what_was_not_committed(trade: Trade) -> None:
    buyers = await trade.make_buyers(10 * FACTOR, await trade.make_book())
    await trade.connection.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'not committed'; END $$; "
        "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    events = "SELECT count(*) FROM outbox_events"
    before = await trade.connection.fetchval(events)
    try:
        for group in groups(buyers):
            async with clients_of(trade, group) as clients:
                assert told(await buy_at_once(clients)) == {(500, "INTERNAL_ERROR"): len(group)}
    finally:
        await trade.connection.execute("DROP TRIGGER fail ON orders; DROP FUNCTION fail")
    assert await trade.statuses(buyers) == {}
    assert await trade.charges(buyers) == 0
    assert await trade.connection.fetchval(events) == before
    kept = (
        "SELECT count(*) FROM cart_items JOIN carts ON carts.id = cart_id WHERE user_id = ANY($1)"
    )
    assert await trade.connection.fetchval(kept, buyers) == len(buyers)
