"""The languages that the shop speaks, and its words in them.

English is what the code and the templates say. Other languages are ``app/locales/<language>.po``;
`make words` writes the sentences that are new into them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Annotated

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

WORDS = Path(__file__).parents[1] / "locales"

SOURCE = "en"
LANGUAGES = (SOURCE, "de")
"""The languages that have every word, as ISO 639-1 codes."""


def refuse_unknown_language(code: str) -> str:
    """Return the code if it is of a language that we speak."""
    if code not in LANGUAGES:
        raise PydanticCustomError("language", "Please choose a language of the list.")
    return code


Language = Annotated[str, AfterValidator(refuse_unknown_language), Field(examples=["de"])]
"""One of them, as schemas take it."""

MAX_HEADER_CHARACTERS = 200
RANGE = re.compile(r"([a-z]{1,8}|\*)(?:-[a-z0-9]{1,8})*\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?")

_asked: ContextVar[str] = ContextVar("asked", default="")
"""What the request says of the languages that its reader understands."""


@contextmanager
def asked_in(header: str) -> Iterator[None]:
    """Serve a request with this ``Accept-Language``."""
    token = _asked.set(header)
    try:
        yield
    finally:
        _asked.reset(token)


def readers_language() -> str | None:
    """Return the language that the present request's reader likes best of those we speak.

    None outside requests, and where the reader wants none of them.
    """
    return choose_language(_asked.get()) if _asked.get() else None


@lru_cache(maxsize=1024)
def choose_language(header: str) -> str | None:
    """Return the language of ours that an ``Accept-Language`` (RFC 9110, 12.5.4) likes best."""
    liked: dict[str, Decimal] = {}
    for part in header[:MAX_HEADER_CHARACTERS].lower().split(","):
        if found := RANGE.fullmatch(part.strip()):
            for language in LANGUAGES if found[1] == "*" else (found[1],):
                liked.setdefault(language, Decimal(found[2] or 1))
    ours = [language for language in LANGUAGES if liked.get(language)]
    return max(ours, key=lambda language: liked[language], default=None)


def locale_for(language: str | None, shop_locale: str) -> str:
    """Return the locale to write to a reader in: the shop's own, if that is of their language.

    None, or a language that we do not speak, is the shop's own, or English.
    """
    own = Locale.parse(shop_locale).language
    if language is None or language == own or language not in LANGUAGES:
        return shop_locale
    return language


@cache
def own_names() -> list[tuple[str, str]]:
    """Return the languages and what each calls itself."""
    return [(language, str(Locale(language).display_name).title()) for language in LANGUAGES]


@cache
def words_in(language: str) -> NullTranslations:
    """Return the words of a language; those of the code itself for one that we do not speak."""
    if language == SOURCE or language not in LANGUAGES:
        return NullTranslations()
    compiled = BytesIO()
    with (WORDS / f"{language}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
