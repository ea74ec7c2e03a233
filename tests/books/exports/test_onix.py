"""The catalogue as ONIX: valid by EDItEUR's own schema, and the same when it comes back."""

import csv
import io
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import text

from app.db.session import session_scope
from tests.books.exports.shops import (
    empty,
    export,
    export_onix,
    fill_with_demo,
    fill_with_feeds,
    take_feed,
)
from tests.books.exports.test_csv_cells import add
from tests.books.onix.messages import FILES
from tests.books.rows import query

if sys.platform == "win32":
    pytest.skip("onixcheck cannot be installed on Windows", allow_module_level=True)

from onixcheck import schema

pytestmark = pytest.mark.usefixtures("empty_shop")
Fill = Callable[[], Awaitable[None]]
needs_feeds = pytest.mark.skipif(not FILES, reason="the shared feeds are not here")
catalogues = pytest.mark.parametrize(
    "fill", [fill_with_demo, pytest.param(fill_with_feeds, marks=needs_feeds)]
)
NAMESPACES = {"o": "http://ns.editeur.org/onix/3.0/reference"}

NOT_CARRIED = {"genre", "stock", "popularity", "form_code", "form_details", "edition_of"}
"""What ONIX has no place for; forms are made of the format where no feed told them."""


@cache
def validator() -> etree.XMLSchema:
    return etree.XMLSchema(file=schema.O30_XSD_REFERENCE)


def faults(message: bytes) -> list[str]:
    validator().validate(etree.fromstring(message))
    return [f"{error.line}: {error.message}" for error in validator().error_log]


def table(content: bytes) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [{name: cell for name, cell in row.items() if name not in NOT_CARRIED} for row in rows]


def comparable(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows as they are after they were away: nobody's word on availability is 99.

    Of texts only lines and words count, and no year before year 1.
    """
    return [
        row
        | {"availability_code": row["availability_code"] or "'99"}
        | {"first_published": "" if "-" in row["first_published"] else row["first_published"]}
        | {
            name: "\n".join(
                " ".join(line.split()) for line in row[name].split("\n") if line.strip()
            )
            for name in ("description", "short_description", "contents")
        }
        for row in rows
    ]


@catalogues
async def test_the_message_is_valid_and_makes_the_same_catalogue(fill: Fill) -> None:
    await fill()
    message = await export_onix()
    assert faults(message) == []
    before = table(await export())
    sold = [row for row in before if row["shop_status"] != "removed"]
    report = await take_feed(message)
    assert report.refused == []
    assert comparable(table(await export())) == comparable(before)
    works = await query("SELECT count(DISTINCT work_id) FROM books WHERE deleted_at IS NULL")
    await empty()
    report = await take_feed(message)
    assert report.refused == []
    assert report.taken == len(sold)
    assert comparable(table(await export())) == comparable(sold)
    assert await query("SELECT count(*) FROM works") == works


async def test_what_is_written_of_a_book() -> None:
    await add(isbn="9780141439587", title="Emma", name="Jane", text="One\n\ntwo", other="Others")
    async with session_scope() as session:
        await session.execute(
            text(
                "INSERT INTO prices (book_id, type_code, amount, currency, countries,"
                " valid_from) VALUES (1, '02', 12.9, 'EUR', '{AT,DE}', '2026-01-01')"
            )
        )
    message = await export_onix()
    assert faults(message) == []
    root = etree.fromstring(message)

    def told(path: str) -> Any:
        return root.xpath(f"string(//{path})", namespaces=NAMESPACES)

    assert told("o:SentDateTime") == "20261124T120000Z"
    assert told("o:RecordReference") == "9780141439587"
    assert told("o:ProductForm") == "AA"  # for the format is not what the feed's form says
    assert [
        (series.xpath("string(.//o:TitleText)", namespaces=NAMESPACES))
        for series in root.findall(".//o:Collection", NAMESPACES)
    ] == ["Emma", "Others"]
    assert told("o:Collection//o:PartNumber") == "1-3"
    roles = root.findall(".//o:ContributorRole", NAMESPACES)
    assert [role.text for role in roles] == ["A12", "A01", "E07", "B11"]
    assert told("o:Language[o:LanguageRole='02']/o:LanguageCode") == "lat"
    dates = root.findall(".//o:PublishingDate/o:Date", NAMESPACES)
    assert [(date.get("dateformat"), date.text) for date in dates] == [
        ("01", "200305"),
        ("00", "20030607"),
    ]
    assert sorted(
        element.text or "" for element in root.findall(".//o:SubjectSchemeIdentifier", NAMESPACES)
    ) == ["10", "12", "94"]
    assert told("o:Price/o:PriceAmount") == "12.90"
    assert told("o:Price/o:Territory/o:CountriesIncluded") == "AT DE"
    assert told("o:OrderTime") == "8"


CODES = """
    UPDATE books SET availability_code = 'XY', publishing_status = '?', language = 'xq',
        product_form = 'QQ', form_details = '{Z9}'
"""
PLACE = """
    INSERT INTO prices (book_id, type_code, amount, currency, countries)
    VALUES (2, '02', 1, 'EUR', '{MOON}')
"""


async def test_unknown_codes_are_left_out_and_a_price_that_is_not_the_shops() -> None:
    await add(gtin="4006381333931", title="Go", name="N", text="T", other="O", price=None)
    await add(title="Unnumbered", name="N", text="T", other="O", deleted_at=None)
    async with session_scope() as session:
        for sql in (CODES, PLACE):
            await session.execute(text(sql))
    message = await export_onix()
    assert faults(message) == []
    root = etree.fromstring(message)
    assert [element.text for element in root.findall(".//o:ProductAvailability", NAMESPACES)] == [
        "99",
        "99",
    ]
    assert root.findall(".//o:PublishingStatus", NAMESPACES) == []
    assert [price.text for price in root.findall(".//o:PriceAmount", NAMESPACES)] == ["12.90"]
    assert [item.text for item in root.findall(".//o:UnpricedItemType", NAMESPACES)] == ["02"]
    kinds = root.findall(".//o:ProductIDType", NAMESPACES)
    assert [kind.text for kind in kinds] == ["03", "01"]


async def test_a_removed_book_is_a_deletion() -> None:
    await add(isbn="9780141439587", title="Emma", name="N", text="T", other="O")
    async with session_scope() as session:
        await session.execute(text("UPDATE books SET deleted_at = now()"))
    message = await export_onix()
    assert faults(message) == []
    root = etree.fromstring(message)
    assert [item.text for item in root.findall(".//o:NotificationType", NAMESPACES)] == ["05"]
    assert root.findall(".//o:DescriptiveDetail", NAMESPACES) == []


torture = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(torture, min_size=4, max_size=4, unique=True))
async def test_any_text_makes_a_valid_message(words: list[str]) -> None:
    await empty()
    title, name, prose, other = words
    await add(isbn="9780141439587", title=title, name=name, text=prose, other=other, number=other)
    assert faults(await export_onix()) == []
