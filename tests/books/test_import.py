import asyncio
import csv
import gzip
import io
import json
from collections.abc import Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.books import stock
from app.books.importers.errors import ImportFileError
from app.books.importers.load import BATCH_ROWS, REMOVED
from app.books.importers.report import (
    ImportReport,
    Note,
    Progress,
    Refusal,
    Repair,
    RepairKind,
    write_csv,
)
from app.books.importers.run import DEMO_CATALOGUE, import_csv
from app.books.importers.sorting import NO_NAME, NO_PRICE, ImportOptions
from app.books.isbn import parse_isbn
from app.books.models import Book, Publisher, Stock, Work
from app.core.clock import utc_now
from app.db.session import AsyncSessionLocal, session_scope
from tests.books.rows import query, row_versions

DATA = Path(__file__).parents[2].parent / "shared" / "data"
GOODBOOKS = DATA / "books" / "goodbooks10k_raw.csv.gz"
NAUGHTY_STRINGS = DATA / "text" / "blns.json"
FORMULAS = DATA / "text" / "csv_injection.txt"

HEADER = "isbn,title,author,price,stock,genre,year,format\n"
EMMA = "9780141439587,Emma,Jane Austen,7.99,3,Classics,2003,paperback\n"
DUNE = "9780441172719,Dune,Frank Herbert,9.99,0,Science Fiction,1990,pbk\n"

CONTROL_CHARACTERS = "title: Please leave out characters that nobody can see."
SURPLUS = "The row has 9 cells and the header 8: is a cell with a comma not in quotation marks?"

BOOKS = """
    SELECT b.id, b.work_id, b.isbn, w.title, w.author, b.price, b.currency, s.received, s.on_hand
    FROM books b JOIN works w ON w.id = b.work_id JOIN stock s ON s.book_id = b.id ORDER BY b.id
"""
PEOPLE = """
    SELECT w.title, c.role, p.name FROM works w JOIN contributions c ON c.work_id = w.id
    JOIN contributors p ON p.id = c.contributor_id ORDER BY w.id, c.position
"""


pytestmark = pytest.mark.usefixtures("empty_shop")


async def run(
    content: str | Path,
    *,
    mapping: Mapping[str, str] | None = None,
    seen: list[Progress] | None = None,
    **options: Any,
) -> ImportReport:
    return await import_csv(
        content if isinstance(content, Path) else io.BytesIO(content.encode()),
        mapping=mapping or {},
        options=ImportOptions(currency="USD", **options),
        on_progress=(seen if seen is not None else []).append,
    )


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    """Return the report's figures, which must add up."""
    figures = (report.taken, report.updated, report.unchanged, report.refused_total)
    assert report.rows == sum(figures)
    return report.rows, *figures


async def test_a_new_book_lands_whole() -> None:
    report = await run(
        "EAN;Title;Subtitle;Series;Volume;Authors;Translator;Illustrator;Editor;Blurb;Category;"
        "Original Publication Year;Pub Date;Publisher;Lang;Binding;Extent;RRP;Qty;Cover URL;Sales;"
        "Shelf\n"
        "978-0-14-044793-4;The Odyssey;A New Verse;Epics;2;Homer, Anonymous;Robert Fagles;Ann|Bo;"
        '"Knox, Bernard";"Sing &amp; tell.\n\nGo.";Classics;-720.0;1996-11-01;Penguin;eng;'
        "Hardcover;541;$16.00;4;https://example.com/o.jpg;900;B2\n"
    )
    assert counts(report) == (1, 1, 0, 0, 0)
    assert report.unused_columns == ("Shelf",)
    assert report.columns["RRP"] == "price"
    async with session_scope() as session:
        book, work, copies, publisher = (
            await session.execute(
                select(Book, Work, Stock, Publisher.name)
                .join(Book.work)
                .join(Book.stock)
                .join(Book.publisher)
            )
        ).one()
    assert (book.isbn, book.format, publisher, book.language, book.pages) == (
        "9780140447934", "hardback", "Penguin", "en", 541
    )  # fmt: skip
    assert (str(book.publish_date), book.publish_year) == ("1996-11-01", 1996)
    assert (book.price, book.currency) == (Decimal("16.00"), "USD")
    assert book.cover_image_url == "https://example.com/o.jpg"
    assert (work.title, work.subtitle, work.author) == (
        "The Odyssey", "A New Verse", "Homer, Anonymous"
    )  # fmt: skip
    assert (work.series, work.series_number, work.first_published) == ("Epics", "2", -720)
    assert (work.description, work.popularity) == ("Sing & tell.\n\nGo.", 900)
    assert (copies.received, copies.on_hand, copies.sold) == (4, 4, 0)
    assert await query("SELECT name, slug FROM genres WHERE id = (SELECT genre_id FROM works)") == [
        ("Classics", "classics")
    ]
    assert await query(PEOPLE) == [
        ("The Odyssey", "author", "Homer"),
        ("The Odyssey", "author", "Anonymous"),
        ("The Odyssey", "editor", "Knox, Bernard"),
        ("The Odyssey", "translator", "Robert Fagles"),
        ("The Odyssey", "illustrator", "Ann"),
        ("The Odyssey", "illustrator", "Bo"),
    ]


async def test_the_same_file_twice_writes_no_row() -> None:
    rows = [
        EMMA,
        DUNE,
        ",Beowulf,Anonymous,5.00,1,Classics,,\n",
        # two editions of one work that contradict each other on the work's genre
        "9780141199528,Emma,Jane Austen,12.00,1,Romance,2015,hardback\n",
    ]
    assert counts(await run(HEADER + "".join(rows))) == (4, 4, 0, 0, 0)
    before = await row_versions()
    assert counts(await run(HEADER + "".join(rows))) == (4, 0, 0, 4, 0)
    assert await row_versions() == before
    assert len(before["books"]) == 4
    assert len(before["works"]) == 3


async def test_what_differs_is_updated_and_empty_cells_change_nothing() -> None:
    await run(HEADER + EMMA + DUNE)
    ((updated_at,),) = await query("SELECT updated_at FROM books WHERE isbn = '9780141439587'")
    report = await run(
        HEADER
        + "9780141439587,Emma (Penguin Classics, #4),Jane Austen|R. Blythe,8.49,5,,,\n"
        "9780441172719,,,,,,,\n".replace("(Penguin Classics, #4)", "(Penguin Classics)")
    )
    assert counts(report) == (2, 0, 1, 1, 0)
    assert await query(BOOKS) == [
        (1, 1, "9780141439587", "Emma (Penguin Classics)", "Jane Austen, R. Blythe",
         Decimal("8.49"), "USD", 5, 5),
        (2, 2, "9780441172719", "Dune", "Frank Herbert", Decimal("9.99"), "USD", 0, 0),
    ]  # fmt: skip
    assert (await query(PEOPLE))[:2] == [
        ("Emma (Penguin Classics)", "author", "Jane Austen"),
        ("Emma (Penguin Classics)", "author", "R. Blythe"),
    ]
    assert await query(
        "SELECT name FROM genres JOIN works ON genre_id = genres.id ORDER BY works.id"
    ) == [
        ("Classics",),
        ("Science Fiction",),
    ]
    ((later,),) = await query("SELECT updated_at FROM books WHERE isbn = '9780141439587'")
    assert later > updated_at


async def test_new_authors_leave_the_translator_in_place() -> None:
    header = "isbn,title,authors,translators,price\n"
    await run(f"{header}9780140447934,Odyssey,Homer,Robert Fagles,9\n")
    report = await run(f'{header}9780140447934,,"Homer, Anon",,\n')
    assert counts(report) == (1, 0, 1, 0, 0)
    assert await query(PEOPLE) == [
        ("Odyssey", "author", "Homer"),
        ("Odyssey", "author", "Anon"),
        ("Odyssey", "translator", "Robert Fagles"),
    ]


async def test_a_file_of_isbn_and_stock_alone_counts_the_shelf() -> None:
    await run(HEADER + EMMA + DUNE)
    async with session_scope() as session:
        await stock.reserve(session, quantities={1: 2}, order_id=1)
        await stock.sell(session, quantities={1: 1}, order_id=1)
    report = await run("isbn,on hand\n9780141439587,10\n9780441172719,2\n9780140449136,1\n")
    assert counts(report) == (3, 0, 2, 0, 1)
    assert report.refused == [Refusal(4, "9780140449136", NO_NAME)]
    assert await query("SELECT received, on_hand, reserved, sold FROM stock ORDER BY book_id") == [
        (12, 10, 1, 1),
        (2, 2, 0, 0),
    ]
    assert await query("SELECT name, payload FROM outbox_events") == [
        ("BookRestocked", {"book_id": 2})
    ]


async def test_a_price_comes_with_the_shops_currency() -> None:
    await run(HEADER + EMMA + DUNE)
    report = await import_csv(
        io.BytesIO(b"isbn,price,stock\n9780141439587,7.99,3\n9780441172719,,0\n"),
        mapping={},
        options=ImportOptions(currency="EUR"),
        on_progress=lambda _: None,
    )
    assert counts(report) == (2, 0, 1, 1, 0)
    assert [(row[5], row[6]) for row in await query(BOOKS)] == [
        (Decimal("7.99"), "EUR"),
        (Decimal("9.99"), "USD"),
    ]


async def test_new_books_get_the_default_price_and_stock_and_known_ones_keep_theirs() -> None:
    await run(HEADER + EMMA)
    report = await run(
        "isbn,title,author\n9780141439587,Emma,Jane Austen\n9780441172719,Dune,Frank Herbert\n",
        default_price=Decimal("4.50"),
        default_stock=6,
    )
    assert counts(report) == (2, 1, 0, 1, 0)
    assert [(row[5], row[7], row[8]) for row in await query(BOOKS)] == [
        (Decimal("7.99"), 3, 3),
        (Decimal("4.50"), 6, 6),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9780141439587,Emma,Jane Austen,,1,,,", NO_PRICE),
        ("9780141439587,,Jane Austen,9,1,,,", NO_NAME),
        (",Emma,,9,1,,,", NO_NAME),
        ("9780141439588,E,A,9,1,,,", "isbn: 9780141439588 is no ISBN: its check digit is wrong."),
        (",E,A,£9,1,,,", "price: £ is not the shop's currency, USD."),
        (",E,A,0,1,,,", "price: must be more than 0."),
        (",E,A,9,-2,,,", "stock: must be at least 0."),
        (",E,A,9.999,1,,,", "price: has more than 2 decimals."),
        (",E,A,999999999,1,,,", "price: is too large."),
        (",E,A,9,1000001,,,", "stock: must be at most 1000000."),
        (",E,A,9,many,,,", "stock: many is no whole number."),
        (",E\0,A,9,1,,,", CONTROL_CHARACTERS),
        (f",{'E' * 501},A,9,1,,,", "title: has more than 500 characters."),
        (",E,A,9,1,,,,surplus", SURPLUS),
    ],
)  # fmt: skip
async def test_a_row_is_refused_with_its_reason_and_the_rest_lands(row: str, reason: str) -> None:
    report = await run(f"{HEADER}{DUNE}{row}\n")
    assert counts(report) == (2, 1, 0, 0, 1)
    (refusal,) = report.refused
    assert (refusal.line, refusal.reason) == (3, reason)
    assert [row[3] for row in await query(BOOKS)] == ["Dune"]


async def test_cells_that_matter_less_are_left_out() -> None:
    report = await run(
        "title,author,price,pages,language,format,year,ratings_count,cover,editors\n"
        "Emma,Jane Austen,5,many,Klingonese,scroll,soon,x,,\n"
        f"Dune,Frank Herbert,5,40000,en,pbk,1965,-1,javascript:alert(1),{'E' * 501}|{'F' * 501}\n"
    )
    assert counts(report) == (2, 2, 0, 0, 0)
    assert report.repairs == {RepairKind.LEFT_OUT: 9, RepairKind.AUTHORS: 1}
    assert [example.repair.before for example in report.examples[RepairKind.LEFT_OUT]] == [
        "year: soon",
        "language: Klingonese",
        "format: scroll",
        "pages: many",
        "ratings_count: x",
    ]
    assert await query("SELECT pages, cover_image_url, publish_year FROM books ORDER BY id") == [
        (None, None, None),
        (None, None, 1965),
    ]


async def test_a_row_that_cannot_be_read_is_refused_in_its_place() -> None:
    report = await run(f'{HEADER},No price,A,,,,,\n"{"x" * 200_000}"\n{EMMA}')
    assert counts(report) == (3, 1, 0, 0, 2)
    assert [(refusal.line, refusal.reference) for refusal in report.refused] == [
        (2, "No price"),
        (3, ""),
    ]
    assert report.refused[1].reason.startswith("Lines 3 to 3 are one row")


async def test_text_that_is_not_utf_8_is_told() -> None:
    report = await import_csv(
        io.BytesIO("title,author,price\nÉmile,Zola,1\n".encode("cp1252")),
        mapping={},
        options=ImportOptions(currency="USD"),
        on_progress=lambda _: None,
    )
    assert report.repairs == {RepairKind.ENCODING: 1}
    assert await query("SELECT title FROM works") == [("Émile",)]


async def test_the_currency_column_must_be_the_shops() -> None:
    report = await run("title,author,price,currency\nA,X,1,USD\nB,X,1,EUR\nC,X,1,usd\n")
    assert counts(report) == (3, 2, 0, 0, 1)
    assert report.refused == [Refusal(3, "B", "currency: EUR is not the shop's currency, USD.")]


async def test_a_year_before_the_common_era_is_the_works() -> None:
    report = await run("title,author,price,year\nGilgamesh,Anonymous,1,-1750.0\n")
    assert report.repairs == {RepairKind.YEAR_NUMBER: 1, RepairKind.YEAR_BEFORE_CHRIST: 1}
    assert await query("SELECT first_published FROM works") == [(-1750,)]
    assert await query("SELECT publish_year FROM books") == [(None,)]


async def test_a_known_book_that_comes_twice_is_changed_once() -> None:
    await run(HEADER + EMMA)
    report = await run(HEADER + EMMA.replace("7.99", "8.00") + EMMA.replace("7.99", "9.00"))
    assert counts(report) == (2, 0, 1, 0, 1)
    assert report.refused == [Refusal(3, "Emma", "This book is on line 2 already.")]
    assert await query("SELECT price FROM books") == [(Decimal("8.00"),)]


async def test_a_book_that_comes_twice_in_a_file_is_refused_the_second_time() -> None:
    filler = "".join(f",Filler {number},Nobody,1,,,,\n" for number in range(BATCH_ROWS))
    again = EMMA.replace("7.99", "1.00")
    beowulf = ",Beowulf,Anonymous,5,1,,,\n"
    report = await run(HEADER + EMMA + again + beowulf + beowulf + filler + again + beowulf)
    assert counts(report) == (BATCH_ROWS + 6, BATCH_ROWS + 2, 0, 0, 4)
    assert [(refusal.line, refusal.reason) for refusal in report.refused] == [
        (3, "This book is on line 2 already."),
        (5, "This book is on line 4 already."),
        (BATCH_ROWS + 6, "This book is on line 2 already."),
        (BATCH_ROWS + 7, "This book is on line 4 already."),
    ]
    assert await query("SELECT price FROM books WHERE isbn IS NOT NULL") == [(Decimal("7.99"),)]


async def test_a_removed_book_stays_removed() -> None:
    await run(HEADER + EMMA)
    async with session_scope() as session:
        await session.execute(update(Book).values(deleted_at=utc_now()))
    report = await run(HEADER + EMMA.replace("7.99", "1.00"))
    assert counts(report) == (1, 0, 0, 0, 1)
    assert report.refused == [Refusal(2, "Emma", REMOVED)]
    assert await query("SELECT price FROM books WHERE deleted_at IS NOT NULL") == [
        (Decimal("7.99"),)
    ]


@pytest.mark.parametrize(
    ("second", "works"),
    [
        ("9780141199528,EMMA!,jane  austen,9,,,,hardback", 1),
        ("9780141199528,Émma,Jane Austen,9,,,,hardback", 1),
        ("9780141199528,Emma,Jane Austen,9,,1816,,", 1),
        ("9780141199528,Emma,Kate Austen,9,,1815,,", 2),
        ("9780141199528,Emma,Jane Austen,9,,1815,1,", 1),
        ("9780141199528,Emma,Jane Austen,9,,1815,2,", 2),
        ("9780141199528,Emma,Jane Austen,9,,1999,1,", 2),
        (",Emma,Jane Austen,9,,1815,1,hardback", 1),
        (",Emma,Jane Austen,9,,1815,1,", 1),
        (",Emma,Jane Austen|Fay Weldon,9,,1815,1,", 1),
        (",Emma,Fay Weldon|Jane Austen,9,,1815,1,", 2),
    ],
)
@pytest.mark.parametrize("batches", [1, 2])
async def test_editions_of_one_work_are_put_together(second: str, works: int, batches: int) -> None:
    header = "isbn,title,author,price,stock,first published,series number,format\n"
    first = "9780141439587,Emma,Jane Austen|Fay Weldon,8,,1815,1,\n"
    if "1816" in second:
        first = first.replace("1815,1", ",")
    if batches == 1:
        await run(f"{header}{first}{second}\n")
    else:
        await run(header + first)
        await run(f"{header}{second}\n")
    assert await query("SELECT count(*), count(DISTINCT work_id) FROM books") == [(2, works)]
    assert await query("SELECT title FROM works ORDER BY id LIMIT 1") == [("Emma",)]


async def test_a_book_without_isbn_is_known_by_title_author_year_and_format() -> None:
    header = "title,author,first published,format,price\n"
    await run(f"{header}Élan Vital,H. Bergson,1907,hardback,8\n?!,H. Bergson,,,8\n")
    report = await run(
        f"{header}elan vital,h bergson,1907,Hardcover,9\nElan vital,H. Bergson,1907,paperback,5\n"
        "Elan Vital,H. Bergson,1950,hardback,7\n!?,H. Bergson,,,6\n?!,H. Bergson,,,8\n"
    )
    assert counts(report) == (5, 3, 1, 1, 0)
    assert [(row[0], row[3], row[5]) for row in await query(BOOKS)] == [
        (1, "elan vital", Decimal("9.00")),
        (2, "?!", Decimal("8.00")),
        (3, "elan vital", Decimal("5.00")),
        (4, "Elan Vital", Decimal("7.00")),
        (5, "!?", Decimal("6.00")),
    ]


async def test_genres_are_found_whatever_their_spelling() -> None:
    report = await run(
        "title,author,price,genre\nA,X,1,Sci-Fi\nB,X,1,sci fi\nC,X,1,Crime | Noir\nD,X,1,\n"
    )
    assert counts(report) == (4, 4, 0, 0, 0)
    assert await query(
        "SELECT works.title, name, slug FROM works LEFT JOIN genres ON genre_id = genres.id"
        " ORDER BY works.title"
    ) == [
        ("A", "Sci-Fi", "sci-fi"),
        ("B", "Sci-Fi", "sci-fi"),
        ("C", "Crime", "crime"),
        ("D", None, None),
    ]


async def test_many_authors_make_a_short_line() -> None:
    names = [f"Author Number {number:02}" for number in range(40)]
    await run(f'title,authors,price\nAll,"{", ".join(names)}",1\n')
    ((author,),) = await query("SELECT author FROM works")
    assert len(author) <= 500
    assert author.endswith("Author Number 26 and others")
    assert [name for _, _, name in await query(PEOPLE)] == names


async def test_a_mapping_names_columns() -> None:
    report = await run(
        "Our Title,Who,Our Price\nEmma,Jane Austen,5\n",
        mapping={"Our Title": "title", "Who": "author", "Our Price": "rrp"},
    )
    assert counts(report) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", '""\n', '"' + "x" * 200_000])
async def test_a_file_that_says_nothing_is_refused_as_a_whole(content: str) -> None:
    with pytest.raises(ImportFileError):
        await run(content)
    assert await query(BOOKS) == []


async def test_progress_is_told_after_every_batch(tmp_path: Path) -> None:
    rows = "".join(f"Book {number},Nobody,1\n" for number in range(BATCH_ROWS + 1))
    path = tmp_path / "books.csv.gz"
    path.write_bytes(gzip.compress(f"title,author,price\n{rows}".encode()))
    size = path.stat().st_size
    seen: list[Progress] = []
    await run(path, seen=seen)
    assert [progress.rows for progress in seen] == [BATCH_ROWS, BATCH_ROWS + 1]
    assert seen[-1] == Progress(size, size, BATCH_ROWS + 1)
    await run("title,author,price\nOne,Nobody,1\n", seen=seen)
    assert seen[-1] == Progress(32, None, 1)


async def test_an_import_that_was_interrupted_can_be_run_again() -> None:
    content = "title,author,price\n" + "".join(
        f"Book {number},Nobody,1\n" for number in range(2 * BATCH_ROWS)
    )

    def interrupt(_: Progress) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await import_csv(
            io.BytesIO(content.encode()),
            mapping={},
            options=ImportOptions(currency="USD"),
            on_progress=interrupt,
        )
    assert len(await query(BOOKS)) == BATCH_ROWS
    assert counts(await run(content)) == (2 * BATCH_ROWS, BATCH_ROWS, 0, BATCH_ROWS, 0)


async def test_two_imports_at_once_double_nothing() -> None:
    numbers = range(2 * BATCH_ROWS)
    rows = [f"Book {number % 900},Author {number % 7},{number},1\n" for number in numbers]
    header = "title,author,year,price\n"
    forward, backward = header + "".join(rows), header + "".join(reversed(rows))
    first, second = await asyncio.gather(run(forward), run(backward))
    counts(first), counts(second)
    assert first.taken + second.taken == len(await query(BOOKS))
    assert len(await query(BOOKS)) == len(set(await query("SELECT title, author FROM works")))
    assert (
        await query("SELECT name, count(*) FROM contributors GROUP BY name HAVING count(*) > 1")
        == []
    )


async def test_a_book_that_staff_enter_at_the_same_moment_is_updated() -> None:
    async with AsyncSessionLocal() as staff:
        work_id = await staff.scalar(
            insert(Work).values(title="Emma", author="Jane Austen").returning(Work.id)
        )
        values = {"work_id": work_id, "isbn": "9780141439587", "price": 1, "currency": "USD"}
        book_id = await staff.scalar(insert(Book).values(**values).returning(Book.id))
        await staff.execute(insert(Stock).values(book_id=book_id))
        importing = asyncio.create_task(run(HEADER + EMMA + DUNE))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while (await query(waiting))[0][0] == 0:
            assert not importing.done()
            await asyncio.sleep(0.02)
        await staff.commit()
    assert counts(await importing) == (2, 1, 1, 0, 0)
    assert [(row[2], row[5]) for row in await query(BOOKS)] == [
        ("9780141439587", Decimal("7.99")),
        ("9780441172719", Decimal("9.99")),
    ]


async def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(
    empty_shop: AsyncEngine,
) -> None:
    def file(size: int) -> str:
        return "title,author,price,genre,publisher\n" + "".join(
            f"Book {size} {number},Author {size} {number},1,Classics,{'Penguin' * (number % 2)}\n"
            for number in range(size)
        )

    await run(file(2))
    figures = []
    for size in (10, 100, 10, 100):
        with counted_statements(empty_shop) as statements:
            await run(file(size))
        figures.append(len(statements))
    new, _, known, _ = figures
    assert figures == [new, new, known, known]


@contextmanager
def counted_statements(engine: AsyncEngine) -> Any:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.mark.skipif(not GOODBOOKS.exists(), reason="the shared samples are not here")
async def test_goodbooks_as_it_is() -> None:
    refused = await run(GOODBOOKS)
    assert counts(refused) == (10_000, 0, 0, 0, 10_000)
    assert refused.refused[0] == Refusal(2, "The Hunger Games (The Hunger Games, #1)", NO_PRICE)

    report = await run(GOODBOOKS, default_price=Decimal("9.99"))
    assert counts(report) == (10_000, 10_000, 0, 0, 0)
    assert "original_title" in report.unused_columns
    assert report.repairs == {
        RepairKind.YEAR_NUMBER: 9_979,
        RepairKind.ISBN_ROUNDED: 9_239,
        RepairKind.LANGUAGE: 8_908,
        RepairKind.ISBN_ZEROS: 6_580,
        RepairKind.SERIES: 4_310,
        RepairKind.COVER_PLACEHOLDER: 3_332,
        RepairKind.AUTHORS: 2_077,
        RepairKind.WHITESPACE: 275,
        RepairKind.ISBN_LOST: 127,
        RepairKind.ISBN_FOREIGN: 31,
        RepairKind.ISBN_CHECK_DIGIT: 18,
    }
    proved, contradicted = proved_goodbooks_isbns()
    assert (len(proved), len(contradicted)) == (9_277, 12)
    stored = {isbn for (isbn,) in await query("SELECT isbn FROM books WHERE isbn IS NOT NULL")}
    assert len(stored) == 9_277 - 12 + 18
    assert proved - stored == contradicted
    assert await query("SELECT title, author FROM works WHERE first_published = -1750") == [
        ("The Epic of Gilgamesh", "Anonymous, N.K. Sandars")
    ]
    assert await query(
        "SELECT title, author, series, series_number, first_published, popularity FROM works"
        " ORDER BY popularity DESC LIMIT 1"
    ) == [("The Hunger Games", "Suzanne Collins", "The Hunger Games", "1", 2008, 4_780_653)]

    before = await row_versions()
    assert counts(await run(GOODBOOKS, default_price=Decimal(5))) == (10_000, 0, 0, 10_000, 0)
    assert await row_versions() == before


def proved_goodbooks_isbns() -> tuple[set[str], set[str]]:
    """Return, by arithmetic of the test's own, the ISBN-10s whose check digit proves itself, and
    those of them that the other column's float contradicts."""
    proved, contradicted = set(), set()
    with gzip.open(GOODBOOKS, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            digits = [10 if digit == "X" else int(digit) for digit in row["isbn"].zfill(10)]
            weighted = sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits))  # noqa: B905
            if not row["isbn"] or weighted % 11:
                continue
            isbn = parse_isbn(row["isbn"].zfill(10))
            proved.add(isbn)
            other = float(row["isbn13"] or 0)
            decimals = len(row["isbn13"].partition("e")[0]) - 2
            if (
                9.78e12 <= other < 9.8e12
                and f"{float(isbn):.{decimals}e}" != f"{other:.{decimals}e}"
            ):
                contradicted.add(isbn)
    return proved, contradicted


@pytest.mark.skipif(not NAUGHTY_STRINGS.exists(), reason="the shared samples are not here")
async def test_naughty_titles_are_stored_or_refused() -> None:
    titles = json.loads(NAUGHTY_STRINGS.read_text(encoding="utf-8"))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["title", "author", "price"])
    writer.writerows([title, f"Author {number}", 1] for number, title in enumerate(titles))
    report = await run(file.getvalue())
    assert report.rows == len(titles) == 515
    stored = {author: title for title, author in await query("SELECT title, author FROM works")}
    refused = {refusal.line: refusal.reason for refusal in report.refused}
    assert len(stored) == report.taken
    assert set(refused.values()) == {
        NO_NAME,
        CONTROL_CHARACTERS,
    }
    kept = [
        title
        for number, title in enumerate(titles)
        if stored.get(f"Author {number}") == " ".join(title.split())
    ]
    assert len(kept) + len(refused) + report.repairs[RepairKind.ENTITIES] == len(titles)
    assert counts(await run(file.getvalue()))[1:3] == (0, 0)


async def test_the_demo_catalogue_is_imported_without_a_complaint() -> None:
    with DEMO_CATALOGUE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    isbns = [row["isbn13"] for row in rows]
    assert isbns == sorted(set(isbns))
    assert [parse_isbn(isbn) for isbn in isbns] == isbns
    report = await run(DEMO_CATALOGUE)
    assert counts(report) == (len(rows), len(rows), 0, 0, 0)
    assert len(rows) == 366
    assert report.unused_columns == ()
    assert set(report.repairs) <= {RepairKind.AUTHORS}
    assert len({row["genre"] for row in rows}) == 17
    assert all(len(row["blurb"]) >= 150 for row in rows)
    assert (await run(DEMO_CATALOGUE)).unchanged == len(rows)


async def test_a_report_as_csv_holds_no_formula(tmp_path: Path) -> None:
    payloads = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "Emma"]
    if FORMULAS.exists():
        payloads += FORMULAS.read_text(encoding="utf-8").splitlines()
    report = ImportReport()
    for line, payload in enumerate(payloads, start=2):
        report.refuse(Refusal(line, payload, payload))
    report.repaired(9, Repair(RepairKind.LANGUAGE, "eng", "en"))
    path = tmp_path / "report.csv"
    write_csv(report, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["outcome", "line", "reference", "reason"]
    assert len(rows) == len(payloads) + 1
    for payload, row in zip(payloads, rows[:-1], strict=True):
        assert row[2].removeprefix("'") == row[3].removeprefix("'") == payload
        assert not row[2].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert rows[-1] == [
        "repaired",
        "9",
        "eng",
        "A language got its usual code (one of 1): en",
    ]


def test_the_report_keeps_so_many_reasons_and_counts_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("app.books.importers.report.MAX_KEPT_REASONS", 3)
    report = ImportReport()
    for line in range(1, 6):
        report.refuse(Refusal(line, "", "no"))
        report.note(Note(line, "", "yes"))
    assert (report.refused_total, report.notes_total) == (5, 5)
    assert (report.refused, report.notes) == (
        [Refusal(1, "", "no"), Refusal(2, "", "no")],
        [Note(1, "", "yes")],
    )
    path = tmp_path / "report.csv"
    write_csv(report, path)
    assert path.read_text("utf-8-sig").splitlines()[-1] == (
        '"left out","","","7 more refusals and notes were only counted."'
    )
