"""Whoever waits for long hears that the process is to end, and the process still ends."""

import asyncio
import signal
import subprocess
import sys

from app.core import shutdown
from tests.servers import PROJECT

WAITS = """
import asyncio
from app.core.shutdown import stop_event

async def wait():
    stop = stop_event()
    assert stop_event() is stop
    print("ready", flush=True)
    await stop.wait()

asyncio.run(wait())
"""


async def test_a_handler_that_was_there_is_called_too() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    interrupt = signal.getsignal(signal.SIGINT)
    known = shutdown._stops.pop(asyncio.get_running_loop(), None)
    try:
        stop = shutdown.stop_event()
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await stop.wait()
        assert heard == [signal.SIGTERM]
        assert shutdown.stop_event() is stop
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)
        shutdown._stops.pop(asyncio.get_running_loop(), None)
        if known is not None:
            shutdown._stops[asyncio.get_running_loop()] = known


def test_a_process_without_a_handler_ends_as_ever() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], cwd=PROJECT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM
