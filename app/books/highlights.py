"""Where a text has the words that were searched for: ranges of characters, so nothing is escaped.

The text is cut into words here and folded by the database as the search's documents are, so that
accents, case, ligatures and initials are found as the search finds them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

WORD = re.compile(r"&|[^\W_](?:[^\W_]|['\u2019\u2018\u02bc\u00b4`\u0300-\u036f])*")
INITIAL = re.compile(r"[a-z]")

Range: TypeAlias = tuple[int, int]


class _Token(NamedTuple):
    start: int
    end: int
    folded: str


def list_words(texts: Iterable[str]) -> set[str]:
    """Return the words of the texts, as they are written; these have to be folded."""
    return {match[0] for text in texts for match in WORD.finditer(text)}


def find_ranges(text: str, *, folded: Mapping[str, str], words: Sequence[str]) -> list[Range]:
    """Return where the text has one of the words, as first character and the one after the last.

    ``folded`` tells how each of the text's words is folded. Of the last word that is searched for
    the beginning is enough; then the beginning is the range, where its letters can be counted.
    """
    ranges: list[Range] = []
    for token in _join_initials(text, folded):
        found = token.folded.split()
        if any(word in words for word in found):
            ranges.append((token.start, token.end))
        elif words and token.folded.startswith(words[-1]):
            is_counted = len(token.folded) == token.end - token.start
            end = token.start + len(words[-1]) if is_counted else token.end
            ranges.append((token.start, end))
    return ranges


def _join_initials(text: str, folded: Mapping[str, str]) -> Iterator[_Token]:
    """Yield the words of the text; initials that follow one another are one word."""
    run: _Token | None = None
    for match in WORD.finditer(text):
        token = _Token(match.start(), match.end(), folded.get(match[0], ""))
        if INITIAL.fullmatch(token.folded):
            run = _Token(run.start, token.end, run.folded + token.folded) if run else token
            continue
        if run:
            yield run
            run = None
        yield token
    if run:
        yield run
