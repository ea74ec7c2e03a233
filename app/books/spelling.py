"""Repairs misspelt words, given the words that a catalogue has."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import NamedTuple

SHORTEST_KNOWN_WORD = 3
LONGEST_KNOWN_WORD = 60
"""Between these lengths the catalogue keeps its words, unless they are numbers."""

READINGS_OF_A_WORD = 20
READINGS_OF_A_QUERY = 100
LETTERS_PER_ERROR = 4
"""A word may have one wrong letter, and one more for each so many."""

OTHER_FIRST_LETTER = 0.5
"""What a replacement costs on top of its wrong letters: people rarely err in the first one."""

FORGOTTEN_SPACE = 1.0
DOUBTING_A_KNOWN_WORD = 1.5


class Reading(NamedTuple):
    """Words that somebody may have meant, and how far they are from what was typed."""

    cost: float
    words: tuple[str, ...]


def is_repairable(word: str) -> bool:
    """Tell whether the catalogue would know this word, had it the word in a title or a name."""
    return SHORTEST_KNOWN_WORD <= len(word) <= LONGEST_KNOWN_WORD and not word.isdecimal()


def swap_neighbours(word: str) -> list[str]:
    """Return the word with each two letters that stand together the other way round.

    In a short word that leaves too little alike for a search for similar words to find it.
    """
    return [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)]


def split_in_two(word: str) -> list[tuple[str, str]]:
    """Return every way to put a forgotten space between two words that can be known."""
    last = len(word) - SHORTEST_KNOWN_WORD
    return [(word[:at], word[at:]) for at in range(SHORTEST_KNOWN_WORD, last + 1)]


def read_words(
    words: Sequence[str], *, similar: Mapping[str, Collection[str]], known: Collection[str]
) -> list[Reading]:
    """Return what may have been meant, the least changed first, at most ``READINGS_OF_A_QUERY``.

    ``similar`` has, for each word, words of the catalogue that look like it, itself among them
    if the catalogue has it; ``known`` those of its swapped and split forms that it has. The last
    word may also be the beginning of any other.
    """
    readings = [Reading(0, ())]
    for position, word in enumerate(words, start=1):
        choices = nsmallest(READINGS_OF_A_WORD, _read_word(word, similar.get(word, ()), known))
        if position == len(words):
            choices.append(Reading(0, (word,)))
        longer = {
            Reading(reading.cost + choice.cost, reading.words + choice.words)
            for reading in readings
            for choice in choices
        }
        readings = nsmallest(READINGS_OF_A_QUERY, longer)
    return readings


def _read_word(word: str, similar: Collection[str], known: Collection[str]) -> Iterator[Reading]:
    is_known = word in similar or not is_repairable(word)
    doubt = DOUBTING_A_KNOWN_WORD if is_known else 0
    if is_known:
        yield Reading(0, (word,))
    swapped = [other for other in swap_neighbours(word) if other in known]
    for other in {*similar, *swapped} - {word}:
        wrong_letters = count_wrong_letters(word, other)
        if wrong_letters <= 1 + len(word) // LETTERS_PER_ERROR:
            cost = wrong_letters + OTHER_FIRST_LETTER * (word[0] != other[0])
            yield Reading(cost + doubt, (other,))
    for left, right in split_in_two(word):
        if left in known and right in known:
            yield Reading(FORGOTTEN_SPACE + doubt, (left, right))


def count_wrong_letters(typed: str, meant: str) -> int:
    """Return how many letters were left out, added, replaced or swapped with their neighbour."""
    before: list[int] = []
    above = list(range(len(meant) + 1))
    for row, letter in enumerate(typed, start=1):
        current = [row]
        for column, other in enumerate(meant, start=1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == meant[column - 2] and other == typed[row - 2]:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, above = above, current
    return above[-1]
