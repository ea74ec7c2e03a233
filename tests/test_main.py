"""The worker beside the server, and the end of both."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from app import main
from app.core.config import get_settings
from app.db.session import AsyncSessionLocal


async def work_badly(_stop: asyncio.Event) -> None:
    raise RuntimeError("no job can be read")


@pytest.fixture
def worker_in_process(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(get_settings(), "worker_in_process", True)
    return monkeypatch


async def test_a_worker_that_fails_is_told_of_at_once_and_the_shop_stays_open(
    worker_in_process: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    test_engine: Any,
) -> None:
    worker_in_process.setattr(main, "work", work_badly)
    pool = AsyncSessionLocal.kw["bind"].pool
    async with main.lifespan(FastAPI()):
        await asyncio.sleep(0.05)
        (told,) = [record.msg for record in caplog.records if record.levelname == "ERROR"]
        assert isinstance(told, dict)
        assert told["event"].startswith("worker failed")
        assert str(told["exc_info"]) == "no job can be read"
    assert AsyncSessionLocal.kw["bind"].pool is not pool  # which is how an engine is disposed of
    assert test_engine.pool.checkedout() == 0


async def test_connections_are_closed_whatever_happens(test_engine: Any) -> None:
    pool = test_engine.pool

    async def open_and_fail() -> None:
        async with main.lifespan(FastAPI()):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await open_and_fail()
    assert test_engine.pool is not pool


async def test_the_worker_finishes_what_it_has_in_hand(
    worker_in_process: pytest.MonkeyPatch, test_engine: Any
) -> None:
    del test_engine
    done: list[str] = []

    async def work_slowly(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0.05)
        done.append("the last job")

    worker_in_process.setattr(main, "work", work_slowly)
    async with main.lifespan(FastAPI()):
        assert done == []
    assert done == ["the last job"]
