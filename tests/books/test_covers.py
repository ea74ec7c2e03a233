import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books.covers import PALETTES, draw_cover

PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=120)


@given(title=PLAIN, author=PLAIN)
def test_any_title_and_author_is_well_formed_and_always_the_same(title: str, author: str) -> None:
    drawn = draw_cover(title=title, author=author)
    assert drawn == draw_cover(title=title, author=author)
    root = ET.fromstring(drawn)  # noqa: S314 (our own drawing)
    assert root.attrib["role"] == "img"
    assert "style" not in drawn.replace(title, "").replace(author, "")


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", '"><img src=x>', "a & b"])
def test_markup_in_a_title_is_only_text(word: str) -> None:
    root = ET.fromstring(draw_cover(title=word, author=word))  # noqa: S314 (our own drawing)
    assert root.attrib["aria-label"] == f"{word}, {word}"
    assert {element.tag for element in root.iter()} <= {
        *("svg", "rect", "g", "text", "tspan", "circle", "path")
    }


def test_bindings_differ() -> None:
    covers = {draw_cover(title=f"Volume {number}", author="A.") for number in range(200)}
    cloths = {palette.cloth for palette in PALETTES if any(palette.cloth in c for c in covers)}
    assert len(cloths) == len(PALETTES)
