"""How long searches take over a million editions, by kind of query, one after the other.

The shop's own route is asked inside this process: middleware, validation, SQL and JSON count, the
network does not. Every query is new to the server; each is asked once.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from httpx import ASGITransport, AsyncClient
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.core.config import get_settings
from app.db.embedded import EmbeddedPostgres
from app.db.session import dispose_engine, use_database
from app.main import create_app
from bench.catalogue import DATABASE, LANGUAGES, ensure_catalogue
from bench.data import connect
from bench.requests import HOST

SEED = 3
QUERIES = 200
SHORTEST_MISSPELT = 6
COMMON_FROM = 0.002
WARM_UP = 50
COMMON = """
SELECT word FROM ts_stat($$ SELECT search_vector FROM works TABLESAMPLE SYSTEM (3) $$)
WHERE ndoc >= (SELECT count(*) FROM works) * 0.03 * $1 ORDER BY ndoc DESC, word
"""
SAMPLE = "SELECT title, author FROM works WHERE title <> '' ORDER BY hashint4(id) LIMIT $1"

Params = Mapping[str, str]


@dataclass
class Timing:
    """Milliseconds that queries of a kind took."""

    kind: str
    times: list[float] = field(default_factory=list)
    slowest: str = ""

    def percentile(self, share: float) -> float:
        """Return the time within which this share was answered."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def add(self, milliseconds: float, query: str) -> None:
        """Count an answer."""
        if not self.times or milliseconds > max(self.times):
            self.slowest = query
        self.times.append(milliseconds)


async def measure_speed(
    server: EmbeddedPostgres, *, books: int, on_kind: Callable[[str], None]
) -> list[Timing]:
    """Return the times by kind of query, the mix of all real ones first."""
    await ensure_catalogue(server, books=books)
    async with connect(server, DATABASE) as connection:
        kinds = await _make_queries(connection)
    use_database(server.url(DATABASE))
    quiet = get_settings().model_copy(update={"log_level": "WARNING"})
    timings = []
    try:
        async with AsyncClient(
            transport=ASGITransport(app=create_app(quiet)), base_url=f"http://{HOST}"
        ) as client:
            for kind, queries in kinds.items():
                on_kind(kind)
                for params in queries[-WARM_UP:]:
                    await _ask(client, {**params, "q": params["q"] + " "})
                timing = Timing(kind)
                for params in queries:
                    timing.add(await _ask(client, params), params["q"])
                timings.append(timing)
    finally:
        await dispose_engine()
    mix = Timing("the mix of these")
    mix.times = [taken for timing in timings if timing.kind in MIX for taken in timing.times]
    return [*timings, mix]


def print_timings(console: Console, timings: Iterable[Timing]) -> None:
    """Print a table."""
    table = Table("queries", "number", "p50 ms", "p95 ms", "max ms", "slowest", box=SIMPLE_HEAD)
    for column in table.columns[1:5]:
        column.justify = "right"
    for timing in timings:
        table.add_row(
            timing.kind,
            f"{len(timing.times):,}",
            *(f"{timing.percentile(share):.1f}" for share in (0.5, 0.95, 1)),
            timing.slowest[:40],
        )
    console.print(table)


async def _ask(client: AsyncClient, params: Params) -> float:
    begun = time.perf_counter()
    path = SUGGEST if params.get("kind") == "suggest" else LIST
    answer = await client.get(path, params={k: v for k, v in params.items() if k != "kind"})
    taken = (time.perf_counter() - begun) * 1000
    if answer.status_code >= 500:  # noqa: PLR2004 (a fault of the shop's)
        raise RuntimeError(f"{params['q'][:100]!r} was answered by {answer.status_code}")
    return taken


LIST = "/api/v1/books"
SUGGEST = "/api/v1/books/suggest"


async def _make_queries(connection: asyncpg.Connection) -> dict[str, Sequence[Params]]:
    chance = random.Random(SEED)
    rows = await connection.fetch(SAMPLE, QUERIES * 8)
    titles = [" ".join(row["title"].split()[:8]) for row in rows]
    authors = [row["author"] for row in rows]
    common = [row["word"] for row in await connection.fetch(COMMON, COMMON_FROM)][:QUERIES]
    groups = iter(range(0, len(rows), QUERIES))

    def some(texts: Sequence[str]) -> Sequence[str]:
        first = next(groups)
        return texts[first : first + QUERIES]

    both = [f"{title} {author}" for title, author in zip(titles, authors, strict=True)]
    misspelt = [text for title in titles if (text := _misspell(title, chance))][:QUERIES]
    pairs = [" ".join(chance.sample(common, 2)) for _ in range(QUERIES)]
    mixed = [f"{chance.choice(common)} {text.split()[-1]}" for text in some(authors)]
    filters: Sequence[Params] = (
        {"genre_id": "3"}, {"genre_id": "20"}, {"min_price": "10", "max_price": "12"},
        {"max_price": "2"}, {"sort": "price"}, {"sort": "created_at"},
        *({"language": code} for code in LANGUAGES.split()[::6]),
    )  # fmt: skip
    texts: dict[str, Sequence[str]] = {
        "title": some(titles),
        "author": some(authors),
        "title and author": some(both),
        "title, misspelt": misspelt,
        "unfinished word": [text[: chance.randint(3, 12)] for text in some(titles)],
        "common word": common,
        "two common words": pairs,
        "common word and a rare one": mixed,
    }
    kinds: dict[str, Sequence[Params]] = {
        kind: [{"q": text} for text in queries] for kind, queries in texts.items()
    }
    kinds["tenth page of these"] = [
        {"q": text, "page": "10"}
        for text in chance.sample([text for queries in texts.values() for text in queries], QUERIES)
    ]
    kinds["common word, filtered"] = [
        {"q": chance.choice(common), **chance.choice(filters)} for _ in range(QUERIES)
    ]
    kinds["hostile"] = [{"q": text} for text in _hostile(common, chance)]
    kinds["suggest"] = [
        {"q": text[: chance.randint(1, 14)], "kind": "suggest"}
        for text in chance.sample([*titles, *authors], QUERIES)
    ]
    return kinds


MIX = {
    "title",
    "author",
    "title and author",
    "title, misspelt",
    "unfinished word",
    "common word",
    "tenth page of these",
}


def _misspell(text: str, chance: random.Random) -> str | None:
    word = max(text.split(), key=len)
    if len(word) < SHORTEST_MISSPELT or not word.isalpha():
        return None
    at = chance.randrange(1, len(word) - 1)
    wrong = chance.choice((word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]))
    return text.replace(word, wrong)


def _hostile(common: Sequence[str], chance: random.Random) -> list[Any]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(3, 20))) for _ in range(200)]
    texts = [
        "x" * 2_000, "é" * 2_000, "word " * 200, "a " * 200, "the of and a in to",
        " ".join(words), " ".join(common[:200]), "& | ! :* ' ( ) <-> \\ \" %_% * ? [a-z]",
        "'; DROP TABLE books; --", "!!!???", "a", "e", "1", "th", "the a", "of s", "%" * 500,
        "(" * 500, "it", "them", "the who", "\u202e\u200b", "美少女戦士", "*", "???",
        " ".join(f"{word}x" for word in common[:12]), " ".join(word[:2] for word in common[:50]),
    ]  # fmt: skip
    texts += [" ".join(chance.sample(words, chance.randint(1, 12))) for _ in range(50)]
    texts += [
        " ".join(chance.sample(common, min(chance.randint(3, 12), len(common)))) for _ in range(50)
    ]
    texts += [" ".join(word[:-1] for word in chance.sample(common, 8)) for _ in range(30)]
    return texts
