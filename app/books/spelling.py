"""Repairs misspelt words, given the words that a catalogue has.

For each word that was typed there are choices: the word itself, words that differ in a letter,
words that look or sound alike, two words where a space was forgotten. What was meant is the reading
that a book has and that changes least.
"""

from collections.abc import Collection, Sequence
from heapq import nsmallest
from itertools import pairwise
from typing import NamedTuple, TypeAlias

LONGEST_KNOWN_WORD = 60
"""Up to this length the catalogue keeps its words, unless they are numbers."""

SHORTEST_FUZZY_WORD = 3
"""Shorter words look like far too many others."""

LONGEST_EDITED_WORD = 24
CHOICES_OF_A_WORD = 24
LETTERS_PER_ERROR = 4
"""A word may have one wrong letter, and one more for each so many."""

LATIN = "abcdefghijklmnopqrstuvwxyz"
SCRIPT_LETTERS = 128
FIRST_IDEOGRAPH = "\u2e80"

OTHER_FIRST_LETTER = 0.5
"""What a replacement costs on top of its wrong letters: people rarely err in the first one."""

SAME_SOUND = 1.5
SAME_SOUND_LETTER = 0.25
"""What a word costs that sounds the same, and each letter in which it differs."""

WRONG_SPACE = 1.0
DOUBTING_A_KNOWN_WORD = 1.5
LEFT_OUT = 4.0

Slots: TypeAlias = Sequence[Sequence["Choice"]]
"""What may stand for each of the words that were typed, in their order."""


class Choice(NamedTuple):
    """Words that somebody may have meant by one, and how far they are from what was typed."""

    cost: float
    words: tuple[str, ...]
    is_beginning: bool = False


def is_repairable(word: str) -> bool:
    """Tell whether the catalogue would know this word, had it the word in a title or a name."""
    return len(word) <= LONGEST_KNOWN_WORD and not word.isdecimal()


def one_letter_off(word: str) -> set[str]:
    """Return every word that is one error away: a letter missing, too many, wrong, or swapped.

    To look them all up costs the same however many words a catalogue has.
    """
    if len(word) > LONGEST_EDITED_WORD:
        return set()
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    letters = _letters(word)
    shorter = {left + right[1:] for left, right in halves if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1}
    replaced = {left + letter + right[1:] for left, right in halves if right for letter in letters}
    longer = {left + letter + right for left, right in halves for letter in letters}
    return (shorter | swapped | replaced | longer) - {word, ""}


def _letters(word: str) -> str:
    """Return the letters of the word's script; of ideographs there are too many."""
    letters = set(LATIN) if word.isascii() else set()
    for letter in word:
        if not letter.isascii() and letter < FIRST_IDEOGRAPH:
            first = ord(letter) // SCRIPT_LETTERS * SCRIPT_LETTERS
            block = map(chr, range(first, first + SCRIPT_LETTERS))
            letters |= {other for other in block if other.isalpha() and other == other.lower()}
    return "".join(sorted(letters))


def split_in_two(word: str) -> list[tuple[str, str]]:
    """Return every way to put a forgotten space into the word."""
    return [(word[:at], word[at:]) for at in range(1, min(len(word), LONGEST_KNOWN_WORD))]


def join_neighbours(words: Sequence[str]) -> list[str]:
    """Return each two neighbours without the space between them."""
    return [left + right for left, right in pairwise(words)]


def read_word(
    word: str, *, known: Collection[str], similar: Collection[str] = (), doubted: bool = False
) -> list[Choice]:
    """Return what may have been meant by a word, the least changed first.

    ``known`` are the words of the catalogue among those that were looked up, ``similar`` those
    that look or sound like this one. A word that is known stands for itself, and for others only
    if it is ``doubted``.
    """
    is_known = word in known or not is_repairable(word)
    if is_known and not doubted:
        return [Choice(0, (word,))]
    doubt = DOUBTING_A_KNOWN_WORD if is_known else 0
    choices = [Choice(0, (word,))] if is_known else []
    choices += [
        Choice(doubt + 1 + _first_letter(word, other), (other,))
        for other in one_letter_off(word) & set(known)
    ]
    for other in set(similar) - {word} - {choice.words[0] for choice in choices}:
        wrong = count_wrong_letters(word, other)
        if wrong <= 1 + len(word) // LETTERS_PER_ERROR:
            choices.append(Choice(doubt + wrong + _first_letter(word, other), (other,)))
        elif wrong <= len(word) - 1:
            choices.append(Choice(doubt + SAME_SOUND + SAME_SOUND_LETTER * wrong, (other,)))
    for parts in split_in_two(word):
        if parts[0] in known and parts[1] in known:
            short = 1 in map(len, parts)
            choices.append(Choice(doubt + WRONG_SPACE + OTHER_FIRST_LETTER * short, parts))
    return nsmallest(CHOICES_OF_A_WORD, choices)


def _first_letter(word: str, other: str) -> float:
    return OTHER_FIRST_LETTER if word[0] != other[0] else 0


def join_words(words: Sequence[str], slots: Slots, known: Collection[str]) -> list[Slots]:
    """Return the choices, and again for each two neighbours that may be one word."""
    joined = [
        [*slots[:at], [Choice(WRONG_SPACE, (word,))], *slots[at + 2 :]]
        for at, word in enumerate(join_neighbours(words))
        if word in known
    ]
    return [slots, *joined]


def leave_one_out(slots: Slots) -> list[Slots]:
    """Return the choices without one of the words, for each of them."""
    return [[*slots[:at], [Choice(LEFT_OUT, ())], *slots[at + 1 :]] for at in range(len(slots))]


def combine(ways: Sequence[Slots], *, limit: int) -> list[Choice]:
    """Return the cheapest combinations of a choice for each word, at most so many."""
    found: list[Choice] = []
    for slots in ways:
        readings = [Choice(0, ())]
        for choices in slots:
            longer = (
                Choice(
                    reading.cost + choice.cost,
                    reading.words + choice.words,
                    is_beginning=choice.is_beginning,
                )
                for reading in readings
                for choice in choices
            )
            readings = nsmallest(limit, longer)
        found += readings
    return nsmallest(limit, (reading for reading in found if reading.words))


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
