"""How often a search finds what was meant, over a catalogue of real books.

The intended record counts, and nothing else: not another edition, not another book of its title.
"""

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

from app.books.importers.run import import_csv
from app.books.importers.sorting import ImportOptions
from app.books.queries import BookQuery
from app.books.schemas import BookSummary
from app.books.service import list_books
from app.db.embedded import EmbeddedPostgres
from app.db.session import dispose_engine, session_scope, use_database
from app.registry import Base
from bench.catalogue import GOODBOOKS, IN_SERIES, REAL_BOOKS
from bench.data import connect

DATABASE = "bench_quality"
TYPOS = REAL_BOOKS.parent / "queries" / "title_typo_queries.csv"
SEED = 7
SAMPLE = 300
FIRST = 5
SHORTEST_MISSPELT = 5
KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SOUNDS = (
    ("ph", "f"), ("ck", "k"), ("tion", "shun"), ("ei", "ie"), ("ie", "ei"), ("kn", "n"),
    ("wr", "r"), ("qu", "kw"), ("x", "ks"), ("ce", "se"), ("ll", "l"), ("ss", "s"), ("tt", "t"),
    ("ea", "ee"), ("ee", "ea"), ("ou", "oo"), ("y", "i"), ("c", "k"), ("a", "e"), ("e", "a"),
)  # fmt: skip


class Meant(NamedTuple):
    """The book that a query means."""

    title: str
    author: str
    isbn: str


class Query(NamedTuple):
    """What is typed, and what is meant."""

    text: str
    meant: Meant


@dataclass
class Score:
    """How many queries of a kind found what was meant first, or among the first."""

    kind: str
    queries: int = 0
    first: int = 0
    among_first: int = 0


async def measure_quality(server: EmbeddedPostgres, *, show_misses: bool) -> list[Score]:
    """Return the scores by kind of query; misses are printed as they come, if so wished."""
    await _ensure_books(server)
    scores = []
    try:
        for kind, queries in _kinds():
            score = Score(kind)
            for query in queries:
                place = await _place(query)
                score.queries += 1
                score.first += place == 0
                score.among_first += place is not None
                if show_misses and place != 0:
                    print(f"{kind}: {query.text!r} is {query.meant.title!r}: {place}")
            scores.append(score)
    finally:
        await dispose_engine()
    return scores


def print_scores(console: Console, scores: Iterable[Score]) -> None:
    """Print a table."""
    table = Table("queries", "number", "first", f"in first {FIRST}", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for score in scores:
        table.add_row(
            score.kind,
            f"{score.queries:,}",
            f"{score.first / score.queries:.1%}",
            f"{score.among_first / score.queries:.1%}",
        )
    console.print(table)


async def _ensure_books(server: EmbeddedPostgres) -> None:
    """Have the books in a database of their own, imported like any other file."""
    server.ensure_database(DATABASE)
    async with connect(server, DATABASE) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(server.url(DATABASE))
    async with engine.begin() as schema:
        await schema.run_sync(Base.metadata.create_all)
    await engine.dispose()
    use_database(server.url(DATABASE))
    await import_csv(
        REAL_BOOKS / GOODBOOKS,
        mapping={},
        options=ImportOptions(currency="USD", default_price=Decimal(10)),
        on_progress=lambda _: None,
    )
    async with connect(server, DATABASE) as connection:
        await connection.execute("VACUUM ANALYZE")


async def _place(query: Query) -> int | None:
    """Return how many books come before the one that was meant, if it is among the first."""
    async with session_scope() as session:
        page = await list_books(session, query=BookQuery(q=query.text, size=FIRST))
    return next((at for at, book in enumerate(page.items) if _is(book, query.meant)), None)


def _is(book: BookSummary, meant: Meant) -> bool:
    if meant.isbn:
        return book.isbn == meant.isbn
    return book.isbn is None and book.title == meant.title


def _kinds() -> Iterator[tuple[str, Iterable[Query]]]:
    """Yield the kinds of queries: those of the file, then what people do to titles."""
    with TYPOS.open(encoding="utf-8", newline="") as file:
        typos = list(csv.DictReader(file))
    meant = [Meant(row["intended_title"], row["author"], row["isbn13"]) for row in typos]
    yield (
        "title, one recorded misspelling",
        [Query(row["query"], book) for row, book in zip(typos, meant, strict=True)],
    )
    yield "title as printed", [Query(book.title, book) for book in dict.fromkeys(meant)]
    books = _famous()
    for kind, misspell in MISSPELLINGS.items():
        chance = random.Random(SEED)
        queries = []
        for book in chance.sample(books, len(books)):
            text = misspell(book, chance)
            if text is not None:
                queries.append(Query(text, book))
            if len(queries) == SAMPLE:
                break
        yield kind, queries


def _famous() -> list[Meant]:
    """Return the books whose title no other book has."""
    with gzip.open(REAL_BOOKS / GOODBOOKS, "rb") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")))
    books: dict[str, list[Meant]] = {}
    for row in rows:
        title = IN_SERIES.sub("", row["title"])
        books.setdefault(title.lower(), []).append(
            Meant(title, row["authors"].split("|")[0], row["isbn13"])
        )
    return [same[0] for same in books.values() if len(same) == 1]


def _one_wrong(text: str, chance: random.Random) -> str | None:
    """Return the text with a letter of a long word left out, doubled, swapped or replaced."""
    words = text.lower().split()
    long = [
        at for at, word in enumerate(words) if len(word) >= SHORTEST_MISSPELT and word.isalpha()
    ]
    if not long:
        return None
    place = chance.choice(long)
    word = words[place]
    at = chance.randrange(1, len(word) - 1)
    words[place] = chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + chance.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :],
        )
    )
    return " ".join(words)


def _neighbouring_key(text: str, chance: random.Random) -> str | None:
    places = [at for at, letter in enumerate(text.lower()) if letter in "".join(KEY_ROWS)]
    if len(text) < SHORTEST_MISSPELT or not places:
        return None
    at = chance.choice(places)
    row = next(row for row in KEY_ROWS if text[at].lower() in row)
    place = row.index(text[at].lower())
    beside = row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
    return text[:at] + chance.choice(beside) + text[at + 1 :]


def _as_it_sounds(text: str, chance: random.Random) -> str | None:
    words = text.lower().split()
    for spelt, heard in chance.sample(SOUNDS, len(SOUNDS)):
        for at in chance.sample(range(len(words)), len(words)):
            if len(words[at]) >= SHORTEST_MISSPELT and spelt in words[at][1:]:
                words[at] = words[at][0] + words[at][1:].replace(spelt, heard, 1)
                return " ".join(words)
    return None


def _space_left_out(text: str, chance: random.Random) -> str | None:
    words = text.lower().split()
    if len(words) < 2:  # noqa: PLR2004 (two words can be joined)
        return None
    at = chance.randrange(len(words) - 1)
    return " ".join([*words[:at], words[at] + words[at + 1], *words[at + 2 :]])


def _space_put_in(text: str, chance: random.Random) -> str | None:
    words = text.lower().split()
    long = [at for at, word in enumerate(words) if len(word) > SHORTEST_MISSPELT and word.isalpha()]
    if not long:
        return None
    place = chance.choice(long)
    at = chance.randrange(2, len(words[place]) - 1)
    words[place] = f"{words[place][:at]} {words[place][at:]}"
    return " ".join(words)


def _twice(text: str, chance: random.Random) -> str | None:
    once = _one_wrong(text, chance)
    return once and _one_wrong(once, chance)


def _with_author(book: Meant, author: str | None) -> str | None:
    return author and f"{book.title} {author}"


MISSPELLINGS: Mapping[str, Callable[[Meant, random.Random], str | None]] = {
    "title and author": lambda book, _: _with_author(book, book.author),
    "author misspelt, and title": lambda book, chance: _with_author(
        book, _one_wrong(book.author, chance)
    ),
    "title, a wrong letter": lambda book, chance: _one_wrong(book.title, chance),
    "title, two wrong letters": lambda book, chance: _twice(book.title, chance),
    "title, the key beside": lambda book, chance: _neighbouring_key(book.title, chance),
    "title, as it sounds": lambda book, chance: _as_it_sounds(book.title, chance),
    "title, a space left out": lambda book, chance: _space_left_out(book.title, chance),
    "title, a space put in": lambda book, chance: _space_put_in(book.title, chance),
    "first three words": lambda book, _: (
        " ".join(words[:3]) if len(words := book.title.split()) > 3 else None  # noqa: PLR2004
    ),
}
