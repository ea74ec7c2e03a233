"""The end of the server, told to answers that would go on for minutes.

A server that is told to stop lets answers in flight finish, and tells the application only when
they have. An answer that waits for something to happen has to look for the signal by itself.
"""

import asyncio
import signal
import threading
from types import FrameType
from weakref import WeakKeyDictionary

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_stops: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def stop_event() -> asyncio.Event:
    """Return what is set as soon as this process is asked to end.

    The signals mean what they meant before: loops hear of them beside Python's handlers, and a
    handler that was there is called.
    """
    loop = asyncio.get_running_loop()
    stop = _stops.get(loop)
    if stop is None:
        stop = _stops[loop] = asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                _listen(loop, stop, number)
    return stop


def _listen(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, number: int) -> None:
    before = signal.getsignal(number)

    def on_signal(received: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)
        if callable(before):
            before(received, frame)
        elif before is signal.SIG_DFL:
            signal.signal(received, signal.SIG_DFL)
            signal.raise_signal(received)

    signal.signal(number, on_signal)
