import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.books.importers.cells import join_list, split_list
from app.db.session import session_scope
from tests.books.exports.shops import empty, export, take
from tests.books.rows import query, row_versions
from tests.core.test_spreadsheets import FORMULA_STARTS, PAYLOADS

pytestmark = pytest.mark.usefixtures("empty_shop")

ADDED = """
    WITH work AS (
        INSERT INTO works (title, author, subtitle, series, series_number, description,
            short_description, table_of_contents, first_published, original_language, popularity)
        VALUES (:title, :name, :text, :title, :number, :text, :text, :text, :year, 'la', 7)
        RETURNING id
    ), person AS (
        INSERT INTO contributors (name) VALUES (:name) ON CONFLICT (name)
        DO UPDATE SET name = excluded.name RETURNING id
    ), credit AS (
        INSERT INTO contributions (work_id, position, contributor_id, role)
        SELECT work.id, position, person.id, role
        FROM work, person, (VALUES (0, 'illustrator'), (1, 'author'), (2, 'narrator'),
            (3, 'editor-in-chief')) AS r (position, role)
    ), first AS (
        INSERT INTO series (title) VALUES (:title), (:other)
        ON CONFLICT (title) DO UPDATE SET title = excluded.title RETURNING id, title
    ), membership AS (
        INSERT INTO series_memberships (work_id, position, series_id, number)
        SELECT work.id, (first.title = :other)::int, first.id,
            CASE WHEN first.title = :other THEN NULL ELSE :number END
        FROM work, first
    ), subject AS (
        INSERT INTO subjects (scheme, code) VALUES ('thema', '1E5'), ('bisac', 'FIC000000'),
            ('bic', '5') ON CONFLICT (scheme, code) DO UPDATE SET code = excluded.code RETURNING id
    ), link AS (
        INSERT INTO work_subjects (work_id, subject_id, is_main)
        SELECT work.id, subject.id, subject.id % 2 = 0 FROM work, subject
    ), publisher AS (
        INSERT INTO publishers (name) VALUES (:name) ON CONFLICT (name)
        DO UPDATE SET name = excluded.name RETURNING id
    ), book AS (
        INSERT INTO books (work_id, isbn, gtin, format, product_form, form_details, publisher_id,
            imprint_id, language, edition_statement, pages, minutes, height_mm, width_mm,
            thickness_mm, weight_g, publish_date, publish_date_precision, publish_year,
            on_sale_date, publishing_status, availability_code, order_time_days, price, currency,
            cover_image_url, deleted_at)
        SELECT work.id, :isbn, :gtin, 'audiobook', 'BC', ARRAY['B101', '1E01'], publisher.id,
            publisher.id, 'en', :text, 1, 2, 3, 4, 5, 6, '2003-05-01', 'month', 2003, '2003-06-07',
            '04', '21', 8, CAST(:price AS numeric), 'EUR', 'https://example.org/a.jpg', :deleted_at
        FROM work, publisher RETURNING id
    )
    INSERT INTO stock (book_id, received, on_hand) SELECT id, 9, 9 FROM book
"""


async def add(**facts: Any) -> None:
    """Write a book of which everything is known."""
    values = {
        "isbn": None,
        "gtin": None,
        "number": "1-3",
        "year": -750,
        "price": "12.90",
        "deleted_at": None,
    } | facts
    typed = ADDED.replace(":deleted_at", "CAST(:deleted_at AS timestamptz)")
    for name in ("title", "name", "text", "other", "isbn", "gtin", "number"):
        typed = typed.replace(f":{name}", f"CAST(:{name} AS text)")
    async with session_scope() as session:
        await session.execute(text(typed.replace(":year", "CAST(:year AS smallint)")), values)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def assert_round_trip() -> bytes:
    """Prove that the export changes nothing here and makes the same in an empty shop."""
    exported = await export()
    before = await row_versions()
    report = await take(exported)
    assert [(item.reference, item.reason) for item in report.refused] == []
    assert report.unchanged == report.rows > 0
    assert await row_versions() == before
    await empty()
    report = await take(exported)
    assert [(item.reference, item.reason) for item in report.refused] == []
    assert report.taken == report.rows
    assert await export() == exported
    return exported


async def test_every_column_is_written_and_read() -> None:
    await add(
        isbn="9780141439587",
        title="-30-",
        name="'Tis | Co; Ltd, Jr.\\",
        text='=1+1\n"quoted", a;b | &amp; c  d',
        other="007",
    )
    (row,) = table(await assert_round_trip())
    assert row == {
        "isbn": "978-0-14-143958-7",
        "other_gtin": "",
        "title": "'-30-",
        "subtitle": '\'=1+1\n"quoted", a;b | &amp; c  d',
        "author_line": "'Tis | Co; Ltd, Jr.\\",
        "authors": "'Tis \\| Co; Ltd, Jr.\\\\",
        "editors": "",
        "translators": "",
        "illustrators": "'Tis \\| Co; Ltd, Jr.\\\\",
        "other_contributors": "editor-in-chief: 'Tis \\| Co; Ltd, Jr.\\\\ | "
        "narrator: 'Tis \\| Co; Ltd, Jr.\\\\",
        "series": "'-30- | 007",
        "series_number": "'1-3 | ",
        "publisher": "'Tis | Co; Ltd, Jr.\\",
        "imprint": "'Tis | Co; Ltd, Jr.\\",
        "language": "en",
        "original_language": "la",
        "format": "audiobook",
        "form_code": "BC",
        "form_details": "B101 | 1E01",
        "edition": '\'=1+1\n"quoted", a;b | &amp; c  d',
        "pages": "1",
        "minutes": "2",
        "height_mm": "3",
        "width_mm": "4",
        "thickness_mm": "5",
        "weight_g": "6",
        "published": "2003-05-01",
        "published_precision": "month",
        "first_published": "'-750",
        "on_sale_date": "2003-06-07",
        "genre": "",
        "thema": row["thema"],
        "bisac": row["bisac"],
        "bic": row["bic"],
        "price": "12.90",
        "currency": "EUR",
        "stock": "9",
        "popularity": "7",
        "publishing_status": "'04",
        "availability_code": "'21",
        "order_time_days": "8",
        "shop_status": "on sale",
        "edition_of": "978-0-14-143958-7",
        "cover": "https://example.org/a.jpg",
        "short_description": '\'=1+1\n"quoted", a;b | &amp; c  d',
        "description": '\'=1+1\n"quoted", a;b | &amp; c  d',
        "contents": '\'=1+1\n"quoted", a;b | &amp; c  d',
    }
    codes = {row["thema"].strip("'*"), row["bisac"].strip("*"), row["bic"].strip("'*")}
    assert codes == {"1E5", "FIC000000", "5"}


async def test_what_is_not_sold_comes_back_unsold() -> None:
    common = {"text": "T", "name": "N", "other": "O"}
    await add(isbn="9780141439587", title="Removed", deleted_at=None, **common)
    await add(isbn="9780441172719", title="Unpriced", price=None, **common)
    await add(gtin="4006381333931", title="Game", price=None, **common)
    async with session_scope() as session:
        await session.execute(text("UPDATE books SET deleted_at = now() WHERE id = 1"))
    rows = table(await assert_round_trip())
    assert [(row["title"], row["shop_status"], row["price"], row["currency"]) for row in rows] == [
        ("Removed", "removed", "12.90", "EUR"),
        ("Unpriced", "no price", "", ""),
        ("Game", "no price", "", ""),
    ]
    assert rows[2]["other_gtin"] == rows[2]["edition_of"] == "'4006381333931"
    assert await query("SELECT deleted_at IS NULL, price FROM books ORDER BY id") == [
        (False, rows[0]["price"] and (await query("SELECT 12.90"))[0][0]),
        (True, None),
        (True, None),
    ]


async def test_works_that_share_title_and_author_stay_apart() -> None:
    common = {"title": "Poems", "name": "Anon", "text": "T", "other": "O"}
    await add(isbn="9780141439587", **common)
    await add(isbn="9780441172719", **common)
    await assert_round_trip()
    assert await query("SELECT count(*) FROM works") == [(2,)]


async def test_200_payloads_leave_as_text_and_come_back() -> None:
    payloads = [payload for payload in PAYLOADS if payload.strip() and "\0" not in payload]
    assert len(payloads) >= 200
    for number, payload in enumerate(payloads):
        digits = f"{number:012}"
        total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits))
        await add(
            gtin=digits + str(-total % 10),
            title=payload,
            name=payload,
            text=payload,
            other=f"{payload} ",
            number=payload,
        )
    exported = await export()
    cells = [cell for row in table(exported) for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(FORMULA_STARTS)] == []
    assert [
        line
        for line in exported.decode("utf-8-sig").split("\r\n")
        if line.startswith(FORMULA_STARTS)
    ] == []


GTINS = [
    "4006381333931",
    "5012345678900",
    "0012345678905",
    "4002515289693",
    "8711253001202",
    "5000112546415",
]

texts = (
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
    | st.text(alphabet="'\"=+-@|;,\\&amp#39; \n\t0123456789.eMay\u00e9e\u0301", min_size=1)
).map(str.strip)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(texts.filter(bool), min_size=24, max_size=24, unique=True))
async def test_any_text_comes_back(words: list[str]) -> None:
    await empty()
    for number, gtin in enumerate(GTINS):
        title, name, prose, other = words[4 * number : 4 * number + 4]
        await add(gtin=gtin, title=title, name=name, text=prose, other=other, number=other)
    await assert_round_trip()


@given(st.lists(st.text().map(str.strip), min_size=1))
def test_any_list_comes_back(items: list[str]) -> None:
    assert split_list(join_list(items)) == items


async def test_a_row_can_remove_a_book_and_change_its_lists() -> None:
    await add(isbn="9780141439587", title="Emma", name="N", text="T", other="O")
    row = "isbn,series,thema,bic,shop_status,stock\n978-0-14-143958-7,X | Y | Z,FBA*,5,{},{}\n"
    report = await take(row.format("on sale", 9).encode())
    assert (report.updated, report.refused) == (1, [])
    (changed,) = table(await export())
    assert changed["series"] == "X | Y | Z"
    assert (changed["thema"], changed["bic"].strip("'*")) == ("FBA*", "5")
    report = await take(row.format("removed", 1).encode())
    assert (report.updated, report.refused) == (1, [])
    (removed,) = table(await export())
    assert (removed["shop_status"], removed["stock"]) == ("removed", "9")
    before = await row_versions()
    assert (await take(row.format("removed", 1).encode())).unchanged == 1
    assert (await take(row.format("on sale", 1).encode())).refused_total == 1
    assert await row_versions() == before
