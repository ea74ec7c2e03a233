"""What one sees of an import on a terminal and off it."""

import io

from rich.console import Console

from app.books.importers.report import Progress
from app.commands.progress import LINE_SECONDS, ProgressLines, progress_shown


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_off_a_terminal_there_is_a_line_now_and_then() -> None:
    written, clock = io.StringIO(), Clock()
    lines = ProgressLines(Console(file=written), clock)
    for second in range(12):
        clock.now = 100.0 + second
        lines.show(Progress(1000 * (second + 1), 24_000, 412_000 + 50 * second))
    assert LINE_SECONDS == 5.0
    assert written.getvalue().splitlines() == [
        "412,250 records, 50 a second, 25% read, about 18 s left",
        "412,500 records, 50 a second, 46% read, about 13 s left",
    ]


def test_of_a_pipe_nobody_knows_what_is_left() -> None:
    written, clock = io.StringIO(), Clock()
    lines = ProgressLines(Console(file=written), clock)
    clock.now += LINE_SECONDS
    lines.show(Progress(10, None, 3))
    assert written.getvalue() == "3 records, 0 a second\n"


def test_on_a_terminal_there_is_a_bar() -> None:
    written = io.StringIO()
    with progress_shown(Console(file=written, force_terminal=True, width=100)) as show:
        show(Progress(10, 40, 412_000))
    assert "412,000 records" in written.getvalue()
    assert "25%" in written.getvalue()
