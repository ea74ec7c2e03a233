import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books.spelling import (
    READINGS_OF_A_QUERY,
    Reading,
    count_wrong_letters,
    is_repairable,
    read_words,
    split_in_two,
    swap_neighbours,
)

WORDS = st.text("abcd", max_size=8)


@pytest.mark.parametrize(
    ("typed", "meant", "wrong_letters"),
    [
        ("dune", "dune", 0),
        ("dun", "dune", 1),
        ("dunes", "dune", 1),
        ("dine", "dune", 1),
        ("udne", "dune", 1),
        ("recieve", "receive", 1),
        ("", "dune", 4),
    ],
)
def test_count_wrong_letters(typed: str, meant: str, wrong_letters: int) -> None:
    assert count_wrong_letters(typed, meant) == wrong_letters


@given(WORDS, WORDS)
def test_wrong_letters_are_counted_alike_from_both_sides(one: str, other: str) -> None:
    wrong_letters = count_wrong_letters(one, other)
    assert wrong_letters == count_wrong_letters(other, one)
    assert (wrong_letters == 0) == (one == other)
    assert abs(len(one) - len(other)) <= wrong_letters <= max(len(one), len(other))


@given(WORDS)
def test_swapped_neighbours_are_one_wrong_letter(word: str) -> None:
    assert all(count_wrong_letters(word, swap) <= 1 for swap in swap_neighbours(word))
    assert len(swap_neighbours(word)) == max(0, len(word) - 1)


def test_split_in_two_leaves_words_that_can_be_known() -> None:
    assert split_in_two("starship") == [("sta", "rship"), ("star", "ship"), ("stars", "hip")]
    assert split_in_two("space") == []


@pytest.mark.parametrize(
    ("word", "expected"),
    [("dune", True), ("it", False), ("1984", False), ("1q84", True), ("x" * 61, False)],
)
def test_is_repairable(word: str, expected: bool) -> None:  # noqa: FBT001 (a table's column)
    assert is_repairable(word) is expected


def test_a_known_word_is_read_as_it_is_first() -> None:
    readings = read_words(["dune", "x"], similar={"dune": ["dune", "dunes"]}, known=())
    assert readings == [Reading(0, ("dune", "x")), Reading(2.5, ("dunes", "x"))]


def test_an_unknown_word_is_only_read_as_similar_ones() -> None:
    readings = read_words(["dnue", "x"], similar={"dnue": ["tune"]}, known={"dune"})
    assert readings == [Reading(1, ("dune", "x")), Reading(2.5, ("tune", "x"))]


def test_a_word_with_too_many_wrong_letters_is_not_meant() -> None:
    assert read_words(["dnue", "x"], similar={"dnue": ["diner"]}, known=()) == []


def test_a_wrong_first_letter_is_less_likely() -> None:
    readings = read_words(["bune", "x"], similar={"bune": ["dune", "bone"]}, known=())
    assert [reading.words[0] for reading in readings] == ["bone", "dune"]


def test_a_forgotten_space_is_put_back() -> None:
    readings = read_words(["starship", "x"], similar={}, known={"star", "ship", "stars"})
    assert readings == [Reading(1, ("star", "ship", "x"))]


def test_the_last_word_may_be_unfinished() -> None:
    assert read_words(["hob"], similar={}, known=()) == [Reading(0, ("hob",))]


def test_too_many_readings_are_cut_to_the_nearest() -> None:
    similar = {word: [f"{word}{letter}" for letter in "abcdefghij"] for word in ("aaa", "bbb")}
    readings = read_words(["aaa", "bbb", "aaa", "bbb", "x"], similar=similar, known=())
    assert len(readings) == READINGS_OF_A_QUERY
    assert readings == sorted(readings)
