from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.books.codes import DatePrecision
from app.books.importers.onix import tags
from app.books.importers.onix.plain import plain_text
from app.books.importers.onix.product import PartialDate
from app.books.importers.onix.values import (
    amount,
    gtin_of,
    isbn_of,
    language_code,
    last_day,
    moment,
    number,
    partial_date,
    whole,
)
from app.books.importers.report import Repair, RepairKind

DAY, MONTH, YEAR = DatePrecision.DAY, DatePrecision.MONTH, DatePrecision.YEAR


def kinds(repairs: list[Repair]) -> list[RepairKind]:
    return [repair.kind for repair in repairs]


@pytest.mark.parametrize(
    ("text", "form", "value", "precision"),
    [
        ("20060807", "00", date(2006, 8, 7), DAY),
        ("200608", "01", date(2006, 8, 1), MONTH),
        ("200632", "02", date(2006, 8, 7), MONTH),
        ("20063", "03", date(2006, 1, 1), YEAR),
        ("20061", "04", date(2006, 1, 1), YEAR),
        ("2006", "05", date(2006, 1, 1), YEAR),
        ("2006080720060901", "06", date(2006, 8, 7), DAY),
        ("200608200609", "07", date(2006, 8, 1), MONTH),
        ("200632200640", "08", date(2006, 8, 7), MONTH),
        ("2006320071", "09", date(2006, 1, 1), YEAR),
        ("2006120072", "10", date(2006, 1, 1), YEAR),
        ("20062007", "11", date(2006, 1, 1), YEAR),
        ("Spring 2006", "12", date(2006, 1, 1), YEAR),
        ("20060807T1530", "13", date(2006, 8, 7), DAY),
        ("20060807T153012Z", "14", date(2006, 8, 7), DAY),
        ("20060807", "", date(2006, 8, 7), DAY),
        ("200608", "", date(2006, 8, 1), MONTH),
        ("2006", "", date(2006, 1, 1), YEAR),
        ("2006-08-07", "", date(2006, 8, 7), DAY),
        ("2006-08-07T00:00:00", "", date(2006, 8, 7), DAY),
        ("2006", "00", date(2006, 1, 1), YEAR),
        ("20060807", "05", date(2006, 8, 7), DAY),
        ("20060807", "01", date(2006, 8, 7), DAY),
        ("20060800", "00", date(2006, 8, 1), MONTH),
        ("20060000", "00", date(2006, 1, 1), YEAR),
        ("99991231", "00", date(9999, 12, 31), DAY),
    ],
)
def test_dates(text: str, form: str, value: date, precision: DatePrecision) -> None:
    repairs: list[Repair] = []
    assert partial_date(text, form, what="Date", repairs=repairs) == PartialDate(value, precision)
    assert repairs == []


@pytest.mark.parametrize(
    ("text", "value", "precision", "shown"),
    [
        ("20060231", date(2006, 2, 1), MONTH, "2006-02"),
        ("20061345", date(2006, 1, 1), YEAR, "2006"),
        ("200613", date(2006, 1, 1), YEAR, "2006"),
    ],
)
def test_dates_that_do_not_exist(
    text: str, value: date, precision: DatePrecision, shown: str
) -> None:
    repairs: list[Repair] = []
    assert partial_date(text, "", what="Date", repairs=repairs) == PartialDate(value, precision)
    assert repairs == [Repair(RepairKind.DATE_WRONG, text, shown)]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("soon", ""),
        ("06", ""),
        ("00001301", ""),
        ("14271001", "20"),
        ("Spring 2006 or 2007", "12"),
        ("next spring", "12"),
        ("200699", "02"),
    ],
)
def test_dates_that_say_nothing_certain(text: str, form: str) -> None:
    repairs: list[Repair] = []
    assert partial_date(text, form, what="Date", repairs=repairs) is None
    assert repairs == [Repair(RepairKind.LEFT_OUT, f"Date: {text}", "")]


@pytest.mark.parametrize("text", ["", "0000", "00000000", "0000-00-00"])
def test_dates_that_are_not_known(text: str) -> None:
    repairs: list[Repair] = []
    assert partial_date(text, "00", what="Date", repairs=repairs) is None
    assert repairs == []


def test_last_days() -> None:
    assert last_day(PartialDate(date(2024, 2, 1), MONTH)) == date(2024, 2, 29)
    assert last_day(PartialDate(date(2024, 1, 1), YEAR)) == date(2024, 12, 31)
    assert last_day(PartialDate(date(2024, 2, 3), DAY)) == date(2024, 2, 3)


@pytest.mark.parametrize(
    ("text", "sent_at"),
    [
        ("20100510T1115-0400", datetime(2010, 5, 10, 15, 15, tzinfo=UTC)),
        ("20100510T111530Z", datetime(2010, 5, 10, 11, 15, 30, tzinfo=UTC)),
        ("20100510T1115+01", datetime(2010, 5, 10, 10, 15, tzinfo=UTC)),
        ("2010-05-10T11:15:30.5+01:30", datetime(2010, 5, 10, 9, 45, 30, tzinfo=UTC)),
        ("201005101115", datetime(2010, 5, 10, 11, 15, tzinfo=UTC)),
        ("20100510", datetime(2010, 5, 10, tzinfo=UTC)),
        ("00010101T0000+0100", None),
        ("20100510T1115+9900", None),
        ("20101510", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moments(text: str, sent_at: datetime | None) -> None:
    assert moment(text) == sent_at


@pytest.mark.parametrize(
    ("text", "currency", "value"),
    [
        ("12.50", None, "12.50"),
        ("0", "GBP", "0"),
        ("12,50", "EUR", "12.50"),
        ("1.234,50", "EUR", "1234.50"),
        ("1,234.50", "GBP", "1234.50"),
        ("1 234,50", "EUR", "1234.50"),
        ("1'234.50", "CHF", "1234.50"),
        ("£12.50", "GBP", "12.50"),
        ("EUR 12,50", "EUR", "12.50"),
        ("12,50", None, "12.50"),
    ],
)
def test_amounts(text: str, currency: str | None, value: str) -> None:
    repairs: list[Repair] = []
    assert amount(text, currency=currency, what="Price", repairs=repairs) == Decimal(value)
    assert kinds(repairs) == ([] if text in {"12.50", "0"} else [RepairKind.NUMBER])


@pytest.mark.parametrize("text", ["1,234", "-1", "free", "£5", "9" * 40, "1.2.3,4,5"])
def test_amounts_that_are_not_certain(text: str) -> None:
    repairs: list[Repair] = []
    assert amount(text, currency="EUR", what="Price", repairs=repairs) is None
    assert repairs == [Repair(RepairKind.LEFT_OUT, f"Price: {text}", "")]


def test_no_amount() -> None:
    assert amount("", currency="EUR", what="Price", repairs=[]) is None


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("5.5", "5.5", []),
        ("5,5", "5.5", [RepairKind.NUMBER]),
        ("20 %", "20", [RepairKind.NUMBER]),
        ("many", None, [RepairKind.LEFT_OUT]),
        ("-5", None, [RepairKind.LEFT_OUT]),
        ("", None, []),
    ],
)
def test_numbers(text: str, value: str | None, expected: list[RepairKind]) -> None:
    repairs: list[Repair] = []
    found = number(text, what="Number", repairs=repairs)
    assert found == (Decimal(value) if value else None)
    assert kinds(repairs) == expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("320", 320, []),
        ("320.0", 320, [RepairKind.NUMBER]),
        ("320 pages", 320, [RepairKind.NUMBER]),
        ("320.5", None, [RepairKind.LEFT_OUT]),
        ("xii", None, [RepairKind.LEFT_OUT]),
        ("9" * 30, None, [RepairKind.LEFT_OUT]),
        ("", None, []),
    ],
)
def test_whole_numbers(text: str, value: int | None, expected: list[RepairKind]) -> None:
    repairs: list[Repair] = []
    assert whole(text, what="Pages", repairs=repairs) == value
    assert kinds(repairs) == expected


def test_isbns_and_bar_codes() -> None:
    assert isbn_of("0-7322-8757-X") == "9780732287573"
    assert isbn_of("978 0 7322 8757 3") == "9780732287573"
    assert isbn_of("9780732287574") is None
    assert isbn_of(" " * 100 + "9780732287573") is None
    assert gtin_of("5 012345-678900") == "5012345678900"
    assert gtin_of("036000291452") == "0036000291452"
    assert gtin_of("5012345678901") is None
    assert gtin_of("x") is None
    assert gtin_of("٥012345678900") is None  # noqa: RUF001 (another script's five)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("eng", "en"),
        ("fre", "fr"),
        ("fra", "fr"),
        ("ger", "de"),
        ("chi", "zh"),
        ("dut", "nl"),
        ("wel", "cy"),
        ("cze", "cs"),
        ("per", "fa"),
        ("gre", "el"),
        ("ENG", "en"),
        ("en", "en"),
        ("grc", "grc"),
        ("gsw", "gsw"),
        ("mul", "mul"),
        ("QQQ", "qqq"),
    ],
)
def test_languages(raw: str, code: str) -> None:
    assert language_code(raw) == code


def test_long_texts_are_no_languages() -> None:
    assert language_code("A" * 100) == "a" * 100


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("One.\nTwo.\r\n\r\n  Three. ", "One.\nTwo.\nThree."),
        ("<p>One\nand a half.</p><p>Two.</p>", "One and a half.\nTwo."),
        ("<P class='x'>One.<BR/>Two.</P>", "One.\nTwo."),
        ("<em>One</em>\n\nTwo\n<i>three</i>", "One\nTwo three"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\nTwo"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
        ("&lt;p&gt;One &amp;amp; two&lt;/p&gt;", "One & two"),
        ("&amp;lt;p&amp;gt;One&amp;lt;/p&amp;gt;", "One"),
        ("AT&amp;T &eacute;&nbsp;&#8211;", "AT&T é \u2013"),
        ("1 < 2 > 0 <3 <unknown> & a&b;", "1 < 2 > 0 <3 <unknown> & a&b;"),
        ("<script>alert('<p>')</script>One<style>p {}</style>", "One"),
        ("One<script>never closed", "One"),
        ("One<!-- <p>two</p> --> three <!-- four", "One three <!-- four"),
        ("<h:p xmlns:h='x'>One</h:p>Two", "One\nTwo"),
        ("&lt;script&gt;x&lt;/script&gt;One", "One"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("&amp;amp;amp;amp;amp;lt;", "&amp;lt;"),
        ("", ""),
    ],
)
def test_plain_text(written: str, plain: str) -> None:
    assert plain_text(written) == plain


def test_few_unknown_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tags._Names({"b203": "TitleText"})
    monkeypatch.setattr(tags, "MAX_REMEMBERED_TAGS", 3)
    assert [names[tag] for tag in ("{urn:x}b203", "x", "y", "{urn:x}b203")] == [
        "TitleText",
        "",
        "",
        "TitleText",
    ]
    assert set(names) == {"b203", "{urn:x}b203", "x"}


def test_unknown_tags_count_in_what_is_declared_to_have_tags() -> None:
    assert plain_text("<o:x>One</o:x> <unknown>two", is_markup=True) == "One two"


@pytest.mark.parametrize("piece", ["<", "<p", "<script>", "</", "&", "&amp;", "<p>", "\n", "<!--"])
def test_long_texts_take_their_time_only_once(piece: str) -> None:
    assert len(plain_text(piece * 200_000)) <= 1_000_000
