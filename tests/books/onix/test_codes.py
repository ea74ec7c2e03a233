"""Our tables against EDItEUR's own lists: no code that those do not have."""

import gzip
from xml.etree import ElementTree as ET

import pytest

from app.books.importers.onix import codes, collateral, describing, identifiers
from tests.books.onix.messages import DATA

LISTS = DATA / "codelists" / "onix_codelists_issue66_en.xml.gz"

USED = {
    1: set(codes.NOTIFICATIONS),
    5: {*identifiers.ISBN_TYPES, identifiers.UPC},
    19: set(codes.UNNAMED_PERSONS),
    23: {*describing.PAGE_EXTENTS, *describing.DURATION_EXTENTS},
    24: {*describing.MINUTES_PER_UNIT, *describing.CLOCK_UNITS, describing.PAGES_UNIT},
    48: set(describing.MEASURES),
    50: {*describing.MILLIMETRES, *describing.GRAMS},
    51: {relation for relation, *_ in identifiers.BARE_RELATIONS},
    65: set(codes.AVAILABILITIES.values()),
    150: set(codes.PRODUCT_FORMS.values()),
    153: {*codes.TEXT_TYPES.values(), *collateral.LONG_TEXTS},
    154: codes.PUBLIC_AUDIENCES - {""},
    175: set(codes.EPUB_FORM_DETAILS.values()),
}


@pytest.mark.skipif(not LISTS.exists(), reason="the shared code lists are not here")
def test_codes_are_those_of_the_lists() -> None:
    known: dict[int, dict[str, str]] = {}
    table = ET.fromstring(gzip.decompress(LISTS.read_bytes()))  # noqa: S314 (our own samples)
    for code_list in table.iter("CodeList"):
        number = int(code_list.findtext("CodeListNumber", ""))
        known[number] = {
            code.findtext("CodeValue", ""): code.findtext("CodeDescription", "")
            for code in code_list.iter("Code")
        }
    for number, used in USED.items():
        assert used <= known[number].keys(), number
    for code, description in known[58].items():
        is_said = {"including tax": True, "excluding tax": False}
        meaning = next((value for words, value in is_said.items() if words in description), None)
        assert (code in codes.PRICES_WITH_TAX) == (meaning is True), description
        assert (code in codes.PRICES_WITHOUT_TAX) == (meaning is False), description
