"""What staff decided of works stays, whatever feeds say; and whoever comes at the same moment."""

import asyncio
import io
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import text

from app.books.errors import WorkNotFoundError
from app.books.importers.report import ImportReport
from app.books.importers.run import import_csv
from app.books.importers.sorting import ImportOptions
from app.books.works import merge_works, split_work
from app.core.exceptions import AppError
from app.db.session import session_scope
from tests.books.onix.test_landing import (
    ISBN,
    OTHER_ISBN,
    RELATED_WORK,
    author,
    counts,
    land,
    price,
    product,
    title,
)
from tests.books.rows import query

pytestmark = pytest.mark.usefixtures("empty_shop")

WORKS = """
    SELECT w.title, array_agg(b.id ORDER BY b.id) FROM works w JOIN books b ON b.work_id = w.id
    GROUP BY w.id ORDER BY w.id
"""
HEADER = "title,author,price,format,first_published\n"
ROUNDS = 8


async def merge(work_id: int, *other_ids: int) -> None:
    async with session_scope() as session:
        await merge_works(session, work_id=work_id, other_ids=other_ids)


async def split(work_id: int, *book_ids: int, name: str | None = None) -> int:
    async with session_scope() as session:
        return (await split_work(session, work_id=work_id, book_ids=book_ids, title=name)).id


async def land_csv(rows: str) -> ImportReport:
    return await import_csv(
        io.BytesIO((HEADER + rows).encode()),
        mapping={},
        options=ImportOptions(currency="GBP"),
        on_progress=lambda _: None,
    )


def emma(reference: str, isbn: str, amount: str, **facts: Any) -> str:
    return product(reference=reference, isbn=isbn, supply=price(amount), **facts)


async def test_a_feed_does_not_undo_a_merge() -> None:
    about = title("EMMA. A novel") + author("Miss Austen")
    await land(emma("r1", ISBN, "7.99"), emma("r2", OTHER_ISBN, "9.99", about=about))
    await merge(2, 1)  # the younger one's title is the better one
    changed = (emma("r1", ISBN, "8.99"), emma("r2", OTHER_ISBN, "10.99", about=about))
    assert counts(await land(*changed, sent="20260102")) == (0, 2, 0, 0, 0, 0)
    assert await query(WORKS) == [("EMMA. A novel", [1, 2])]
    assert await query("SELECT author FROM works") == [("Miss Austen, Jane Austen",)]
    new = emma("r3", "9780007205233", "5.00")
    await land(new, sent="20260103")  # called as the work was before
    assert await query(WORKS) == [("EMMA. A novel", [1, 2, 3])]


async def test_a_feed_does_not_undo_a_split() -> None:
    books = [
        emma("r1", ISBN, "7.99", related=RELATED_WORK),
        emma("r2", OTHER_ISBN, "9.99", related=RELATED_WORK),
    ]
    await land(*books)
    assert await query(WORKS) == [("Emma", [1, 2])]
    new = await split(1, 2, name="Emma: a retelling")
    changed = [book.replace("7.99", "8.99").replace("9.99", "10.99") for book in books]
    assert counts(await land(*changed, sent="20260102")) == (0, 2, 0, 0, 0, 0)
    assert await query(WORKS) == [("Emma", [1]), ("Emma: a retelling", [2])]
    third = emma("r3", "9780007205233", "5.00", related=RELATED_WORK)
    await land(third, emma("r4", "9780199535521", "4.00"), sent="20260103")
    assert await query(WORKS) == [("Emma", [1, 3, 4]), ("Emma: a retelling", [2])]
    assert new == 2


async def test_a_split_work_without_a_title_of_its_own_is_told_by_its_feed() -> None:
    await land(emma("r1", ISBN, "7.99"), emma("r2", OTHER_ISBN, "9.99"))
    await split(1, 2)
    about = title("Emma, abridged") + author("Jane Austen")
    await land(emma("r2", OTHER_ISBN, "9.99", about=about), sent="20260102")
    assert await query(WORKS) == [("Emma", [1]), ("Emma, abridged", [2])]


async def test_rows_without_isbn_find_their_books_after_merges_and_splits() -> None:
    rows = (
        "Emma,Jane Austen,7.99,paperback,1815\n"
        "Emma,Jane Austen,12.99,hardback,1815\n"
        "Emma (novel),Miss Austen,8.99,e-book,1816\n"
    )
    await land_csv(rows)
    assert await query(WORKS) == [("Emma", [1, 2]), ("Emma (novel)", [3])]
    await merge(1, 2)
    assert (await land_csv(rows)).taken == 0
    await split(1, 2)
    report = await land_csv(rows)  # which says who the author of the new work is
    assert (report.taken, report.updated, report.unchanged) == (0, 1, 2)
    await split(1, 3, name="Emma for screens")
    report = await land_csv(rows)
    assert (report.taken, report.unchanged) == (0, 3)
    assert await query(WORKS) == [("Emma", [1]), ("Emma", [2]), ("Emma for screens", [3])]
    added = await land_csv("Emma (novel),Miss Austen,3.99,audiobook,1816\n")
    assert (added.taken, len(await query("SELECT id FROM works"))) == (1, 3)


async def prepare() -> tuple[list[int], list[int]]:
    """Make three works with two books each; return their ids and the books'."""
    async with session_scope() as session:
        await session.execute(text("TRUNCATE works, feed_records CASCADE"))
        work_ids = await session.execute(
            text(
                "INSERT INTO works (title, author) SELECT 'Emma', 'Jane Austen'"
                " FROM generate_series(1, 3) RETURNING id"
            )
        )
        works = sorted(work_ids.scalars())
        books = await session.execute(
            text(
                "INSERT INTO books (work_id, price, currency) SELECT id, 9, 'GBP' FROM works,"
                " generate_series(1, 2) RETURNING id"
            )
        )
        await session.execute(text("INSERT INTO stock (book_id) SELECT id FROM books"))
        return works, sorted(books.scalars())


async def assert_nothing_lost(books: list[int]) -> None:
    """Every book has a work, and every work a book."""
    grouped = [found for _, found in await query(WORKS)]
    assert sorted(chain.from_iterable(grouped)) == books
    assert len(grouped) == len(await query("SELECT id FROM works"))


async def test_staff_who_merge_and_split_at_once_lose_nothing() -> None:
    for _ in range(ROUNDS):
        (one, two, three), books = await prepare()
        own = (await query(f"SELECT min(id) FROM books WHERE work_id = {two}"))[0][0]  # noqa: S608
        outcomes = await asyncio.gather(
            merge(one, two),
            merge(two, one),
            merge(three, two, one),
            split(two, own),
            merge(two, three),
            return_exceptions=True,
        )
        refusals = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(refusal, AppError) for refusal in refusals), refusals
        await assert_nothing_lost(books)


async def test_the_same_merge_twice_at_once_is_one() -> None:
    (one, two, three), books = await prepare()
    outcomes = await asyncio.gather(
        merge(one, two, three), merge(one, two, three), return_exceptions=True
    )
    assert sorted(str(type(outcome)) for outcome in outcomes) == sorted(
        str(kind) for kind in (type(None), WorkNotFoundError)
    )
    assert await query(WORKS) == [("Emma", books)]
    assert await query("SELECT * FROM merged_works ORDER BY id") == [(two, one), (three, one)]


async def test_an_import_while_staff_merge_loses_nothing() -> None:
    for number in range(ROUNDS):
        (one, two, three), books = await prepare()
        async with session_scope() as session:
            await session.execute(
                text("UPDATE works SET title = 'Persuasion' WHERE id <> :one"), {"one": one}
            )
            await session.execute(
                text("UPDATE works SET title = 'Emma again' WHERE id = :three"), {"three": three}
            )
            await session.execute(
                text(
                    "INSERT INTO contributors (name) VALUES ('Jane Austen') ON CONFLICT DO NOTHING"
                )
            )
            await session.execute(
                text(
                    "INSERT INTO contributions SELECT w.id, 0, c.id, 'author'"
                    " FROM works w, contributors c WHERE c.name = 'Jane Austen'"
                )
            )
        about = title("Persuasion") + author("Jane Austen")
        feed = land(
            emma(f"a{number}", ISBN, "7.99", about=about),
            emma(f"b{number}", OTHER_ISBN, "9.99"),
            sent=None,
        )
        report, *outcomes = await asyncio.gather(feed, merge(one, two), merge(one, three))
        assert counts(report) == (2, 0, 0, 0, 0, 0)
        assert outcomes == [None, None]
        found = await query("SELECT id FROM books ORDER BY id")
        assert len(found) == len(books) + 2
        await assert_nothing_lost([row[0] for row in found])
