"""Real messages, damaged in thousands of ways: no exception, and no record lost but the damaged.

``ONIX_MUTATIONS`` says how many; `make soak` makes 20,000, a usual run fewer.
"""

import dataclasses
import io
import os
import random
import re
from collections import Counter
from collections.abc import Callable

import pytest

from app.books.importers.errors import ImportFileError
from app.books.importers.onix.product import BrokenProduct, OnixProduct
from app.books.importers.onix.reader import read_message
from tests.books.onix.messages import FILES

pytestmark = pytest.mark.skipif(not FILES, reason="the shared samples are not here")

MUTATIONS = int(os.environ.get("ONIX_MUTATIONS", "4000"))
BATCHES = 8
WINDOW = 5
RECORD = re.compile(rb"<([Pp]roduct)>.*?</\1>", re.DOTALL)
NASTY = (
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<Product>",
    b"</Product>",
    b"<product>",
    b"</product>",
    b"<Product",
    b"</Product",
    b"<!DOCTYPE x [",
    b"&",
    b"&bad;",
    b"&#0;",
    b"<",
    b">",
    b'"',
    b"\0",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"<?x",
    b"xmlns='urn:x' ",
    b"99999999999999999999",
    b"\n" * 50,
)


class Window:
    """A few records of a real message, with its beginning and end, and what they say."""

    def __init__(self, name: str, before: bytes, records: list[bytes]) -> None:
        self.name = name
        self.pieces = [before, *records, b"\n</ONIXMessage>"]
        self.facts = [comparable(product) for product in read_all(b"".join(self.pieces))]
        assert len(self.facts) == len(records)


def comparable(found: OnixProduct | BrokenProduct) -> object:
    """Return what is said, wherever it stands."""
    return dataclasses.replace(found, line=0)


def read_all(content: bytes) -> list[OnixProduct | BrokenProduct]:
    return list(read_message(io.BytesIO(content)))


def windows() -> list[Window]:
    """Return pieces of the messages with several records, whose encodings are ASCII's kin."""
    found = []
    for path in FILES:
        content = path.read_bytes()
        records = [match[0] for match in RECORD.finditer(content)]
        before = content[: content.find(records[0])] if records else b""
        found += [
            Window(path.stem, before, records[begin : begin + WINDOW])
            for begin in range(0, len(records) - 1, WINDOW)
        ]
    return found


def flip(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def delete(chance: random.Random, data: bytearray) -> None:
    begin = chance.randrange(len(data))
    del data[begin : begin + chance.choice([1, 1, 2, 10, 100, 1000])]


def duplicate(chance: random.Random, data: bytearray) -> None:
    begin = chance.randrange(len(data))
    end = begin + chance.choice([1, 10, 100, 1000])
    data[begin:begin] = data[begin:end]


def insert(chance: random.Random, data: bytearray) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.choice(NASTY)


def splice(chance: random.Random, data: bytearray) -> None:
    other = chance.choice(FILES).read_bytes()
    begin = chance.randrange(len(other))
    place = chance.randrange(len(data))
    size = chance.choice([5, 50, 500])
    data[place : place + chance.choice([0, size])] = other[begin : begin + size]


def cut_tag(chance: random.Random, data: bytearray) -> None:
    """Damage the markup itself, which random places seldom hit."""
    places = [place for place, code in enumerate(data) if code in b"<>/&;\"'"]
    place = chance.choice(places or [0])
    data[place : place + 1] = chance.choice([b"", b"<", b">", b"/", b" ", b"&"])


def encode(chance: random.Random, data: bytearray) -> None:
    text = data.decode("latin-1")
    other = chance.choice(["utf-8", "utf-16", "utf-16-be", "cp1252", "cp037", "utf-7"])
    data[:] = text.encode(other, "replace")


Mutation = Callable[[random.Random, bytearray], None]
WITHIN: list[Mutation] = [flip, delete, duplicate, insert, splice, cut_tag, encode]


@pytest.fixture(scope="module")
def all_windows() -> list[Window]:
    return windows()


def mutated(chance: random.Random, data: bytes) -> bytes:
    content = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        if content:
            chance.choice(WITHIN)(chance, content)
    return bytes(content)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_not_damaged_survives(batch: int, all_windows: list[Window]) -> None:
    chance = random.Random(batch)  # noqa: S311 (the same damage in every run)
    outcomes: Counter[str] = Counter()
    for number in range(MUTATIONS // 2 // BATCHES):
        window = chance.choice(all_windows)
        index = chance.randrange(len(window.facts))
        pieces = list(window.pieces)
        pieces[index + 1] = mutated(chance, pieces[index + 1])
        found = [comparable(one) for one in read_all(b"".join(pieces))]
        others = window.facts[:index] + window.facts[index + 1 :]
        survivors = found[:index] + found[len(found) - (len(others) - index) :]
        assert survivors == others, f"{window.name}, batch {batch}, number {number}"
        of_damaged = found[index : len(found) - (len(others) - index)]
        is_whole = of_damaged == [window.facts[index]]
        kinds = ["unharmed"] if is_whole else [type(one).__name__ for one in of_damaged]
        outcomes.update(kinds[:1])
    assert outcomes["BrokenProduct"] > outcomes.total() // 4
    assert outcomes["OnixProduct"] > 0


@pytest.mark.parametrize("batch", range(BATCHES))
def test_whatever_is_damaged_nothing_is_raised(batch: int) -> None:
    chance = random.Random(1000 + batch)  # noqa: S311 (the same damage in every run)
    contents = [path.read_bytes()[:60_000] for path in FILES]
    refused = 0
    for _ in range(MUTATIONS // 2 // BATCHES):
        content = mutated(chance, chance.choice(contents)[: chance.choice([2_000, 60_000])])
        try:
            found = read_all(content)
        except ImportFileError:
            refused += 1
        else:
            assert all(isinstance(one, OnixProduct | BrokenProduct) for one in found)
    assert refused < MUTATIONS // 2 // BATCHES // 2
