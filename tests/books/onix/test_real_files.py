"""The shared real messages, against what another parser found in them.

That parser tells what is written; where the reader tells what is meant instead, the difference is
named here with its reason.
"""

import dataclasses
import gzip
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.books.codes import DatePrecision
from app.books.importers.onix.product import OnixProduct, PartialDate
from app.books.importers.onix.reader import read_message
from tests.books.onix.messages import DATA, FILES, products

pytestmark = pytest.mark.skipif(not FILES, reason="the shared samples are not here")

DATE_FORMS = {DatePrecision.DAY: "%Y%m%d", DatePrecision.MONTH: "%Y%m", DatePrecision.YEAR: "%Y"}

DEVIATIONS: dict[tuple[str, str], tuple[Any, str]] = {
    ("9780330520331", "collections"): (
        [["John Puller", "7"]],
        "the number is in a part number at the level of the product, inside the collection",
    ),
    ("com.globalbookinfo.onix.01734529", "collections"): (
        [["The Martin Beck series", "1"]],
        "likewise: one membership, which the other parser tells as two without name or number",
    ),
    ("1742169341", "prices"): (
        [["02", "32.95", "AUD"]],
        "the header has the type and the currency that the price leaves out",
    ),
    ("9780732287573", "title"): (
        "High Noon\N{EN DASH}in Nimbin",
        "&ndash; is declared by a DTD that nobody fetches, and every HTML page knows it",
    ),
    ("9782707154298", "isbn13"): (None, "the check digit is wrong: it would have to be 3"),
    ("fr.xxxxxxxx-xxxxx.onix.420000", "isbn13"): (None, "made-up digits, the check digit is wrong"),
}
"""What the reader finds instead, by record reference and field, and why it is right."""


def oracle() -> dict[str, dict[str, Any]]:
    path = DATA / "onix" / "expected.json.gz"
    return {entry["file"]: entry for entry in json.loads(gzip.decompress(path.read_bytes()))}


def told(date: PartialDate | None) -> str | None:
    return date.value.strftime(DATE_FORMS[date.precision]) if date else None


def facts(product: OnixProduct, release: str) -> dict[str, Any]:
    """Return the product in the oracle's terms; texts are compared by themselves."""
    return {
        "record_reference": product.record_reference,
        "notification_type": product.raw_notification,
        "identifiers": [[known.type, known.value] for known in product.identifiers],
        "isbn13": product.isbn,
        "onix_generation": int(release[0]),
        "product_form": product.raw_form or None,
        "title": product.title or None,
        "subtitle": product.subtitle or None,
        "collections": [[series.name, series.number or None] for series in product.series],
        "publisher": product.publisher or None,
        "imprint": product.imprint or None,
        "publishing_status": product.publishing_status or None,
        "publication_date": told(product.publication_date),
        "images": len(product.resources),
        "contributors": [
            [person.sequence, list(person.roles), person.name] for person in product.contributors
        ],
        "languages": [
            [known.role, known.raw_code] for known in product.languages if known.raw_code
        ],
        "extents": [[known.type, known.value, known.unit] for known in product.extents],
        "subjects": [
            [subject.scheme, subject.code or subject.heading] for subject in product.subjects
        ],
        "prices": [
            [price.type, str(price.amount), price.currency]
            for supply in product.supplies
            for price in supply.prices
        ],
        "availability": [supply.raw_availability or None for supply in product.supplies],
    }


def expected_facts(written: dict[str, Any], product: OnixProduct) -> dict[str, Any]:
    """Return what the oracle says, in the reader's ways that hold for all records."""
    expected: dict[str, Any] = json.loads(
        " ".join(json.dumps(written).split())
    )  # one space is as good as two
    del expected["descriptions"]
    for person in expected["contributors"]:
        person[0] = int(person[0]) if person[0] else None
        inverted = [known.sort_name for known in product.contributors]
        if person[2] in inverted and re.fullmatch(
            "[^,]+, [^,]+", person[2]
        ):  # names are told as they are spoken
            key, _, rest = person[2].partition(", ")
            person[2] = f"{rest} {key}"
    for price in expected["prices"]:
        assert price.pop() is None  # a column that the other parser never filled
    if expected["onix_generation"] == 2:
        pages = [e for e in expected["extents"] if e[0] == "NumberOfPages"]
        assert [product.pages] == ([int(pages[0][1])] if pages else [None])
        expected["extents"] = [e for e in expected["extents"] if e not in pages]
        main = [s for s in product.subjects if s.is_main]  # ours come first
        expected["subjects"].sort(key=lambda subject: subject[1] not in {s.code for s in main})
    return expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fact_of_every_product(path: Any) -> None:
    entry = oracle()[path.name]
    with path.open("rb") as stream:
        message = read_message(stream)
        found = list(message)
    assert len(found) == entry["product_count"]
    for product, written in zip(found, entry["products"], strict=True):
        assert isinstance(product, OnixProduct)
        expected = expected_facts(written, product)
        for (reference, field), (instead, _) in DEVIATIONS.items():
            if reference == product.record_reference and written[field] != instead:
                expected[field] = instead
        assert facts(product, message.header.release) == expected


def test_every_deviation_is_still_one() -> None:
    for (reference, field), (instead, _) in DEVIATIONS.items():
        written = [
            product[field]
            for entry in oracle().values()
            for product in entry["products"]
            if product["record_reference"] == reference
        ]
        assert [value for value in written if value != instead]


class Words(HTMLParser):
    """Python's own reading of HTML, without anything between the letters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.letters = ""
        self.feed(text)
        self.close()

    def handle_data(self, data: str) -> None:
        self.letters += "".join(data.split())


def written_texts(path: Any) -> Iterator[list[tuple[str, str]]]:
    """Yield of each product the texts as another library reads them, raw and as letters only."""
    for product in ET.parse(path).getroot():  # noqa: S314 (our own samples)
        if product.tag.endswith(("Product", "product")):
            texts = [
                text
                for content in product.iter()
                if content.tag.endswith(("TextContent", "textcontent", "OtherText", "othertext"))
                for text in content
                if text.tag.endswith(("}Text", "d104")) or text.tag == "Text"
            ]
            raw = ["".join(text.itertext()).strip() for text in texts]
            yield [(text, Words(text).letters) for text in raw]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_text_keeps_its_words(path: Any) -> None:
    if path.stem == "entities_onix21":
        pytest.skip("the other library does not read entities of a DTD that is not there")
    entry = oracle()[path.name]
    found = products(path.read_bytes())
    for product, written, texts in zip(found, entry["products"], written_texts(path), strict=True):
        assert [len(raw) for raw, _ in texts] == [length for _, length in written["descriptions"]]
        assert [text.raw_type for text in product.texts] == [
            type_ for type_, _ in written["descriptions"]
        ]
        assert ["".join(text.text.split()) for text in product.texts] == [
            letters for _, letters in texts
        ]


@pytest.mark.parametrize("release", ["30", "31"])
def test_short_and_reference_tags_say_the_same(release: str) -> None:
    (reference,) = products((DATA / f"onix/editeur_sample_{release}_reference.xml").read_bytes())
    (short,) = products((DATA / f"onix/editeur_sample_{release}_short.xml").read_bytes())
    supplies = reference.supplies
    if release == "30":  # the samples differ in one place: packs of 16 and of 15
        assert (supplies[0].pack_quantity, short.supplies[0].pack_quantity) == (16, 15)
        supplies = (dataclasses.replace(supplies[0], pack_quantity=15),)
    assert dataclasses.replace(short, line=reference.line) == (
        dataclasses.replace(reference, supplies=supplies)
    )


def test_both_releases_of_a_feed_say_the_same() -> None:
    old = products((DATA / "onix/macmillan_au_onix21.xml").read_bytes())
    new = products((DATA / "onix/macmillan_au_onix30.xml").read_bytes())
    same = 0
    for before, after in zip(old, new, strict=True):
        if before.record_reference == after.record_reference:
            same += 1
            for field in ("isbn", "title", "subtitle", "contributors", "pages", "measures", "form"):
                ours, theirs = getattr(before, field), getattr(after, field)
                if field == "contributors":
                    ours = [(person.name, person.sort_name, person.roles) for person in ours]
                    theirs = [(person.name, person.sort_name, person.roles) for person in theirs]
                assert ours == theirs
            prices = [(p.type, p.amount, p.currency) for s in before.supplies for p in s.prices]
            assert prices == [
                (p.type, p.amount, p.currency) for s in after.supplies for p in s.prices
            ]
    assert same > 15
