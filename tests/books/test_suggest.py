"""What is suggested while somebody types."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Work
from app.books.schemas import BookCreate, Suggestion
from app.books.service import create_book, delete_book, suggest_books
from app.core.clock import utc_now

ISBN = "9780547928227"


async def create(session: AsyncSession, popularity: int = 0, **details: Any) -> int:
    book = await create_book(session, book=BookCreate(price=1, **details), currency="USD")
    await session.execute(update(Work).where(Work.id == book.work_id).values(popularity=popularity))
    return book.id


@pytest.fixture
async def hobbit(db_session: AsyncSession) -> int:
    await create(db_session, 5, title="Tolkien's World", author="Gareth Hanrahan")
    await create(
        db_session,
        90,
        title="The Two Towers",
        author="J. R. R. Tolkien",
        series="The Lord of the Rings",
        series_number="2",
    )
    return await create(db_session, 100, title="The Hobbit", author="J. R. R. Tolkien", isbn=ISBN)


def told(suggestions: list[Suggestion]) -> list[tuple[str, str]]:
    return [(found.kind.value, found.text) for found in suggestions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hob", [("work", "The Hobbit")]),
        ("h", [("work", "The Hobbit"), ("work", "Tolkien's World"), ("person", "Gareth Hanrahan")]),
        ("the h", [("work", "The Hobbit")]),
        (
            "tolkien",
            [
                ("work", "Tolkien's World"),
                ("work", "The Hobbit"),
                ("work", "The Two Towers"),
                ("person", "J. R. R. Tolkien"),
            ],
        ),
        ("tolkiens", [("work", "Tolkien's World")]),
        (
            "jrr tolk",
            [("work", "The Hobbit"), ("work", "The Two Towers"), ("person", "J. R. R. Tolkien")],
        ),
        ("lord of the ri", [("work", "The Two Towers"), ("series", "The Lord of the Rings")]),
        ("hoobi", [("work", "The Hobbit")]),
        ("hobitt", [("work", "The Hobbit")]),
        ("hbo", []),
        ("zzzz", []),
        ("!?", []),
        ("", []),
    ],
)
async def test_what_goes_on_so_is_suggested(
    db_session: AsyncSession, hobbit: int, text: str, expected: list[tuple[str, str]]
) -> None:
    assert hobbit
    assert told(await suggest_books(db_session, text=text)) == expected


async def test_an_isbn_suggests_its_book(db_session: AsyncSession, hobbit: int) -> None:
    (found,) = await suggest_books(db_session, text="0-547-92822-X")
    assert (found.kind, found.book_id, found.text, found.author) == (
        "work",
        hobbit,
        "The Hobbit",
        "J. R. R. Tolkien",
    )
    assert await suggest_books(db_session, text="978-0-547-92822-8") == []


async def test_what_is_no_longer_sold_is_not_suggested(
    db_session: AsyncSession, hobbit: int
) -> None:
    await delete_book(db_session, book_id=hobbit, now=utc_now())
    assert await suggest_books(db_session, text="hobbit") == []


async def test_the_route_stands_before_that_of_a_book(client: AsyncClient, hobbit: int) -> None:
    answer = await client.get("/api/v1/books/suggest", params={"q": "hobb"})
    assert answer.status_code == 200
    (found,) = answer.json()
    assert found["book_id"] == hobbit
    assert found.keys() == {"kind", "id", "text", "author", "book_id"}
    assert (await client.get("/api/v1/books/suggest")).status_code == 422
