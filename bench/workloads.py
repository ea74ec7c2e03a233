"""What is measured: which requests are sent, and which scripts of pgbench ask for the same."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import get_settings
from app.core.security import Role, encode_access_token
from app.db.embedded import EmbeddedPostgres
from app.db.session import AsyncSessionLocal, dispose_engine
from app.main import create_app
from bench import plain_checkout
from bench.data import Baskets, Size, connect, reset_baskets
from bench.pgbench import Script, Varying, read_scripts, write_script
from bench.record import Recording, RecordingError, record
from bench.requests import HOST, Request
from bench.server import BARE_PATH

LIST_PAGES = 20
DETAIL_SAMPLES = 100
SEARCHES = 40
SHORTEST_WORD = 4
SHORTEST_MISSPELT_WORD = 6
TOKEN_MINUTES = 24 * 60
SEED = 1


class Name(StrEnum):
    """What can be measured; the bare endpoint always is."""

    LIST = "list"
    DETAIL = "detail"
    SEARCH = "search"
    MISSPELT = "misspelt"
    CART = "cart"
    CHECKOUT = "checkout"
    HOT_CHECKOUT = "hot-checkout"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A number in the database that each answered request raises by ``each``."""

    sql: str
    each: int


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A row of the table.

    ``status`` is the only answer that counts; ``statements`` and ``transactions`` are what a
    request takes on average. A workload with effects writes: it sends each request once, gets new
    ``baskets`` before each measurement, and its effects are counted afterwards; those of pgbench's
    transactions are ``script_effects``.
    """

    title: str
    requests: Sequence[bytes]
    status: int = 200
    scripts: Sequence[Script] = ()
    statements: float = 0
    transactions: float = 0
    baskets: Baskets = Baskets.EMPTY
    effects: Sequence[Effect] = ()
    script_effects: Sequence[Effect] = ()

    @property
    def writes(self) -> bool:
        """Whether the database is another one afterwards."""
        return bool(self.effects)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The application in this process, on the database that is measured."""

    server: EmbeddedPostgres
    database: asyncpg.Connection
    client: AsyncClient
    engine: AsyncEngine
    size: Size

    async def record(self, request: Request, *, status: int = 200) -> tuple[Recording, Any]:
        """Return the SQL that a request sends, and its answer."""
        recording, response = await record(self.client, self.engine, request, status=status)
        return recording, response.json()


Maker: TypeAlias = Callable[[Shop], Awaitable[Workload]]


async def make_workloads(
    server: EmbeddedPostgres, size: Size, names: Iterable[Name]
) -> list[Workload]:
    """Return the bare endpoint and the named workloads, their SQL recorded from the application.

    The application's settings must point at the benchmark's database.

    Raises:
        RecordingError: the application sends what pgbench cannot repeat.
    """
    engine: AsyncEngine = AsyncSessionLocal.kw["bind"]
    quiet = get_settings().model_copy(update={"log_level": "WARNING"})
    transport = ASGITransport(app=create_app(quiet))
    async with (
        connect(server) as database,
        AsyncClient(transport=transport, base_url=f"http://{HOST}") as client,
    ):
        shop = Shop(server=server, database=database, client=client, engine=engine, size=size)
        workloads = [Workload(title="bare endpoint", requests=[Request(path=BARE_PATH).encode()])]
        workloads += [await _MAKERS[name](shop) for name in names]
    await dispose_engine()
    return workloads


async def _make_list(shop: Shop) -> Workload:
    requests = [
        Request(path=f"/api/v1/books?{urlencode({'page': page, 'sort': 'bestselling'})}")
        for page in range(1, LIST_PAGES + 1)
    ]
    recordings = [(await shop.record(request))[0] for request in requests]
    return _reading("list", requests, recordings)


async def _make_detail(shop: Shop) -> Workload:
    chance = random.Random(SEED)
    book_ids = chance.sample(range(1, shop.size.books + 1), shop.size.books)
    requests = [Request(path=f"/api/v1/books/{book_id}") for book_id in book_ids]
    recordings = [(await shop.record(request))[0] for request in requests[:DETAIL_SAMPLES]]
    return _reading("detail", requests, recordings)


async def _make_search(shop: Shop) -> Workload:
    texts = _texts(shop, random.Random(SEED), SHORTEST_WORD)
    return await _searching("search", shop, texts, is_repaired=False)


async def _make_misspelt(shop: Shop) -> Workload:
    chance = random.Random(SEED)
    texts = _texts(shop, chance, SHORTEST_MISSPELT_WORD)
    misspelt = (_misspell(text, chance) async for text in texts)
    return await _searching("search, misspelt", shop, misspelt, is_repaired=True)


async def _make_cart(shop: Shop) -> Workload:
    def request(user_id: int, book_id: int) -> Request:
        return Request.post("/api/v1/cart/items", {"book_id": book_id}, token=_token(user_id))

    users, books = shop.size.users, shop.size.books
    await reset_baskets(shop.server, Baskets.EMPTY)
    user_id, book_id = users, books - 1
    recording, _ = await shop.record(request(user_id, book_id), status=201)
    cart_id = await shop.database.fetchval("SELECT id FROM carts WHERE user_id = $1", user_id)
    script = write_script(
        recording,
        Varying(
            setup=[
                rf"\set user 1 + :turn % {users}",
                rf"\set book 1 + (:user + :turn / {users}) % {books}",
            ],
            values={"user": user_id, "book": book_id},
            returned={"INSERT INTO carts": {"id": cart_id}},
        ),
    )
    requests = [request(user, 1 + user % books) for user in range(1, users + 1)]
    effects = [Effect(sql="SELECT count(*) FROM cart_items", each=1)]
    return _writing("add to cart", requests, recording, script, effects)


async def _make_checkout(shop: Shop) -> Workload:
    return await _buying("checkout", shop, Baskets.TWO_BOOKS)


async def _make_hot_checkout(shop: Shop) -> Workload:
    return await _buying("checkout, hot title", shop, Baskets.HOT_BOOK)


async def _buying(title: str, shop: Shop, baskets: Baskets) -> Workload:
    """Return checkouts, to be measured beside a plain one."""

    def request(user_id: int) -> Request:
        return Request.post(
            "/api/v1/orders/checkout", {}, token=_token(user_id), idempotency_key=f"bench-{user_id}"
        )

    await reset_baskets(shop.server, baskets)
    recording, _ = await shop.record(request(shop.size.users), status=201)
    await plain_checkout.make_tables(shop.database, shop.size)
    script = plain_checkout.write_script(shop.size, one_hot_title=baskets is Baskets.HOT_BOOK)
    return Workload(
        title=title,
        requests=[request(user).encode() for user in range(1, shop.size.users + 1)],
        status=201,
        scripts=[script],
        statements=len(recording.statements),
        transactions=len(recording.transactions),
        baskets=baskets,
        effects=[
            Effect(sql="SELECT count(*) FROM orders WHERE status = 'confirmed'", each=1),
            Effect(sql="SELECT count(*) FROM payments WHERE status = 'captured'", each=1),
            Effect(sql="SELECT count(*) FROM order_lines", each=2),
            Effect(sql="SELECT sum(sold) FROM stock", each=2),
            Effect(sql="SELECT count(*) FROM outbox_events", each=1),
            Effect(sql="SELECT -count(*) FROM cart_items", each=2),
        ],
        script_effects=[Effect(sql=plain_checkout.COUNT_ORDERS, each=1)],
    )


_MAKERS: dict[Name, Maker] = {
    Name.LIST: _make_list,
    Name.DETAIL: _make_detail,
    Name.SEARCH: _make_search,
    Name.MISSPELT: _make_misspelt,
    Name.CART: _make_cart,
    Name.CHECKOUT: _make_checkout,
    Name.HOT_CHECKOUT: _make_hot_checkout,
}


def _reading(title: str, requests: Sequence[Request], recordings: Sequence[Recording]) -> Workload:
    count = len(recordings)
    return Workload(
        title=title,
        requests=[request.encode() for request in requests],
        scripts=read_scripts(recordings),
        statements=sum(len(recording.statements) for recording in recordings) / count,
        transactions=sum(len(recording.transactions) for recording in recordings) / count,
    )


async def _searching(
    title: str, shop: Shop, texts: AsyncIterator[str], *, is_repaired: bool
) -> Workload:
    """Return searches that find something, all with their spelling repaired or all without."""
    requests, recordings = [], []
    async for text in texts:
        request = Request(path=f"/api/v1/books?{urlencode({'q': text})}")
        recording, page = await shop.record(request)
        if page["items"] and (page["corrected_query"] is not None) == is_repaired:
            requests.append(request)
            recordings.append(recording)
        if len(requests) == SEARCHES:
            return _reading(title, requests, recordings)
    raise RecordingError(f"too few books to make {SEARCHES} searches of")


def _writing(
    title: str,
    requests: Sequence[Request],
    recording: Recording,
    script: Script,
    effects: Sequence[Effect],
) -> Workload:
    return Workload(
        title=title,
        requests=[request.encode() for request in requests],
        status=201,
        scripts=[script],
        statements=len(recording.statements),
        transactions=len(recording.transactions),
        effects=effects,
        script_effects=effects,
    )


def _token(user_id: int) -> str:
    settings = get_settings().model_copy(update={"access_token_minutes": TOKEN_MINUTES})
    now = datetime.now(UTC)
    return encode_access_token(user_id=user_id, role=Role.USER, now=now, settings=settings)


async def _texts(shop: Shop, chance: random.Random, shortest: int) -> AsyncIterator[str]:
    """Yield what people type: a word or two of a title, an author, an author's last name.

    Each has a word that is not shorter than asked for.
    """
    rows = await shop.database.fetch("SELECT title, author FROM works ORDER BY hashint4(id)")
    for number, row in enumerate(rows):
        title = row["title"].lower().split()
        author = row["author"].split(", ")[0].lower().split()
        texts = ([chance.choice(title)], title[:2], author, author[-1:])
        words = texts[number % len(texts)]
        if max(map(len, words)) >= shortest:
            yield " ".join(words)


def _misspell(text: str, chance: random.Random) -> str:
    """Return the text with one letter of its longest word left out, doubled or swapped."""
    word = max(text.split(), key=len)
    at = chance.randrange(1, len(word) - 1)
    wrong = chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    return text.replace(word, wrong)
