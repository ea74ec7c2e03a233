"""Addresses that people can read."""

import pytest

from app.books.slugs import MAX_CHARACTERS, book_address, make_slug


@pytest.mark.parametrize(
    ("title", "author", "slug"),
    [
        ("Pride and Prejudice", "Jane Austen", "pride-and-prejudice-jane-austen"),
        ("Assassin\u2019s Apprentice", "Robin Hobb", "assassins-apprentice-robin-hobb"),
        ("Élan & Ωmega", "Łukasz Þórsson", "elan-and-ωmega-lukasz-thorsson"),
        ("Straße", "Bjørn Œuvre", "strasse-bjorn-oeuvre"),
        ("\uff21\uff22\uff23 ﬁn", "E\u0301mile", "abc-fin-emile"),
        ("Преступление и наказание", "Ф. Д.", "преступление-и-наказание-ф-д"),
        ("ノルウェイの森", "村上春樹", "ノルウェイの森-村上春樹"),
        ("गोदान", "मुंशी प्रेमचंद", "गोदान-मुंशी-प्रेमचंद"),
        ("1984 / 85", "A--B", "1984-85-a-b"),
        ("?!", "…", "book"),
        ("🐈", "-", "book"),
    ],
)
def test_slugs(title: str, author: str, slug: str) -> None:
    assert make_slug(title=title, author=author) == slug


def test_long_titles_end_at_a_word() -> None:
    slug = make_slug(title="The history of " * 20, author="Somebody")
    assert slug == "the-history-of-the-history-of-the-history-of-the-history-of-the-history-of-the"
    assert make_slug(title="x" * 500, author="y") == "x" * MAX_CHARACTERS


def test_addresses_are_ascii() -> None:
    assert book_address(7, title="森 a/b?", author="%2e") == "/books/7/%E6%A3%AE-a-b-2e"
