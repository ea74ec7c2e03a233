import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from app.core import garbage


class Cycle:
    def __init__(self) -> None:
        self.me = self


def leave_behind() -> weakref.ref[Cycle]:
    return weakref.ref(Cycle())


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    was_enabled, thresholds = gc.isenabled(), gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    (gc.enable if was_enabled else gc.disable)()


@pytest.fixture
def begins_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "BEGINS_ANYWHERE", True)


@pytest.mark.usefixtures("begins_anywhere")
async def test_garbage_goes_between_two_callbacks_and_never_within_one() -> None:
    gc.enable()
    async with garbage.collected_between_callbacks():
        cycle = leave_behind()
        many = [list[int]() for _ in range(10 * gc.get_threshold()[0])]
        assert cycle() is not None
        for _ in range(100):
            await asyncio.sleep(garbage.SECONDS_BETWEEN_LOOKS)
            if cycle() is None:
                break
        assert cycle() is None
        assert many
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("begins_anywhere")
async def test_who_collects_by_himself_already_goes_on_so() -> None:
    gc.disable()
    async with garbage.collected_between_callbacks():
        pass
    assert not gc.isenabled()


async def test_a_python_that_begins_between_instructions_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(garbage, "BEGINS_ANYWHERE", False)
    gc.enable()
    frozen = gc.get_freeze_count()
    garbage.stop_automatic_collection()
    async with garbage.collected_between_callbacks():
        assert gc.isenabled()
        assert gc.get_freeze_count() == frozen


@pytest.mark.usefixtures("begins_anywhere")
def test_what_is_not_due_is_not_collected() -> None:
    garbage.stop_automatic_collection()
    gc.collect()
    cycle = leave_behind()
    garbage.collect_if_due()
    assert cycle() is not None

    many = [list[int]() for _ in range(2 * gc.get_threshold()[0])]
    before = gc.get_threshold()
    gc.set_threshold(0)
    garbage.collect_if_due()
    assert cycle() is not None

    gc.set_threshold(*before)
    garbage.collect_if_due()
    assert cycle() is None
    assert many


def test_the_last_of_several_holders_lets_go() -> None:
    before = gc.get_threshold()
    first, second = garbage.collection_held(), garbage.collection_held()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == 0
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


@pytest.mark.usefixtures("begins_anywhere")
def test_a_command_runs_in_a_loop_of_its_own() -> None:
    async def ask() -> tuple[str, bool]:
        return "done", gc.isenabled()

    gc.enable()
    assert garbage.run(ask()) == ("done", False)
    assert gc.isenabled()
