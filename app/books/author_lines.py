"""The line that says who made a book."""

from collections.abc import Sequence

MAX_CHARACTERS = 500
OTHERS = " and others"


def author_line(names: Sequence[str]) -> str:
    """Return names as readers see them, in one line; empty where there is none."""
    line = ", ".join(names)
    if len(line) > MAX_CHARACTERS:
        shown = line[: MAX_CHARACTERS - len(OTHERS)].rpartition(", ")[0]
        line = f"{shown}{OTHERS}"
    return line
