"""Files to import: book lists of any length, and ONIX messages made of real records.

The same numbers give the same file. Titles have a word that few others have, as real ones do.
"""

import csv
import random
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count, cycle
from pathlib import Path

from app.books.importers.onix.source import Source
from app.books.importers.onix.split import Gap, Record, Splitter
from bench.data import (
    COMMON_WORDS,
    EPOCH,
    FIRST_NAMES,
    FORMATS,
    GENRES,
    PUBLISHERS,
    RARE_WORDS,
    Zipf,
    invent,
    isbn,
)

REAL_RECORDS = Path(__file__).parents[2] / "shared" / "data" / "onix"
"""Real messages, where they are."""

SEED = 4
ROWS_PER_AUTHOR = 4
MOST_AUTHORS = 100_000
COLUMNS = (
    "isbn13 title subtitle series volume authors publisher published language format pages genre"
    " description price stock popularity"
)
REFERENCE = re.compile(rb"(<(?:RecordReference|a001)(?:\s[^<>]*)?>)[^<]*(<)")
NUMBER = re.compile(rb"(?<![0-9])97[89][0-9]{10}(?![0-9])|(?<=<b004>)[0-9X]{10}(?=<)")
END = b"\n</ONIXMessage>\n"


def write_csv(path: Path, *, rows: int) -> None:
    """Write a list of so many books, half a kilobyte each, that are all different."""
    chance = random.Random(SEED)
    rare = invent(RARE_WORDS, chance)
    words = Zipf([*COMMON_WORDS.split(), *rare], chance)
    surnames = [word.capitalize() for word in invent(RARE_WORDS, chance)]
    authors = [
        f"{chance.choice(FIRST_NAMES.split())} {chance.choice(surnames)}"
        for _ in range(max(10, min(rows // ROWS_PER_AUTHOR, MOST_AUTHORS)))
    ]
    publishers = [f"{chance.choice(surnames)} Press {number}" for number in range(PUBLISHERS)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS.split())
        for number in range(1, rows + 1):
            in_series = chance.random() < 0.1  # noqa: PLR2004 (one in ten)
            has_subtitle = chance.random() < 0.3  # noqa: PLR2004
            title = [*words.pick(chance.randint(1, 4)), chance.choice(rare), chance.choice(rare)]
            writer.writerow(
                [
                    isbn(number),
                    " ".join(title).title(),
                    " ".join(words.pick(4)).title() if has_subtitle else "",
                    " ".join(words.pick(2)).title() if in_series else "",
                    chance.randint(1, 9) if in_series else "",
                    "|".join(dict.fromkeys(chance.choices(authors, k=chance.choice((1, 1, 1, 2))))),
                    chance.choice(publishers),
                    EPOCH + timedelta(days=chance.randrange(27_000)),
                    "eng",
                    chance.choice(FORMATS),
                    chance.randint(80, 900),
                    chance.choice(GENRES.split()),
                    " ".join(words.pick(chance.randint(40, 120))).capitalize() + ".",
                    f"{chance.randint(299, 4999) / 100:.2f}",
                    chance.randint(0, 20),
                    chance.randint(0, 2_000_000),
                ]
            )


def real_messages() -> list[Path]:
    """Return the real messages, none if they are not here."""
    return sorted(REAL_RECORDS.glob("*.xml"))


def read_pieces(path: Path) -> tuple[bytes, list[bytes]]:
    """Return what precedes a message's records, and the records, in its own encoding."""
    with path.open("rb") as file:
        pieces = list(Splitter(Source(file)))
    prolog = next(piece.data for piece in pieces if isinstance(piece, Gap))
    return prolog, [piece.data for piece in pieces if isinstance(piece, Record)]


def write_onix(path: Path, *, like: Sequence[Path], size: int) -> int:
    """Write a message of about so many bytes: the records of others over and over.

    Each is about another product, with an ISBN and a reference of its own. Return how many.
    """
    prolog, _ = read_pieces(like[0])
    records = [record for message in like for record in read_pieces(message)[1]]
    with path.open("wb") as file:
        file.write(prolog)
        written = 0
        for record in _renumbered(records):
            file.write(record)
            written += 1
            if file.tell() > size:
                break
        file.write(END)
    return written


def _renumbered(records: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the records for ever, each about another product."""
    for number, record in zip(count(1), cycle(records)):
        fresh = isbn(number).encode()
        numbered = NUMBER.sub(fresh, record)
        yield REFERENCE.sub(rb"\g<1>bench-%d\g<2>" % number, numbered, count=1) + b"\n"
