"""How often "readers also bought" names the book that a reader bought next.

The last purchase of every reader is held back, the shop's own refresh works on the rest in a real
PostgreSQL, and what it then holds is asked for ten books. Beside it stands the plainest rival: the
ten most bought works that the reader does not have.

The set that is made up is meant to be like a shop's, not like the method. Fame falls off as that
of the 5,000 most rated books of goodbooks-10k does, by the law of Zipf and Mandelbrot: the first
ten works have 6 % of it, the first hundred 26 %, the first thousand 65 %. A work has one taste or
two of ``TASTES``, of very different sizes; a reader has one to three, unequally, and buys within
them by fame. ``STRAY`` of all purchases are led by no taste at all but by fame alone (presents,
bestsellers, school): those are the rival's own ground, and are held back as often as others. How
many books a reader buys follows a heavy tail with a median of five. Nothing in it knows of pairs,
supports or scores. Given ratings of real readers, the same is done with them: a rating of ``LIKED``
of the file's highest or more stands for a purchase, and a reader's last line is held back.
"""

import csv
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from time import perf_counter

import asyncpg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.embedded import EmbeddedPostgres
from app.db.session import dispose_engine, session_scope, use_database
from app.recommendations.refreshing import RULE, refresh_also_bought
from app.recommendations.service import recommend
from app.registry import Base
from bench.data import connect

DATABASE = "bench_recommendations"
SEED = 11
FIRST = 10
FAME_OFFSET = 18
FAME_EXPONENT = 0.9
TASTES = 60
STRAY = 0.3
SECOND_TASTE = 0.25
LIKED = 0.7
MEDIAN_BOOKS = 5
SPREAD = 0.8
MOST_BOOKS = 400
FEWEST_BOOKS = 3
SUBJECTS = 600
BOOKS_PER_AUTHOR = 4
TIMED_PAGES = 300

Baskets = Sequence[Sequence[int]]
"""For every reader the numbers of works in the order of buying, each once; from 1 on."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How often each way of recommending found what was held back, and what it cost."""

    setting: Mapping[str, str]
    readers: int
    hits: Mapping[str, int]
    refresh_seconds: float
    rows: int
    page_milliseconds: Sequence[float]


async def measure_recommendations(
    server: EmbeddedPostgres, *, readers: int, works: int, ratings: Path | None
) -> Result:
    """Return how well and how quickly the shop recommends."""
    if ratings is None:
        baskets = make_baskets(readers=readers, works=works)
        source = f"made up, seed {SEED}"
    else:
        baskets, works = read_baskets(ratings)
        source = ratings.name
    kept = [basket[:-1] for basket in baskets]
    await _fill(server, kept, works)
    try:
        began = perf_counter()
        async with session_scope() as session:
            await refresh_also_bought(session, now=datetime.now(UTC))
        refresh_seconds = perf_counter() - began
        async with connect(server, DATABASE) as connection:
            rows = await connection.fetch(
                "SELECT work_id, other_work_id, score FROM also_bought ORDER BY work_id, rank"
            )
            await connection.execute("VACUUM ANALYZE")
        milliseconds = await _time_pages(kept)
    finally:
        await dispose_engine()
    companions: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        companions[row["work_id"]].append((row["other_work_id"], float(row["score"])))
    bought = Counter(work for basket in kept for work in basket)
    famous = [work for work, _ in bought.most_common()]
    hits: Counter[str] = Counter()
    for basket, (*_, held_back) in zip(kept, baskets, strict=True):
        hits["most bought works"] += held_back in _most_bought(famous, basket)
        hits["readers also bought, of all the reader has"] += held_back in _of_all(
            companions, basket
        )
        hits["readers also bought, on the last book's page"] += held_back in _of_all(
            companions, basket[-1:], basket
        )
    return Result(
        setting={
            "purchases": source,
            "readers": f"{len(baskets):,}, of whom the last purchase is held back",
            "works": f"{works:,}, of which {len(bought):,} were bought",
            "left to learn from": f"{sum(map(len, kept)):,} purchases",
            "books of a reader": f"median {statistics.median(map(len, baskets)):.0f},"
            f" at most {max(map(len, baskets)):,}",
            "thresholds": f"support {RULE.least_support}, lift above 1,"
            f" shrinkage {RULE.shrinkage}, {RULE.works_per_reader} works of a reader",
        },
        readers=len(baskets),
        hits=hits,
        refresh_seconds=refresh_seconds,
        rows=len(rows),
        page_milliseconds=milliseconds,
    )


def print_result(console: Console, result: Result) -> None:
    """Print the setting, the hit rates beside the rival's, and the times."""
    setting = Table(show_header=False, box=None)
    for name, value in result.setting.items():
        setting.add_row(name, value)
    console.print(setting)
    table = Table("recommended", f"hit rate at {FIRST}", "to most bought", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    rival = result.hits["most bought works"]
    for name, hits in result.hits.items():
        times = f"{hits / rival:.2f}" if rival else ""
        table.add_row(name, f"{hits / result.readers:.2%}", times)
    console.print(table)
    console.print(
        f"Refresh: {result.refresh_seconds:.1f} s for {result.rows:,} rows."
        f" All four groups of a page: median {statistics.median(result.page_milliseconds):.1f} ms,"
        f" 95 % within {statistics.quantiles(result.page_milliseconds, n=20)[-1]:.1f} ms."
    )


def make_baskets(*, readers: int, works: int) -> Baskets:
    """Return what made-up readers bought."""
    chance = random.Random(SEED)
    fame = [1 / (rank + FAME_OFFSET) ** FAME_EXPONENT for rank in range(1, works + 1)]
    chance.shuffle(fame)
    sizes = [1 / rank**0.6 for rank in range(1, TASTES + 1)]
    shelves: dict[int, list[int]] = {taste: [] for taste in range(TASTES)}
    for work in range(1, works + 1):
        count = 2 if chance.random() < SECOND_TASTE else 1
        for taste in set(chance.choices(range(TASTES), sizes, k=count)):
            shelves[taste].append(work)
    everything = list(range(1, works + 1))
    of_all = list(accumulate(fame))
    of_taste = {
        taste: list(accumulate(fame[work - 1] for work in shelf))
        for taste, shelf in shelves.items()
    }
    baskets = []
    for _ in range(readers):
        tastes = chance.choices(range(TASTES), sizes, k=chance.choice((1, 1, 2, 3)))
        leaning = [chance.expovariate(1) for _ in tastes]
        wanted = round(chance.lognormvariate(0, SPREAD) * MEDIAN_BOOKS)
        basket: dict[int, None] = {}
        for _ in range(min(max(wanted, FEWEST_BOOKS), MOST_BOOKS)):
            if chance.random() < STRAY:
                (work,) = chance.choices(everything, cum_weights=of_all)
            else:
                (taste,) = chance.choices(tastes, leaning)
                if not shelves[taste]:
                    continue
                (work,) = chance.choices(shelves[taste], cum_weights=of_taste[taste])
            basket.setdefault(work)
        if len(basket) >= FEWEST_BOOKS:
            baskets.append(list(basket))
    return baskets


def read_baskets(path: Path) -> tuple[Baskets, int]:
    """Return what readers of a file of ``reader, isbn, rating`` liked, and how many works it has.

    A first line without a number in it is taken for headings. Who liked fewer than
    ``FEWEST_BOOKS`` is left out.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.reader(file) if len(line) == 3]  # noqa: PLR2004
    if lines and not lines[0][2].strip().replace(".", "", 1).isdecimal():
        del lines[0]
    if not lines:
        raise SystemExit(f"bench: {path} has no lines of reader, isbn, rating")
    enough = LIKED * max(float(rating) for _, _, rating in lines)
    numbers: dict[str, int] = {}
    liked: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for reader, isbn, rating in lines:
        if float(rating) >= enough:
            liked[reader].setdefault(numbers.setdefault(isbn, len(numbers) + 1))
    baskets = [list(basket) for basket in liked.values() if len(basket) >= FEWEST_BOOKS]
    return baskets, len(numbers)


def _most_bought(famous: Sequence[int], basket: Sequence[int]) -> Sequence[int]:
    owned = set(basket)
    return [work for work in famous[: FIRST + len(owned)] if work not in owned][:FIRST]


def _of_all(
    companions: Mapping[int, Sequence[tuple[int, float]]],
    works: Iterable[int],
    owned: Sequence[int] | None = None,
) -> Sequence[int]:
    """Return the works that go best with these: the scores beside each of them are added up."""
    seen = list(works)
    known = set(owned if owned is not None else seen)
    scores: defaultdict[int, float] = defaultdict(float)
    for work in seen:
        for other, score in companions.get(work, ()):
            if other not in known:
                scores[other] += score
    return sorted(scores, key=lambda work: (-scores[work], work))[:FIRST]


async def _fill(server: EmbeddedPostgres, baskets: Baskets, works: int) -> None:
    """Have a shop in which these purchases were made."""
    server.ensure_database(DATABASE)
    async with connect(server, DATABASE) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(server.url(DATABASE))
    async with engine.begin() as schema:
        await schema.run_sync(Base.metadata.create_all)
    await engine.dispose()
    use_database(server.url(DATABASE))
    async with connect(server, DATABASE) as connection:
        await _fill_catalogue(connection, works)
        await _fill_orders(connection, baskets)
        await connection.execute("VACUUM ANALYZE")


async def _fill_catalogue(connection: asyncpg.Connection, works: int) -> None:
    chance = random.Random(SEED)
    numbers = range(1, works + 1)
    subjects = range(1, SUBJECTS + 1)
    common = list(accumulate(1 / rank**0.8 for rank in subjects))
    authors = max(works // BOOKS_PER_AUTHOR, 1)
    tables: dict[str, tuple[str, list[tuple[object, ...]]]] = {
        "works": (
            "id title author popularity",
            [(n, f"Work {n}", "Somebody", chance.randrange(100_000)) for n in numbers],
        ),
        "books": ("id work_id price currency", [(n, n, 10, "USD") for n in numbers]),
        "stock": ("book_id received on_hand", [(n, 9, 9) for n in numbers]),
        "contributors": ("id name", [(n, f"Somebody {n}") for n in range(1, authors + 1)]),
        "contributions": (
            "work_id position contributor_id role",
            [(n, 0, chance.randint(1, authors), "author") for n in numbers],
        ),
        "subjects": ("id scheme code", [(n, "thema", f"A{n}") for n in subjects]),
        "work_subjects": (
            "work_id subject_id",
            [
                (n, subject)
                for n in numbers
                for subject in set(chance.choices(subjects, cum_weights=common, k=4))
            ],
        ),
    }
    for table, (columns, records) in tables.items():
        await connection.copy_records_to_table(table, columns=columns.split(), records=records)


async def _fill_orders(connection: asyncpg.Connection, baskets: Baskets) -> None:
    """Write an order for every purchase, an hour after the one before."""
    now = datetime.now(UTC)
    orders: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    payments: list[tuple[object, ...]] = []
    for reader, basket in enumerate(baskets):
        for place, work in enumerate(basket):
            number = len(orders) + 1
            at = now - timedelta(hours=len(basket) - place)
            email = f"reader{reader}@example.com"
            orders.append((number, str(number), email, "delivered", at, str(number), at))
            lines.append((number, work))
            payments.append((number, str(number)))
    await connection.execute(
        "CREATE TEMPORARY TABLE placed (id int, number text, email text, status text,"
        " confirmed_at timestamptz, key text, at timestamptz);"
        "CREATE TEMPORARY TABLE bought (order_id int, book_id int);"
        "CREATE TEMPORARY TABLE paid (order_id int, reference text)"
    )
    for table, records in (("placed", orders), ("bought", lines), ("paid", payments)):
        await connection.copy_records_to_table(table, records=records)
    await connection.execute(
        "INSERT INTO orders (id, number, email, status, currency, total, idempotency_key,"
        " request_hash, reserved_until, settle_after, confirmed_at) OVERRIDING SYSTEM VALUE"
        " SELECT id, number, email, status, 'USD', 10, key, '', at, at, confirmed_at FROM placed;"
        "INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity, sent)"
        " SELECT order_id, book_id, 'Work', 'Somebody', 10, 1, 1 FROM bought;"
        "INSERT INTO payments (order_id, gateway, reference, amount, currency, status)"
        " SELECT order_id, 'demo', reference, 10, 'USD', 'captured' FROM paid"
    )


async def _time_pages(baskets: Baskets) -> list[float]:
    """Return how many milliseconds the groups of books took that readers look at."""
    chance = random.Random(SEED)
    books = [chance.choice(chance.choice(baskets)) for _ in range(TIMED_PAGES)]
    milliseconds = []
    async with session_scope() as session:
        for book_id in (*books[:20], *books):  # the first ones only warm up
            began = perf_counter()
            await recommend(session, book_id=book_id)
            milliseconds.append((perf_counter() - began) * 1000)
    return milliseconds[20:]
