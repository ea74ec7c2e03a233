"""A shop to measure: made-up books whose words, authors and fame are spread as real ones are.

Few words and few authors make up most titles (Zipf's law), which is what decides how much work a
search is. The same numbers give the same shop.
"""

import hashlib
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import create_mock_engine, make_url
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.embedded import EmbeddedPostgres
from app.registry import Base

DATABASE = "bench"
SEED = 20_000
EPOCH = date(1950, 1, 1)
OPENED = datetime(2024, 1, 1, tzinfo=UTC)

BOOKS_PER_WORK = 1.25
BOOKS_PER_AUTHOR = 4
PUBLISHERS = 400
COPIES = 1_000_000_000
RARE_WORDS = 8_000
PAST_ORDERS = 20_000
FIRST_FREE_ID = 1_000_000
"""Where baskets and orders begin, so that their ids are no other number in recorded SQL."""

COMMON_WORDS = (
    "the of and a in to my for love night from house with on life secret dark world last time "
    "king blood girl war heart black city god man death summer story lost little white book red "
    "one dream light fire river great stone winter moon garden sea road home sun shadow island "
    "woman ghost daughter history star child queen tale dead day blue bone music forest murder "
    "beyond glass wild castle honey rain silent golden prince mountain letter storm broken bird "
    "memory witch empire train school devil silver wolf edge paper snow kingdom bridge hidden"
)
FIRST_NAMES = (
    "Anna James Maria John Elizabeth Thomas Sofia David Emma George Clara Robert Alice Henry "
    "Laura Martin Helen Peter Ruth Paul Julia Walter Grace Simon Nora Oscar Irene Victor Edith Hugo"
)
GENRES = (
    "Fiction Crime Fantasy History Science Romance Poetry Travel Biography Cookery Children Art"
)
FORMATS = ("paperback", "hardback", "e-book", "audiobook")
ONSETS = "b br c ch d f g gr h k l m n p qu r s st t th v w"
VOWELS = "a e i o u ai ea ou"
CODAS = "l m n r s t nd rn ck"

TABLES_THAT_GROW = (
    "carts cart_items orders order_lines payments demo_charges outbox_events procrastinate_jobs"
)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the shop is."""

    books: int
    users: int


@dataclass
class _Catalogue:
    """Rows by table, in the order of the columns in ``COLUMNS``."""

    contributors: list[tuple[Any, ...]] = field(default_factory=list)
    works: list[tuple[Any, ...]] = field(default_factory=list)
    contributions: list[tuple[Any, ...]] = field(default_factory=list)
    publishers: list[tuple[Any, ...]] = field(default_factory=list)
    books: list[tuple[Any, ...]] = field(default_factory=list)
    stock: list[tuple[Any, ...]] = field(default_factory=list)


COLUMNS = {
    "contributors": "id name",
    "works": "id title author series series_number description genre_id first_published"
    " popularity rating_sum rating_count",
    "contributions": "work_id position contributor_id role",
    "publishers": "id name",
    "books": "id work_id isbn format publisher_id language pages publish_date publish_year price"
    " currency cover_image_url created_at",
    "stock": "book_id received on_hand",
}

PAST = """
WITH past AS (
  INSERT INTO orders (number, user_id, email, status, currency, total, idempotency_key,
                      request_hash, reserved_until, settle_after,
                      confirmed_at)
  SELECT 'PAST-' || n, u.id, u.email, 'confirmed', 'USD', 20, 'past-' || n, '', now(), now(),
         now()
  FROM generate_series(1, $1::int) AS n
  JOIN users u ON u.id = 1 + n % (SELECT count(*) FROM users)
  RETURNING id, number
), paid AS (
  INSERT INTO payments (order_id, gateway, reference, amount, currency, status)
  SELECT id, 'demo', number, 20, 'USD', 'captured' FROM past
)
INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity)
SELECT past.id, 1 + (past.id + part) % (SELECT count(*) FROM books), 'A title', 'An author', 10, 1
FROM past CROSS JOIN generate_series(0, 1) AS part
"""
"""A history for the planner to know of: who has statistics of an empty table scans it."""

BEGIN_IDS_AT = "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)"

HOT_BOOK = 1

TWO_BOOKS_EACH = """
INSERT INTO cart_items (cart_id, book_id, quantity)
SELECT carts.id, 1 + (carts.user_id::bigint * 7919 + part * ($1::bigint / 2)) % $1, 1
FROM carts CROSS JOIN generate_series(0, 1) AS part
ORDER BY carts.user_id
"""

HOT_BOOK_EACH = """
INSERT INTO cart_items (cart_id, book_id, quantity)
SELECT carts.id, book_id, 1
FROM carts
CROSS JOIN LATERAL unnest(ARRAY[1, 2 + (carts.user_id::bigint * 7919) % ($1 - 1)]) AS book_id
ORDER BY carts.user_id
"""


class Baskets(StrEnum):
    """What is in the accounts' baskets: nothing, any two books, or the hot one and another."""

    EMPTY = "empty"
    TWO_BOOKS = "two books"
    HOT_BOOK = "a hot book"


FILL = {Baskets.TWO_BOOKS: TWO_BOOKS_EACH, Baskets.HOT_BOOK: HOT_BOOK_EACH}


@asynccontextmanager
async def connect(
    server: EmbeddedPostgres, database: str = DATABASE
) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection to a database of the benchmark's."""
    url = make_url(server.url(database)).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        yield connection
    finally:
        await connection.close()


async def ensure_shop(server: EmbeddedPostgres, size: Size) -> bool:
    """Have the database with a shop of this size, and tell whether it had to be made.

    It is made anew when the size, the schema or this module is another.
    """
    server.ensure_database(DATABASE)
    made_of = fingerprint(repr(size), __file__)
    async with connect(server) as connection:
        if await connection.fetchval(MADE_OF) == made_of:
            return False
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(server.url(DATABASE))
    async with engine.begin() as schema:
        await schema.run_sync(Base.metadata.create_all)
    await engine.dispose()
    async with connect(server) as connection:
        await _fill(connection, size)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute(f"COMMENT ON DATABASE {DATABASE} IS '{made_of}'")
    return True


async def reset_baskets(server: EmbeddedPostgres, baskets: Baskets) -> None:
    """Give every account a basket, and forget new orders.

    Any two books are as ``TWO_BOOKS_EACH`` picks them, and different for every account.
    """
    async with connect(server) as connection:
        await connection.execute(f"TRUNCATE {', '.join(TABLES_THAT_GROW.split())} CASCADE")
        await connection.execute(PAST, PAST_ORDERS)
        await connection.execute("INSERT INTO carts (user_id) SELECT id FROM users ORDER BY id")
        if fill := FILL.get(baskets):
            await connection.execute(fill, await connection.fetchval("SELECT count(*) FROM books"))
        for table in ("carts", "cart_items", "orders", "order_lines", "payments", "stock"):
            if baskets is not Baskets.EMPTY or table != "cart_items":
                await connection.execute(f"VACUUM ANALYZE {table}")


async def checkpoint(server: EmbeddedPostgres) -> None:
    """Write everything out, so that no measurement pays for the one before it."""
    async with connect(server) as connection:
        await connection.execute("CHECKPOINT")


MADE_OF = (
    "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname ="
    " current_database()"
)


def fingerprint(size: str, module: str) -> str:
    """Return what changes with the size, the schema and the module that makes the rows."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    statements: list[str] = []
    engine = create_mock_engine(
        "postgresql://", lambda sql, *_, **__: statements.append(str(sql.compile(dialect=dialect)))
    )
    Base.metadata.create_all(engine, checkfirst=False)
    return hashlib.sha256(
        "\n".join([size, Path(module).read_text("utf-8"), *statements]).encode()
    ).hexdigest()


async def _fill(connection: asyncpg.Connection, size: Size) -> None:
    await connection.copy_records_to_table(
        "genres",
        columns=["id", "name", "slug"],
        records=[
            (number, name, name.lower()) for number, name in enumerate(GENRES.split(), start=1)
        ],
    )
    catalogue = _make_catalogue(size.books)
    for table, columns in COLUMNS.items():
        await connection.copy_records_to_table(
            table, columns=columns.split(), records=getattr(catalogue, table)
        )
    await connection.copy_records_to_table(
        "users",
        columns=["id", "email", "full_name"],
        records=[(n, f"reader{n}@example.com", f"Reader {n}") for n in range(1, size.users + 1)],
    )
    for table in ("carts", "orders"):
        await connection.execute(BEGIN_IDS_AT, table, FIRST_FREE_ID)


class Zipf:
    """Picks from what is given: the second comes half as often as the first, and so on."""

    def __init__(self, choices: Sequence[Any], chance: random.Random) -> None:
        self._choices = choices
        self._weights = list(accumulate(1 / rank for rank in range(1, len(choices) + 1)))
        self._random = chance

    def pick(self, count: int) -> list[Any]:
        """Return so many, each drawn by itself."""
        return self._random.choices(self._choices, cum_weights=self._weights, k=count)


def _make_catalogue(book_count: int) -> _Catalogue:
    chance = random.Random(SEED)
    words = Zipf([*COMMON_WORDS.split(), *invent(RARE_WORDS, chance)], chance)
    names = _names(max(book_count // BOOKS_PER_AUTHOR, 10), chance)
    authors = Zipf(list(enumerate(names, start=1)), chance)
    work_count = max(round(book_count / BOOKS_PER_WORK), 1)
    fame = [int(2_000_000 / rank**0.9) for rank in range(1, work_count + 1)]
    chance.shuffle(fame)
    catalogue = _Catalogue(contributors=list(enumerate(names, start=1)))
    for work_id, popularity in enumerate(fame, start=1):
        people = list(dict(authors.pick(chance.choice((1, 1, 1, 2)))).items())
        in_series = chance.random() < 0.1  # noqa: PLR2004 (one in ten)
        ratings = popularity // 100
        catalogue.works.append(
            (
                work_id,
                " ".join(words.pick(chance.randint(1, 6))).title(),
                ", ".join(name for _, name in people),
                " ".join(words.pick(2)).title() if in_series else None,
                str(chance.randint(1, 9)) if in_series else None,
                " ".join(words.pick(chance.randint(40, 120))).capitalize() + ".",
                chance.randint(1, len(GENRES.split())),
                chance.randint(1850, 2025),
                popularity,
                ratings * 4,
                ratings,
            )
        )
        catalogue.contributions += [
            (work_id, position, person, "author") for position, (person, _) in enumerate(people)
        ]
    catalogue.publishers += [
        (number, f"{names[number % len(names)].split()[-1]} Press {number}")
        for number in range(1, PUBLISHERS + 1)
    ]
    for book_id in range(1, book_count + 1):
        published = EPOCH + timedelta(days=chance.randrange(27_000))
        work_id = book_id if book_id <= work_count else chance.randint(1, work_count)
        catalogue.books.append(
            (
                book_id,
                work_id,
                isbn(book_id),
                chance.choice(FORMATS),
                chance.randint(1, PUBLISHERS),
                "en",
                chance.randint(80, 900),
                published,
                published.year,
                Decimal(chance.randint(299, 4999)) / 100,
                "USD",
                f"https://covers.example.com/{book_id}.jpg" if chance.random() < 0.8 else None,  # noqa: PLR2004
                OPENED + timedelta(minutes=book_id),
            )
        )
        catalogue.stock.append((book_id, COPIES, COPIES))
    return catalogue


def invent(count: int, chance: random.Random) -> list[str]:
    """Return words that can be spoken and that no two are alike."""
    onsets, vowels, codas = ONSETS.split(), VOWELS.split(), ["", *CODAS.split()]
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = chance.choice((2, 2, 3))
        word = "".join(chance.choice(onsets) + chance.choice(vowels) for _ in range(syllables))
        words[word + chance.choice(codas)] = None
    return list(words)


def _names(count: int, chance: random.Random) -> list[str]:
    surnames = [word.capitalize() for word in invent(max(count // 3, 4), chance)]
    first_names = FIRST_NAMES.split()
    names: dict[str, None] = {}
    while len(names) < count:
        names[f"{chance.choice(first_names)} {chance.choice(surnames)}"] = None
    return list(names)


def isbn(number: int) -> str:
    """Return an ISBN-13 for each number below a thousand million."""
    digits = f"978{number:09}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _weights(), strict=False))
    return f"{digits}{-total % 10}"


def _weights() -> Iterable[int]:
    return (1, 3) * 6
