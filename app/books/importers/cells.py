r"""Several things in one cell, in the shop's own files: ``Farseer | Tawny Man``.

What belongs to a name comes back: a vertical bar in it is written ``\|``, a backslash ``\\``.
"""

import re
from collections.abc import Iterable

SEPARATOR = " | "
SPECIAL = re.compile(r"[\\|]")
PIECE = re.compile(r"\\.|[^\\|]+|\\|\|", re.DOTALL)


def join_list(items: Iterable[str]) -> str:
    """Return the cell that holds these."""
    return SEPARATOR.join(SPECIAL.sub(r"\\\g<0>", item) for item in items)


def split_list(cell: str) -> list[str]:
    """Return what the cell holds, spaces around each left out; an empty place is an empty text."""
    items = [""]
    for piece in PIECE.findall(cell):
        if piece == "|":
            items.append("")
        else:
            items[-1] += piece[1:] if len(piece) > 1 and piece.startswith("\\") else piece
    return [item.strip() for item in items]
