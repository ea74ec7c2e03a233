"""Tables for spreadsheets: CSV in which no cell is a formula, and from which all comes back.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, whoever
wrote it (OWASP, "CSV injection"). Such a cell gets an apostrophe in front, which makes it text in
every spreadsheet, and which ``restore`` takes away again. A text that begins with an apostrophe of
its own keeps it: both functions look past apostrophes in the same way, so that exactly what was put
in front is taken away. Negative numbers are treated alike: ``'-750`` comes back as ``-750``.
"""

import calendar
import csv
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TextIO

GUARD = "'"
STARTS = frozenset("=+-@")
CONTROLS = frozenset("\t\r\n")
QUOTES = frozenset(
    "'\"`\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
)
INVISIBLE = "Cf"
"""Unicode's general category of characters that only format."""

WORD = re.compile(r"[^\W\d_]+")
MONTHS = [name.lower() for name in (*calendar.month_name, *calendar.month_abbr, "sept") if name]
WORDS_OF_NUMBERS = frozenset([*MONTHS, "e", "a", "p", "am", "pm", "st", "nd", "rd", "th"])
"""With these and digits a text is a number, a date or a time to a spreadsheet."""

TRUTHS = (["true"], ["false"])
MAX_NUMBER_CHARACTERS = 40


def neutralise(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return GUARD + text if _is_formula(text) else text


def restore(cell: str) -> str:
    """Return the text that ``neutralise`` was given."""
    return cell[1:] if cell.startswith(GUARD) and _is_formula(cell[1:]) else cell


def protect(text: str) -> str:
    """Return the text so that a spreadsheet takes it for nothing but text.

    Like ``neutralise``; a title such as 007, 1/2 or May 5 is not made a number or a date either.
    """
    return GUARD + text if _is_formula(text) or _is_number(text) else text


def unprotect(cell: str) -> str:
    """Return the text that ``protect`` was given."""
    is_guarded = cell.startswith(GUARD) and (_is_formula(cell[1:]) or _is_number(cell[1:]))
    return cell[1:] if is_guarded else cell


class Plain(str):
    """A text that no spreadsheet makes anything else of, such as an ISBN with its hyphens."""

    __slots__ = ()


class SheetWriter:
    """Writes rows of a table to a text file that was opened with ``newline=""``.

    Every cell stands in quotation marks, so that none begins in the middle of another where a
    spreadsheet expects another separator. ``guard`` is what texts go through: ``neutralise``, or
    ``protect`` for tables that will be read again. Numbers and dates are only neutralised.
    """

    def __init__(self, file: TextIO, *, guard: Callable[[str], str] = neutralise) -> None:
        self._writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        self._guard = guard

    def write(self, cells: Iterable[object]) -> None:
        """Write a row; ``None`` is an empty cell."""
        self._writer.writerow(map(self._written, cells))

    def _written(self, cell: object) -> str:
        if cell is None:
            return ""
        return self._guard(cell) if type(cell) is str else neutralise(str(cell))


def _is_formula(text: str) -> bool:
    """Tell whether a cell is one, or would be without quotation marks and spaces before it.

    An apostrophe more in front never changes the answer.
    """
    for character in text:
        if character.isalnum():
            return False
        if character in CONTROLS:
            return True
        if not _is_looked_past(character):
            return unicodedata.normalize("NFKC", character) in STARTS
    return False


def _is_looked_past(character: str) -> bool:
    return (
        character in QUOTES or character.isspace() or unicodedata.category(character) == INVISIBLE
    )


def _is_number(text: str) -> bool:
    """Tell whether a spreadsheet makes a number, a date or a truth of it, apostrophes or not."""
    bare = text.lstrip(GUARD)
    if not bare or len(bare) > MAX_NUMBER_CHARACTERS:
        return False
    words = WORD.findall(bare.lower())
    if words in TRUTHS:
        return True
    return any(map(str.isdigit, bare)) and WORDS_OF_NUMBERS.issuperset(words)
