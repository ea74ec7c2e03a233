from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import search
from app.books.models import Book, Stock, Work
from app.books.queries import BookQuery
from app.books.repository import BookFilter
from app.books.search import MAX_WORDS, SearchOutcome
from app.books.service import delete_book, list_books
from app.core.clock import utc_now
from tests.factories import make_book

ISBN = "9780141439518"
EVERYTHING = BookFilter()


async def add(session: AsyncSession, title: str, author: str = "Nemo", **work: Any) -> int:
    """Write a book of a work and return its id."""
    row = Work(title=title, author=author, **work)
    session.add(row)
    await session.flush()  # the book needs the work's id
    book = Book(work_id=row.id, price=1, currency="USD")
    session.add(book)
    await session.flush()  # the stock needs the book's id
    session.add(Stock(book_id=book.id))
    await session.flush()  # the search shall find it
    return book.id


async def find(session: AsyncSession, text: str) -> SearchOutcome:
    return await search.find_books(session, text=text, books=EVERYTHING)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("J. R. R. Tolkien", "jrr tolkien"),
        ("J.R.R.Tolkien", "jrr tolkien"),
        ("jrr  TOLKIEN\n", "jrr tolkien"),
        ("Ender's Game", "enders game"),
        ("Ender\N{RIGHT SINGLE QUOTATION MARK}s Game", "enders game"),
        ("Pride & Prejudice", "pride and prejudice"),
        ("García Márquez", "garcia marquez"),
        ("Garci\N{COMBINING ACUTE ACCENT}a", "garcia"),
        ("\N{LATIN SMALL LIGATURE FI}sh", "fish"),
        ("Catch-22: 80/20 \N{EM DASH} \N{LEFT DOUBLE QUOTATION MARK}x_y", "catch 22 80 20 xy"),
        ("Über Straße", "uber strasse"),
        ("Дюна", "дюна"),
        ("!?", ""),
    ],
)
async def test_what_readers_take_as_the_same_is_folded_alike(
    db_session: AsyncSession, text: str, folded: str
) -> None:
    assert await db_session.scalar(select(func.search_fold(text))) == folded


@pytest.mark.parametrize(
    "text",
    [
        "the hobbit",
        "HOBBIT",
        "tolkien hobb",
        "hobbit jrr tolkien",
        "hobbit j.r.r. tolkien",
        "there and back",
        "middle-earth 0",
        "“Hóbbit”",
    ],
)
async def test_all_words_in_any_order_find_the_book(db_session: AsyncSession, text: str) -> None:
    hobbit = await add(
        db_session,
        "The Hobbit",
        "J. R. R. Tolkien",
        subtitle="There & Back Again",
        series="Middle-Earth",
        series_number="0",
    )
    await add(db_session, "The Silmarillion", "Christopher Tolkien")
    assert await find(db_session, text) == SearchOutcome(book_ids=[hobbit], is_complete=True)


@pytest.mark.parametrize(
    "text", ["hobbits", "hobb tolkien", "tolkien rowling", "", "!", "\\", "😀"]
)
async def test_a_word_that_is_not_there_finds_nothing(db_session: AsyncSession, text: str) -> None:
    await add(db_session, "The Silmarillion", "J. R. R. Tolkien")
    assert await find(db_session, text) == SearchOutcome(book_ids=[], is_complete=True)


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("hobit", "hobbit"),
        ("tolkein hobit", "tolkien hobbit"),
        ("the hobibt", "the hobbit"),
        ("teh hobbit", "the hobbit"),
        ("thehobbit", "the hobbit"),
        ("hobbitt tolkien", "hobbit tolkien"),
        ("jrr tollkin", "jrr tolkien"),
        ("form the hobbit", "the hobbit"),
        ("hob bit", "hobbit"),
        ("rhe hobbit", "the hobbit"),
        ("hobbyt tolkeen", "hobbit tolkien"),
        ("gandalf", None),
    ],
)
async def test_spelling_is_repaired_when_nothing_is_found(
    db_session: AsyncSession, text: str, corrected: str | None
) -> None:
    hobbit = await add(db_session, "The Hobbit", "J. R. R. Tolkien")
    await add(db_session, "From A to Form", "Somebody Else")
    outcome = await find(db_session, text)
    assert outcome.corrected_query == corrected
    assert outcome.book_ids == ([hobbit] if corrected else [])


async def test_a_known_word_is_doubted_when_its_company_is_unknown(
    db_session: AsyncSession,
) -> None:
    letters = await add(db_session, "Letters from Earth", "Mark Twain")
    await add(db_session, "Form and Content")
    outcome = await find(db_session, "letters form earth")
    assert outcome == SearchOutcome(
        book_ids=[letters], is_complete=True, corrected_query="letters from earth"
    )


async def test_of_equal_repairs_the_more_read_is_meant(db_session: AsyncSession) -> None:
    await add(db_session, "Porter", popularity=5)
    potter = await add(db_session, "Potter", popularity=50)
    await add(db_session, "Pouter", popularity=6)
    assert (await find(db_session, "poxter")).book_ids == [potter]


async def test_a_filter_that_leaves_nothing_is_no_misspelling(db_session: AsyncSession) -> None:
    await add(db_session, "The Hobbit")
    books = BookFilter(max_price=None, genre_id=2**31 - 1)
    outcome = await search.find_books(db_session, text="hobbit", books=books)
    assert outcome == SearchOutcome(book_ids=[], is_complete=True)


async def test_the_best_come_first(db_session: AsyncSession) -> None:
    author = await add(db_session, "Carrie", "Stephen King", popularity=1_000)
    subtitle = await add(db_session, "Arthur", subtitle="A King", popularity=1_000)
    exact = await add(db_session, "King", popularity=1_000)
    inside = await add(db_session, "The King", popularity=1_000)
    begins = await add(db_session, "King Lear", popularity=1_000)
    famous = await add(db_session, "The Return of the King", popularity=1_000_000)
    assert (await find(db_session, "king")).book_ids == [
        exact,
        famous,
        begins,
        inside,
        author,
        subtitle,
    ]


@pytest.mark.parametrize("popularity", [-(2**31), 0, 2**31 - 1])
async def test_any_popularity_can_be_ranked(db_session: AsyncSession, popularity: int) -> None:
    book = await add(db_session, "The Hobbit", popularity=popularity)
    assert (await find(db_session, "hobbit")).book_ids == [book]


async def test_the_most_read_are_ranked_when_there_are_too_many(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_FOUND", 3)
    ids = [await add(db_session, f"Volume {number}", popularity=number) for number in range(4)]
    outcome = await find(db_session, "volume")
    assert outcome == SearchOutcome(book_ids=ids[:0:-1], is_complete=False)


@pytest.mark.parametrize("text", [ISBN, "978-0-14-143951-8", "ISBN 0-14-143951-3"])
async def test_an_isbn_goes_straight_to_its_book(db_session: AsyncSession, text: str) -> None:
    book = await make_book(db_session, isbn=ISBN)
    await make_book(db_session, title=ISBN)
    assert await find(db_session, text) == SearchOutcome(book_ids=[book.id], is_complete=True)
    assert (await find(db_session, "978-0-14-143951-9")).book_ids == []


async def test_deleted_books_are_not_found(db_session: AsyncSession) -> None:
    book = await make_book(db_session, title="The Hobbit", isbn=ISBN)
    await delete_book(db_session, book_id=book.id, now=utc_now())
    for text in ("hobbit", "hobit", ISBN):
        assert (await find(db_session, text)).book_ids == []


async def test_only_the_first_words_count(db_session: AsyncSession) -> None:
    book = await add(db_session, "The Hobbit")
    words = ["hobbit"] * MAX_WORDS
    assert (await find(db_session, " ".join([*words, "unknown"]))).book_ids == [book]
    assert (await find(db_session, " ".join([*words[1:], "silmarillion"]))).book_ids == []


@pytest.mark.parametrize(
    "text",
    [
        "x" * 2_000,
        "é" * 2_000,
        "word " * 200,
        "a " * 200,
        "& | ! :* ' ( ) <-> \\ \" %_% * ? [a-z]",
        "'; DROP TABLE books; --",
        "hobbit':*",
        "!hobbit & (",
        "\N{FULLWIDTH APOSTROPHE}\N{RIGHT SINGLE QUOTATION MARK}",
        "\u202e\u200b",
        "0 1 2 3 4 5 6 7 8 9 10 11 12 13",
    ],
)
async def test_hostile_queries_are_harmless(db_session: AsyncSession, text: str) -> None:
    await add(db_session, "The Hobbit")
    for query in (BookQuery(q=text), BookQuery(author=text), BookQuery(q=text, author=text)):
        page = await list_books(db_session, query=query)
        assert page.total <= 1


@pytest.mark.parametrize("query", [None, "hobbit", "9780141439518"])
async def test_an_author_of_punctuation_alone_is_nobody(
    db_session: AsyncSession, query: str | None
) -> None:
    await add(db_session, "The Hobbit")
    page = await list_books(db_session, query=BookQuery(q=query, author="!!!"))
    assert (page.items, page.total, page.total_is_exact) == ([], 0, True)
