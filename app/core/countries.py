"""The countries that an address can be in, and what they are called."""

from functools import cache
from typing import Annotated

from babel import Locale
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

ISO_LETTERS = 2
NO_COUNTRIES = frozenset(
    ("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ")
)
"""Codes of CLDR that ISO 3166-1 does not assign to a country: groups, exceptions, test codes.

XK is not among them: ISO leaves it to its users, and all of them use it for Kosovo.
"""

COUNTRY_CODES = frozenset[str](
    code
    for code in map(str, Locale("en").territories)
    if code.isalpha() and len(code) == ISO_LETTERS and code not in NO_COUNTRIES
)


def refuse_unknown_country(code: str) -> str:
    """Return the code if it is a country's."""
    if code not in COUNTRY_CODES:
        raise PydanticCustomError("country", "Please choose a country.")
    return code


Country = Annotated[str, AfterValidator(refuse_unknown_country), Field(examples=["GB"])]
"""An ISO 3166-1 alpha-2 code, as schemas take it."""


def country_name(code: str, locale: str) -> str:
    """Return a country's name in the locale's language; a code that has none is its own name."""
    return str(Locale.parse(locale).territories.get(code, code))


@cache
def country_names(locale: str) -> list[tuple[str, str]]:
    """Return the codes and names of all countries, sorted by name."""
    named = [(code, country_name(code, locale)) for code in COUNTRY_CODES]
    return sorted(named, key=lambda country: country[1])
