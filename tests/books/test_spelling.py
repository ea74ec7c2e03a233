import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books.spelling import (
    Choice,
    combine,
    count_wrong_letters,
    is_repairable,
    join_neighbours,
    join_words,
    leave_one_out,
    one_letter_off,
    read_word,
    split_in_two,
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
def test_one_letter_off_are_all_that_are_one_wrong_letter_away(word: str) -> None:
    others = one_letter_off(word)
    assert word not in others
    assert all(count_wrong_letters(word, other) == 1 for other in others)
    assert {word + "q", "q" + word} <= others


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("дуна", "дюна"), ("οδυσεια", "οδυσσεια"), ("1q83", "1q8z"), ("中国史", "中国")],
)
def test_every_script_has_its_letters(typed: str, meant: str) -> None:
    assert meant in one_letter_off(typed)


def test_a_word_of_absurd_length_has_no_others() -> None:
    assert one_letter_off("x" * 25) == set()


def test_split_in_two_puts_a_space_everywhere() -> None:
    assert split_in_two("ilay") == [("i", "lay"), ("il", "ay"), ("ila", "y")]


def test_join_neighbours_leaves_each_space_out() -> None:
    assert join_neighbours(["fire", "star", "ship"]) == ["firestar", "starship"]


@pytest.mark.parametrize(
    ("word", "expected"), [("dune", True), ("1984", False), ("1q84", True), ("x" * 61, False)]
)
def test_is_repairable(word: str, expected: bool) -> None:  # noqa: FBT001 (a table's column)
    assert is_repairable(word) is expected


def test_a_known_word_is_itself_and_others_only_when_doubted() -> None:
    assert read_word("dune", known={"dune", "dunes"}) == [Choice(0, ("dune",))]
    assert read_word("dune", known={"dune", "dunes"}, doubted=True) == [
        Choice(0, ("dune",)),
        Choice(2.5, ("dunes",)),
    ]


def test_a_number_is_what_it_is() -> None:
    assert read_word("1984", known={"1985"}) == [Choice(0, ("1984",))]


def test_an_unknown_word_is_read_as_those_that_are_near() -> None:
    assert read_word("dnue", known={"dune", "dnu", "diner"}, similar=["tune", "dune"]) == [
        Choice(1, ("dnu",)),
        Choice(1, ("dune",)),
        Choice(2.5, ("tune",)),
    ]


def test_a_word_that_only_sounds_alike_is_less_likely() -> None:
    assert read_word("kookoo", known=(), similar=["cuckoo"]) == [Choice(2.25, ("cuckoo",))]


def test_a_word_that_has_nothing_in_common_is_not_meant() -> None:
    assert read_word("ab", known=(), similar=["xyz"]) == []


def test_a_wrong_first_letter_is_less_likely() -> None:
    choices = read_word("bune", known={"dune", "bone"})
    assert choices == [Choice(1, ("bone",)), Choice(1.5, ("dune",))]


def test_a_forgotten_space_is_put_back() -> None:
    assert read_word("oilay", known={"oi", "lay"}) == [Choice(1, ("oi", "lay"))]
    assert read_word("starship", known={"star", "ship"}) == [Choice(1, ("star", "ship"))]


def test_a_space_too_many_is_taken_out() -> None:
    slots = [[Choice(0, ("hob",))], [Choice(0, ("bit",))], [Choice(0, ("x",))]]
    ways = join_words(["hob", "bit", "x"], slots, {"bitx"})
    assert ways == [slots, [slots[0], [Choice(1, ("bitx",))]]]


def test_combinations_come_by_their_cost() -> None:
    slots = [
        [Choice(1, ("a",)), Choice(3, ("b", "c"))],
        [Choice(0, ("x",), is_beginning=True), Choice(1, ("y",))],
    ]
    assert combine([slots], limit=3) == [
        Choice(1, ("a", "x"), is_beginning=True),
        Choice(2, ("a", "y")),
        Choice(3, ("b", "c", "x"), is_beginning=True),
    ]


def test_a_word_without_choices_has_no_combinations() -> None:
    assert combine([[[Choice(0, ("a",))], []]], limit=3) == []


def test_each_word_can_be_left_out_at_a_price() -> None:
    slots = [[Choice(0, ("a",))], [], [Choice(1, ("c",))]]
    assert combine(leave_one_out(slots), limit=9) == [Choice(5, ("a", "c"))]
    assert combine(leave_one_out([[Choice(0, ("a",))]]), limit=9) == []
