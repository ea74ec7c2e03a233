"""Which codes the trade may send: those of the ONIX code lists that the export uses."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from app.books.codes import ONIX_ROLES, BookFormat, ContributorRole

_DATA = json.loads(
    (Path(__file__).parents[1] / "data" / "onix_codes.json").read_text(encoding="utf-8")
)


class CodeList(StrEnum):
    """An ONIX code list; the value is its number."""

    REGION = "49"
    PRICE_TYPE = "58"
    PRICE_QUALIFIER = "59"
    PUBLISHING_STATUS = "64"
    AVAILABILITY = "65"
    LANGUAGE = "74"
    COUNTRY = "91"
    CURRENCY = "96"
    PRODUCT_FORM = "150"
    FORM_DETAIL = "175"


CODES: Mapping[CodeList, frozenset[str]] = {
    code_list: frozenset(_DATA["lists"][code_list].split()) for code_list in CodeList
}
LANGUAGES: Mapping[str, str] = dict(pair.split("=") for pair in _DATA["languages"].split())
"""By the two letters that the shop uses for a language the three of ONIX."""

ROLE_CODES: Mapping[ContributorRole, str] = {role: code for code, role in ONIX_ROLES.items()}

FORMS: Mapping[BookFormat, tuple[str, tuple[str, ...]]] = {
    BookFormat.HARDBACK: ("BB", ()),
    BookFormat.PAPERBACK: ("BC", ()),
    BookFormat.MASS_MARKET: ("BC", ("B101",)),
    BookFormat.BOARD_BOOK: ("BH", ()),
    BookFormat.SPIRAL_BOUND: ("BE", ()),
    BookFormat.EBOOK: ("ED", ()),
    BookFormat.AUDIOBOOK: ("AA", ()),
    BookFormat.BOX_SET: ("SA", ()),
    BookFormat.MAP: ("CA", ()),
    BookFormat.SHEET_MUSIC: ("PI", ()),
    BookFormat.CALENDAR: ("PC", ()),
    BookFormat.STATIONERY: ("PF", ()),
    BookFormat.CARDS: ("PD", ()),
    BookFormat.POSTER: ("PK", ()),
    BookFormat.GAME: ("ZE", ()),
    BookFormat.JIGSAW: ("ZJ", ()),
    BookFormat.TOY: ("ZX", ()),
    BookFormat.FILM: ("VA", ()),
    BookFormat.SOFTWARE: ("DA", ()),
    BookFormat.MERCHANDISE: ("ZZ", ()),
    BookFormat.GIFT_CARD: ("00", ()),
    BookFormat.OTHER: ("00", ()),
}
"""Product form (list 150) and details (list 175) of a book of which only the format is known."""


def is_code(code: str | None, code_list: CodeList) -> bool:
    """Tell whether a list has the code."""
    return code in CODES[code_list]


def language_code(language: str | None) -> str | None:
    """Return ONIX's code of a language, if it has one."""
    primary = (language or "").partition("-")[0].lower()
    code = LANGUAGES.get(primary, primary)
    return code if is_code(code, CodeList.LANGUAGE) else None
