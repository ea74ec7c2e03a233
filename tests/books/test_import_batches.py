import asyncio
import gc
import threading
import weakref
from contextlib import suppress
from itertools import count

import pytest

from app.books.importers.batches import (
    BATCHES_PER_FULL_COLLECTION,
    PAGE,
    ReadAhead,
    SeenLines,
    collected_after_batches,
    take,
)


def test_a_batch_has_so_many_items_or_so_much_weight() -> None:
    items = iter(["a", "bb", "cccc", "d", "e", "f", "g"])

    def batch() -> list[str]:
        return take(items, at_most=3, weigh=len, weight=5)

    assert [batch(), batch(), batch(), batch()] == [["a", "bb", "cccc"], ["d", "e", "f"], ["g"], []]
    assert take(iter(["aaaaaa", "b"]), at_most=3, weigh=len, weight=5) == ["aaaaaa"]


async def test_the_next_batch_is_taken_while_this_one_is_used() -> None:
    numbers = count(1)
    taken = [threading.Event() for _ in range(5)]

    def numbered() -> list[int]:
        number = next(numbers)
        taken[number].set()
        return [number] if number < 4 else []

    used = []
    async with ReadAhead(numbered) as batches:
        async for (number,) in batches:
            assert await asyncio.to_thread(taken[number + 1].wait, 10)
            used.append(number)
    assert used == [1, 2, 3]


async def test_a_fault_in_reading_is_raised_when_its_turn_comes() -> None:
    numbers = count(1)

    def faulty() -> list[int]:
        number = next(numbers)
        if number == 2:
            raise OSError("gone")
        return [number]

    used = []

    async def use_all() -> None:
        async with ReadAhead(faulty) as batches:
            async for batch in batches:
                used.extend(batch)

    with pytest.raises(OSError, match="gone"):
        await use_all()
    assert used == [1]


async def test_who_stops_early_leaves_no_thread_behind() -> None:
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()
    numbers = count(1)

    def slow() -> list[int]:
        number = next(numbers)
        if number == 2:
            started.set()
            may_end.wait(10)
            ended.set()
            raise OSError("nobody hears of it")
        return [number]

    async def stop_at_the_first() -> None:
        async with ReadAhead(slow) as batches:
            async for _ in batches:
                assert await asyncio.to_thread(started.wait, 10)
                asyncio.get_running_loop().call_soon(may_end.set)
                raise InterruptedError

    with pytest.raises(InterruptedError):
        await stop_at_the_first()
    assert ended.is_set()


def test_a_book_that_came_is_known_by_its_line() -> None:
    seen = SeenLines()
    ids = [0, 1, PAGE - 1, PAGE, 7 * PAGE + 5, 2**31 - 1]
    for line, book_id in enumerate(ids, start=2):
        assert seen.get(book_id) is None
        seen[book_id] = line
    assert [seen.get(book_id) for book_id in ids] == [2, 3, 4, 5, 6, 7]
    assert seen.get(2) is None
    assert seen.get(3 * PAGE) is None


class Cycle:
    def __init__(self) -> None:
        self.me = self


def test_cycles_are_looked_for_after_a_batch_until_the_block_ends() -> None:
    before = gc.get_threshold()
    with suppress(InterruptedError), collected_after_batches() as collect:
        left_behind = weakref.ref(Cycle())
        kept = [list[int]() for _ in range(10 * before[0])]  # or Python would look at once
        assert left_behind() is not None
        collect()
        assert left_behind() is None
        assert kept
        raise InterruptedError
    assert gc.get_threshold() == before


def test_what_outlived_a_batch_is_looked_for_after_many() -> None:
    with collected_after_batches() as collect:
        kept = Cycle()
        outlived = weakref.ref(kept)
        collect()
        del kept
        for _ in range(BATCHES_PER_FULL_COLLECTION - 2):
            collect()
        assert outlived() is not None
        collect()
        assert outlived() is None
