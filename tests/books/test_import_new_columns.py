"""The columns that the export has beyond those of other people's lists."""

import pytest

from app.books.codes import ContributorRole
from app.books.importers.columns import BookField, plan_columns
from app.books.importers.csv import Record
from app.books.importers.report import Refusal, Repair, RepairKind
from app.books.importers.rows import BookRow, RowReader, ShopStatus
from app.books.models import DatePrecision, SubjectScheme


def read(**cells: str) -> BookRow | Refusal:
    reader = RowReader(plan_columns(list(cells), {}), currency="EUR")
    return reader.read(Record(2, list(cells.values())))


def understood(**cells: str) -> BookRow:
    row = read(**cells)
    assert isinstance(row, BookRow)
    return row


def reason(**cells: str) -> str:
    row = read(**cells)
    assert isinstance(row, Refusal)
    return row.reason


def test_imprints_are_publishers_where_no_column_has_these() -> None:
    assert plan_columns(["isbn", "imprint"], {}).positions[BookField.PUBLISHER] == 1
    both = understood(isbn="9780141439587", imprint="Puffin", publisher="Penguin").book
    assert (both.publisher, both.imprint) == ("Penguin", "Puffin")


def test_other_peoples_files_may_tell_trade_facts() -> None:
    row = understood(
        isbn="9780141439587",
        thema="FBA*; 1DDU | FV",
        availability="4",
        publishing_status="2",
        minutes="90.0",
        form_details="B101|B102",
        published="2003-05-01",
        published_precision="month",
        on_sale_date="25/12/2003",
        series_number="3",
        other_contributors="Narrator: Stephen Fry | foreword: A; B",
    )
    book = row.book
    assert book.subjects == {SubjectScheme.THEMA: {"FBA": True, "1DDU": False, "FV": False}}
    assert (book.availability_code, book.publishing_status) == ("04", "02")
    assert (book.minutes, book.form_details) == (90, ["B101", "B102"])
    assert book.publish_date_precision is DatePrecision.MONTH
    assert str(book.on_sale_date) == "2003-12-25"
    assert book.people == {
        ContributorRole.NARRATOR: ("Stephen Fry",),
        ContributorRole.FOREWORD: ("A; B",),
    }
    assert (book.number, book.more_series, book.may_lack_price) == ("9780141439587", None, False)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("on_sale_date", "2003"),
        ("on_sale_date", "soon"),
        ("published_precision", "roughly"),
        ("other_contributors", "somebody"),
        ("other_contributors", "butcher: A"),
        ("order_time_days", "soon"),
    ],
)
def test_what_cannot_be_read_is_left_out(column: str, cell: str) -> None:
    row = understood(isbn="9780141439587", **{column: cell})
    assert row.repairs == (Repair(RepairKind.LEFT_OUT, f"{column}: {cell}", ""),)


def test_the_shops_own_file_is_taken_at_its_word() -> None:
    row = understood(
        isbn="978-0-14-143958-7",
        title="Mockingjay (The Hunger Games, #3) &amp;  co",
        authors="Austen, Jane | Brontë",
        series="One | Two",
        series_number="'1-3",
        genre="A|B",
        language="xx-Latn",
        cover="https://example.org/nophoto.png",
        shop_status="On  Sale",
    )
    book = row.book
    assert row.repairs == ()
    assert book.title == "Mockingjay (The Hunger Games, #3) &amp;  co"
    assert book.authors == ("Austen, Jane", "Brontë")
    assert (book.series, book.series_number, book.more_series) == ("One", "1-3", (("Two", None),))
    assert (book.genre, book.language) == ("A|B", "xx-Latn")
    assert book.cover_image_url == "https://example.org/nophoto.png"
    assert book.shop_status is ShopStatus.ON_SALE
    assert understood(isbn="9780141439587", series="", shop_status="removed").book.may_lack_price


def test_what_matters_in_the_shops_own_file_refuses_the_row() -> None:
    assert reason(isbn="9.78014E+12", title="x", shop_status="removed") == (
        "isbn: 9.78014E+12 is no ISBN any more: it was damaged."
    )
    assert reason(isbn="9780141439587", shop_status="gone") == (
        "shop_status: gone is none of on sale, no price, removed."
    )
    assert reason(isbn="", other_gtin="9780141439587", shop_status="removed") == (
        "other_gtin: 9780141439587 is no bar code of anything but a book."
    )
    assert reason(isbn="9780141439587", edition_of="12", shop_status="removed") == (
        "edition_of: 12 is neither an ISBN nor another bar code."
    )


def test_bar_codes_get_their_zeros_back() -> None:
    assert understood(other_gtin="12345678905", title="Go").book.number == "0012345678905"
    assert understood(isbn="9780141439587", edition_of="4006381333931.0").book.edition_of == (
        "4006381333931"
    )
