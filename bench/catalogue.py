"""A million editions to search in: titles and people recombined from real ones, if there are any.

A title is the beginning of one and the end of another, a name a first name and a surname that were
not together, so that words are as frequent, as long and as many as they are in the trade; some are
invented, so that there are as many rare ones. The real books are there too. Fame and the number
of books by one author follow Zipf's law. The same numbers give the same catalogue.
"""

import csv
import gzip
import io
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.embedded import EmbeddedPostgres
from app.registry import Base
from bench.data import (
    COMMON_WORDS,
    FIRST_NAMES,
    FORMATS,
    MADE_OF,
    OPENED,
    Zipf,
    connect,
    fingerprint,
    invent,
    isbn,
)

DATABASE = "bench_search"
SEED = 1_000_000
REAL_BOOKS = Path(__file__).parents[2] / "shared" / "data" / "books"
GOODBOOKS = "goodbooks10k_clean.csv.gz"
GUTENBERG = "gutenberg78k.csv.gz"
IN_SERIES = re.compile(r"\s*\([^()]*#[^()]*\)$")
DATES = re.compile(r"\s*\([^()]*\)")

WORKS_PER_BOOK = 0.7
AUTHORS_PER_WORK = 0.35
SERIES_PER_WORK = 0.03
IN_A_SERIES = 0.1
HAS_A_BLURB = 0.8
HAS_A_RARE_WORD = 0.15
TITLES_IN_A_BLURB = (4, 16)
INVENTED_WORDS = 300_000
MADE_UP_WORDS = 20_000
MADE_UP_BOOKS = 50_000
PUBLISHERS = 3_000
MAX_FAME = 5_000_000
LONGEST_TITLE = 200
LONGEST_NAME = 60
EPOCH = date(1950, 1, 1)
DAYS = 27_700
BATCH = 20_000
SHARED_BUFFERS = "1GB"

GENRES = (
    "Fiction Crime Fantasy History Science Romance Poetry Travel Biography Cookery Children Art"
    " Philosophy Religion Business Music Nature Drama Sport Law"
)
LANGUAGES = "en de fr es it nl fi pt sv da pl hu cs la el cy ca eo"

TABLES = (
    "genres publishers contributors series works contributions series_memberships books stock"
    " search_words"
)
WORK_COLUMNS = (
    "id title author series series_number description genre_id first_published popularity"
    " rating_sum rating_count"
)
BOOK_COLUMNS = (
    "id work_id isbn format publisher_id language pages publish_date publish_year price currency"
    " created_at"
)
INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid = ANY ($1::text[]::regclass[]) AND NOT indisunique
ORDER BY indexrelid
"""


class RealBook(NamedTuple):
    """A title that was printed, and its first author."""

    title: str
    author: str


async def give_memory(server: EmbeddedPostgres) -> None:
    """Let the server keep what a search reads in memory, from its next start on."""
    server.ensure_database(DATABASE)
    async with connect(server, DATABASE) as connection:
        await connection.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")


async def ensure_catalogue(server: EmbeddedPostgres, *, books: int) -> bool:
    """Have the database with so many editions, and tell whether it had to be made.

    It is made anew when the number, the schema or this module is another.
    """
    server.ensure_database(DATABASE)
    made_of = fingerprint(str(books), __file__)
    async with connect(server, DATABASE) as connection:
        if await connection.fetchval(MADE_OF) == made_of:
            return False
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(server.url(DATABASE))
    async with engine.begin() as schema:
        await schema.run_sync(Base.metadata.create_all)
    await engine.dispose()
    async with connect(server, DATABASE) as connection:
        await _fill(connection, books)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute(f"COMMENT ON DATABASE {DATABASE} IS '{made_of}'")
    return True


def read_real_books(directory: Path = REAL_BOOKS) -> Sequence[RealBook]:
    """Return titles and authors of the lists in the directory; made-up ones, if there is none."""
    books: dict[RealBook, None] = {}
    if (directory / GOODBOOKS).exists():
        for row in _read(directory / GOODBOOKS):
            title = IN_SERIES.sub("", row["title"])
            books[RealBook(title, row["authors"].split("|")[0])] = None
    if (directory / GUTENBERG).exists():
        for row in _read(directory / GUTENBERG):
            title = " ".join(row["title"].split())[:LONGEST_TITLE]
            surname, _, first = DATES.sub("", row["authors"].split("|")[0]).partition(", ")
            books[RealBook(title, f"{first} {surname}".strip()[:LONGEST_NAME])] = None
    return [book for book in books if book.title.strip() and book.author] or _make_up()


def _make_up() -> list[RealBook]:
    chance = random.Random(SEED)
    words = Zipf([*COMMON_WORDS.split(), *invent(MADE_UP_WORDS, chance)], chance)
    surnames = [word.capitalize() for word in invent(MADE_UP_WORDS, chance)]
    first_names = FIRST_NAMES.split()
    return [
        RealBook(
            " ".join(words.pick(chance.randint(1, 8))).title(),
            f"{chance.choice(first_names)} {chance.choice(surnames)}",
        )
        for _ in range(MADE_UP_BOOKS)
    ]


def _read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rb") as file:
        yield from csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))


async def _fill(connection: asyncpg.Connection, books: int) -> None:
    """Write the rows with the indexes away, and make the indexes again."""
    indexes = await connection.fetch(INDEXES, TABLES.split())
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    works = max(round(books * WORKS_PER_BOOK), 1)
    maker = _Maker(read_real_books(), works)
    for table, columns, rows in maker.tables(books):
        pending = iter(rows)
        while batch := list(islice(pending, BATCH)):
            await connection.copy_records_to_table(table, columns=columns.split(), records=batch)
    await connection.execute("SET maintenance_work_mem = '1GB'")
    for index in indexes:
        await connection.execute(index["definition"])


class _Maker:
    """Makes rows of real books' parts."""

    def __init__(self, real: Sequence[RealBook], works: int) -> None:
        self._real = real
        self._works = works
        self._chance = random.Random(SEED)
        self._titles = [book.title.split() for book in real]
        self._rare = [word.capitalize() for word in invent(INVENTED_WORDS, self._chance)]
        self._people = self._names(max(round(works * AUTHORS_PER_WORK), 1))
        self._series = [self._title(0) for _ in range(max(round(works * SERIES_PER_WORK), 1))]
        self._authors = Zipf(range(len(self._people)), self._chance)
        self._by = [self._authors.pick(self._chance.choice((1, 1, 1, 2))) for _ in range(works)]
        self._in = [
            self._chance.randrange(len(self._series)) if self._chance.random() < IN_A_SERIES else -1
            for _ in range(works)
        ]

    def tables(self, books: int) -> Iterator[tuple[str, str, Iterable[tuple[Any, ...]]]]:
        """Yield each table with its columns and its rows."""
        works = self._works
        yield (
            "genres",
            "id name slug",
            ((n, name, name.lower()) for n, name in enumerate(GENRES.split(), start=1)),
        )
        yield (
            "publishers",
            "id name",
            ((n, f"{self._people[n % len(self._people)]} & Co {n}") for n in range(1, PUBLISHERS)),
        )
        yield "contributors", "id name", enumerate(self._people, start=1)
        series = list(dict.fromkeys(self._series))
        numbers = {title: number for number, title in enumerate(series, start=1)}
        yield "series", "id title", enumerate(series, start=1)
        yield "works", WORK_COLUMNS, self._make_works()
        yield (
            "contributions",
            "work_id position contributor_id role",
            (
                (work, position, person + 1, "author")
                for work, people in enumerate(self._by, start=1)
                for position, person in enumerate(dict.fromkeys(people))
            ),
        )
        yield (
            "series_memberships",
            "work_id position series_id number",
            (
                (work, 0, numbers[self._series[at]], str(1 + work % 9))
                for work, at in enumerate(self._in, start=1)
                if at >= 0
            ),
        )
        yield "books", BOOK_COLUMNS, self._make_books(books, works)
        yield (
            "stock",
            "book_id received on_hand",
            ((number, number % 4, number % 4) for number in range(1, books + 1)),
        )
        yield (
            "stock_movements",
            "book_id kind copies",
            ((number, "received", number % 4) for number in range(1, books + 1) if number % 4),
        )

    def _make_works(self) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        fame = [round(MAX_FAME / rank**0.9) for rank in range(1, self._works + 1)]
        chance.shuffle(fame)
        genres = Zipf(range(1, len(GENRES.split()) + 1), chance)
        for work, (people, series, popularity) in enumerate(
            zip(self._by, self._in, fame, strict=True), start=1
        ):
            in_series = series >= 0
            title = self._title(work)
            yield (
                work,
                title,
                ", ".join(dict.fromkeys(self._people[person] for person in people)),
                self._series[series] if in_series else None,
                str(1 + work % 9) if in_series else None,
                self._blurb() if chance.random() < HAS_A_BLURB else None,
                genres.pick(1)[0],
                chance.randint(1850, 2025),
                popularity,
                popularity // 25,
                popularity // 100,
            )

    def _make_books(self, books: int, works: int) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        languages = Zipf(LANGUAGES.split(), chance)
        formats = Zipf(FORMATS, chance)
        for book in range(1, books + 1):
            published = EPOCH + timedelta(days=chance.randrange(DAYS))
            yield (
                book,
                book if book <= works else chance.randint(1, works),
                isbn(book),
                formats.pick(1)[0],
                chance.randrange(1, PUBLISHERS),
                languages.pick(1)[0],
                chance.randint(40, 1200),
                published,
                published.year,
                Decimal(chance.randint(99, 9999)) / 100,
                "USD",
                OPENED + timedelta(seconds=book),
            )

    def _title(self, work: int) -> str:
        """Return the next real title, and when they are used up two halves of two."""
        chance = self._chance
        if 1 <= work <= len(self._real):
            return self._real[work - 1].title
        first, second = chance.choice(self._titles), chance.choice(self._titles)
        words = [*first[: (len(first) + 1) // 2], *second[len(second) // 2 :]]
        if chance.random() < HAS_A_RARE_WORD:
            words[chance.randrange(len(words))] = chance.choice(self._rare)
        return " ".join(words)[:LONGEST_TITLE]

    def _blurb(self) -> str:
        chance = self._chance
        words: list[str] = []
        for _ in range(chance.randint(*TITLES_IN_A_BLURB)):
            words += chance.choice(self._titles)
        return " ".join(words)

    def _names(self, count: int) -> list[str]:
        """Return names, the real ones first."""
        chance = self._chance
        real = list(dict.fromkeys(book.author for book in self._real))[:count]
        parts = [name.rsplit(" ", 1) for name in real if " " in name]
        names = dict.fromkeys(real)
        while len(names) < count:
            surname = (
                chance.choice(self._rare)
                if chance.random() < HAS_A_RARE_WORD
                else chance.choice(parts)[1]
            )
            names[f"{chance.choice(parts)[0]} {surname}"] = None
        return list(names)
