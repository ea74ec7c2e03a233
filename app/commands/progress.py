"""How far an import is: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from app.books.importers.report import Progress

LINE_SECONDS = 5.0

Show = Callable[[Progress], None]


@contextmanager
def progress_shown(console: Console) -> Iterator[Show]:
    """Yield what is to be called with the progress after every batch."""
    if not console.is_terminal:
        yield ProgressLines(console).show
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading", total=None, rate="")
        pace = Pace()

        def show(state: Progress) -> None:
            bar.update(
                task,
                total=state.bytes_total,
                completed=state.bytes_read,
                description=f"{state.rows:,} records",
                rate=f"{pace.rate(state):,.0f} a second",
            )

        yield show


class Pace:
    """Measures from the first batch on, before which an interrupted import is read again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, Progress] | None = None

    def rate(self, state: Progress) -> float:
        """Return how many records a second land."""
        seconds, first = self._since(state)
        return (state.rows - first.rows) / seconds if seconds > 0 else 0.0

    def seconds_left(self, state: Progress) -> float | None:
        """Return how long the rest will take, if that can be told."""
        seconds, first = self._since(state)
        done = state.bytes_read - first.bytes_read
        if state.bytes_total is None or done <= 0:
            return None
        return (state.bytes_total - state.bytes_read) * seconds / done

    def _since(self, state: Progress) -> tuple[float, Progress]:
        if self._first is None:
            self._first = (self._clock(), state)
        return self._clock() - self._first[0], self._first[1]


class ProgressLines:
    """Prints a line every few seconds."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._pace = Pace(clock)
        self._next = clock() + LINE_SECONDS

    def show(self, state: Progress) -> None:
        """Print a line if it is time for one."""
        words = [f"{state.rows:,} records", f"{self._pace.rate(state):,.0f} a second"]
        if self._clock() < self._next:
            return
        self._next = self._clock() + LINE_SECONDS
        if state.bytes_total:
            words.append(f"{state.bytes_read / state.bytes_total:.0%} read")
        seconds = self._pace.seconds_left(state)
        if seconds is not None:
            words.append(f"about {seconds:,.0f} s left")
        self._console.print(", ".join(words), markup=False, soft_wrap=True)
