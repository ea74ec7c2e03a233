"""The languages that the shop speaks: chosen as readers ask, and complete."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from app.core.translation import (
    LANGUAGES,
    SOURCE,
    WORDS,
    asked_in,
    choose_language,
    locale_for,
    readers_language,
    words_in,
)
from scripts.words import extract, update

TRANSLATED = [language for language in LANGUAGES if language != SOURCE]
PLACE = re.compile(r"%\(\w+\)s|%%")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en-GB, de;q=0.8", "en"),
        ("en;q=0.3,DE;q=0.7", "de"),
        ("fr, de;q=0.1", "de"),
        ("fr,nl", None),
        ("*", "en"),
        ("de;q=0, en", "en"),
        ("de;q=0", None),
        ("de;q=2, en;q=0.1", "en"),
        ("", None),
        ("de" * 5000, None),
    ],
)
def test_the_language_that_is_liked_best(header: str, language: str | None) -> None:
    assert choose_language(header) == language


@given(st.text(max_size=300))
def test_no_header_is_too_strange(header: str) -> None:
    assert choose_language(header) in (None, *LANGUAGES)


def test_a_request_has_its_readers_language() -> None:
    assert readers_language() is None
    with asked_in("de"):
        assert readers_language() == "de"
    assert readers_language() is None


@pytest.mark.parametrize(
    ("language", "shop", "locale"),
    [
        ("de", "en_US", "de"),
        ("de", "de_AT", "de_AT"),
        (None, "de_AT", "de_AT"),
        ("en", "de_AT", "en"),
        ("fr", "en_US", "en_US"),
    ],
)
def test_the_shops_own_locale_is_kept_for_its_language(
    language: str | None, shop: str, locale: str
) -> None:
    assert locale_for(language, shop) == locale


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated_with_its_places(language: str) -> None:
    with (WORDS / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    said = {message.id for message in extract() if message.id}
    assert {message.id for message in catalog if message.id} == said, "run `make words`"
    for message in catalog:
        originals = [message.id] if isinstance(message.id, str) else message.id
        words = [message.string] if isinstance(message.string, str) else message.string or [""]
        if not message.id:
            continue
        assert all(words), f"{message.id!r} has no translation"
        assert not message.fuzzy, message.id
        wanted = set(PLACE.findall(originals[-1]))
        assert set(PLACE.findall(words[-1])) == wanted, message.id
    assert words_in(language).gettext("Total") != "Total"


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_file_is_as_the_command_writes_it(language: str) -> None:
    file = WORDS / f"{language}.po"
    assert update(file) == file.read_bytes(), "run `make words`"


def test_a_language_that_we_do_not_speak_has_the_codes_own_words() -> None:
    assert words_in("fr").gettext("Total") == "Total"
    assert not (Path(WORDS) / "fr.po").exists()
