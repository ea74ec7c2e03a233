"""Filters, sorts and cursors of lists of books."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import service
from app.books.codes import ContributorRole, SubjectScheme
from app.books.models import (
    Book,
    BookFormat,
    Contribution,
    Contributor,
    Publisher,
    Series,
    SeriesMembership,
    Stock,
    Subject,
    Work,
    WorkSubject,
)
from app.books.queries import BookQuery, BookSort, SortDirection
from app.books.schemas import BookPage

UNKNOWN = 2**31 - 1


async def add(
    session: AsyncSession, title: str, *, work: dict[str, Any] | None = None, **book: Any
) -> Book:
    """Write a book of a work of its own; ``copies`` are on hand."""
    copies = book.pop("copies", 0)
    row = Work(**{"title": title, "author": "Nemo", **(work or {})})
    session.add(row)
    await session.flush()  # the book needs the work's id
    edition = Book(**{"work_id": row.id, "price": Decimal(10), "currency": "USD", **book})
    session.add(edition)
    await session.flush()  # the stock needs the book's id
    session.add(Stock(book_id=edition.id, received=copies, on_hand=copies))
    await session.flush()  # lists shall find it
    return edition


async def add_row(session: AsyncSession, model: type[Any], **values: Any) -> int:
    statement = insert(model).values(**values).returning(model.id)
    return int((await session.execute(statement)).scalar_one())


async def titles(session: AsyncSession, **query: Any) -> list[str]:
    page = await service.list_books(session, query=BookQuery.model_validate(query))
    assert page.total == len(page.items)
    return sorted(book.title for book in page.items)


async def test_people_series_and_publishers_filter(db_session: AsyncSession) -> None:
    one, two, _ = [await add(db_session, title) for title in ("One", "Two", "Three")]
    person = await add_row(db_session, Contributor, name="Ronald M. Hahn")
    series = await add_row(db_session, Series, title="Dune")
    publisher = await add_row(db_session, Publisher, name="Ace")
    for book, role in ((one, ContributorRole.TRANSLATOR), (two, ContributorRole.AUTHOR)):
        db_session.add(
            Contribution(work_id=book.work_id, position=0, contributor_id=person, role=role)
        )
    db_session.add(SeriesMembership(work_id=two.work_id, position=3, series_id=series))
    one.publisher_id, two.imprint_id = publisher, publisher
    await db_session.flush()  # the lists shall find them
    assert await titles(db_session, contributor_id=person) == ["One", "Two"]
    assert await titles(db_session, series_id=series) == ["Two"]
    assert await titles(db_session, publisher_id=publisher) == ["One", "Two"]
    assert await titles(db_session, contributor_id=person, series_id=series) == ["Two"]
    for name in ("contributor_id", "series_id", "publisher_id", "genre_id"):
        assert await titles(db_session, **{name: UNKNOWN}) == []


async def test_editions_filter(db_session: AsyncSession) -> None:
    await add(db_session, "One", format=BookFormat.HARDBACK, language="en", copies=2)
    await add(db_session, "Two", format=BookFormat.EBOOK, language="fr")
    await add(db_session, "Three", language="pt-BR", work={"rating_sum": 9, "rating_count": 2})
    assert await titles(db_session, format=["hardback", "e-book"]) == ["One", "Two"]
    assert await titles(db_session, format="hardback,paperback") == ["One", "Three"]
    assert await titles(db_session, language=["fr", "pt-BR"]) == ["Three", "Two"]
    assert await titles(db_session, language="en,fr", format=["e-book"]) == ["Two"]
    assert await titles(db_session, language=["tlh"]) == []
    assert await titles(db_session, in_stock=True) == ["One"]
    assert await titles(db_session, in_stock=False) == ["Three", "Two"]
    assert await titles(db_session, min_rating="4.5") == ["Three"]
    assert await titles(db_session, min_rating="4.6") == []
    empty = {"format": [""], "language": "", "in_stock": "", "min_rating": " ", "subject": ""}
    assert await titles(db_session, **empty) == ["One", "Three", "Two"]


async def test_dates_filter(db_session: AsyncSession) -> None:
    await add(db_session, "Day", publish_date=date(1990, 5, 1), publish_year=1990)
    await add(db_session, "Year", publish_year=1991)
    await add(db_session, "Undated")
    assert await titles(db_session, published_from="1990-05-01") == ["Day", "Year"]
    assert await titles(db_session, published_from="1990-05-02") == ["Year"]
    assert await titles(db_session, published_to="1990-12-31") == ["Day"]
    assert await titles(db_session, published_from="1991-01-01", published_to="1991-01-01") == [
        "Year"
    ]


async def test_genres_filter_by_slug(db_session: AsyncSession) -> None:
    genre = await service.create_genre(db_session, name="Science fiction")
    await add(db_session, "One", work={"genre_id": genre.id})
    await add(db_session, "Two")
    assert await titles(db_session, genre="science-fiction") == ["One"]
    assert await titles(db_session, genre="cookery") == []
    assert await titles(db_session, genre="science-fiction", genre_id=genre.id) == ["One"]
    assert await titles(db_session, genre="science-fiction", genre_id=genre.id + 1) == []


async def test_subjects_filter_with_all_that_is_below_them(db_session: AsyncSession) -> None:
    for scheme, code, parent in (
        (SubjectScheme.THEMA, "FB", "F"),
        (SubjectScheme.THEMA, "FBAN", None),
        (SubjectScheme.THEMA, "1DDF-FR-XA", "1DDF"),
        (SubjectScheme.THEMA, "1DDF-FR-V", "1DDF-FR-XA"),
        (SubjectScheme.THEMA, "F%", None),
        (SubjectScheme.BISAC, "FBA", None),
    ):
        subject = await add_row(db_session, Subject, scheme=scheme, code=code, parent_code=parent)
        book = await add(db_session, f"{scheme} {code}")
        db_session.add(WorkSubject(work_id=book.work_id, subject_id=subject))
    await db_session.flush()  # the lists shall find them
    assert await titles(db_session, subject="FB") == ["thema FB", "thema FBAN"]
    assert await titles(db_session, subject="fba") == ["thema FBAN"]
    assert await titles(db_session, subject="FBANX") == []
    assert await titles(db_session, subject="F%") == ["thema F%"]
    assert await titles(db_session, subject="1DDF-FR-XA") == [
        "thema 1DDF-FR-V",
        "thema 1DDF-FR-XA",
    ]
    assert await titles(db_session, subject="FB", subject_scheme="bisac") == ["bisac FBA"]


@pytest.mark.parametrize(
    "query",
    [
        {"format": ["scroll"]},
        {"format": 5},
        {"min_rating": 0},
        {"min_rating": "4.55"},
        {"published_from": "soon"},
        {"published_from": "2000-01-02", "published_to": "2000-01-01"},
        {"language": ["a\x00"]},
        {"language": ["en"] * 21},
        {"subject_scheme": "dewey"},
        {"contributor_id": 0},
        {"series_id": 2**31},
    ],
)
def test_malformed_filters_are_refused(query: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        BookQuery.model_validate(query)


@pytest.mark.parametrize(
    ("word", "sort"), [("newest", BookSort.DATE), ("rating", BookSort.AVERAGE_RATING), ("", None)]
)
def test_sorts_have_other_names(word: str, sort: BookSort | None) -> None:
    assert BookQuery.model_validate({"sort": word}).sort == sort


async def add_shelf(session: AsyncSession) -> None:
    """Write books of which several are equal by whatever they are sorted by, or have no value."""
    for number in range(4):
        for title, rating, day, price in (
            ("Volume", 9, date(2000, 1, 1), "5.00"),
            ("Volume", 0, None, "5.00"),
            ("Another volume", 3, date(1999, 1, 1 + number), f"{number}.50"),
        ):
            book = await add(
                session,
                title,
                price=Decimal(price) or 1,
                publish_date=day,
                work={
                    "popularity": 5 if rating else number,
                    "rating_sum": rating,
                    "rating_count": 2 if rating else 0,
                },
            )
            edition = Book(work_id=book.work_id, price=Decimal(price), currency="USD")
            session.add(edition)
            await session.flush()  # the stock needs the book's id
            session.add(Stock(book_id=edition.id))
    await session.flush()  # the lists shall find them


async def read(session: AsyncSession, **query: Any) -> BookPage:
    return await service.list_books(session, query=BookQuery(**query))


def ids(page: BookPage) -> list[int]:
    return [book.id for book in page.items]


@pytest.mark.parametrize("text", [None, "volume"])
@pytest.mark.parametrize("sort", list(BookSort))
@pytest.mark.parametrize("direction", list(SortDirection))
async def test_cursors_lead_through_a_list_and_back(
    db_session: AsyncSession, sort: BookSort, direction: SortDirection, text: str | None
) -> None:
    await add_shelf(db_session)
    query: dict[str, Any] = {"sort": sort, "sort_dir": direction, "q": text}
    whole = ids(await read(db_session, size=100, **query))
    assert len(set(whole)) == 24
    numbered = [ids(await read(db_session, size=5, page=page, **query)) for page in range(1, 6)]
    assert [book_id for part in numbered for book_id in part] == whole

    page = await read(db_session, size=5, **query)
    assert page.previous_cursor is None
    forwards = [ids(page)]
    while page.next_cursor is not None:
        page = await read(db_session, size=5, cursor=page.next_cursor, **query)
        assert (page.total, page.page) == (24, 1)
        forwards.append(ids(page))
    assert forwards == numbered
    backwards = [ids(page)]
    while page.previous_cursor is not None:
        page = await read(db_session, size=5, cursor=page.previous_cursor, **query)
        assert page.next_cursor is not None
        backwards.append(ids(page))
    assert backwards == forwards[::-1]
    second = await read(db_session, size=5, page=2, **query)
    assert second.previous_cursor is not None
    assert ids(await read(db_session, size=5, cursor=second.previous_cursor, **query)) == whole[:5]


def without(values: Sequence[int], *gone: int) -> list[int]:
    return [value for value in values if value not in gone]


@pytest.mark.parametrize("text", [None, "volume"])
async def test_a_cursor_stays_where_it_was_while_books_come_and_go(
    db_session: AsyncSession, text: str | None
) -> None:
    for popularity in range(10, 20):
        await add(db_session, "Volume", work={"popularity": popularity})
    query: dict[str, Any] = {"q": text, "size": 3}
    whole = ids(await read(db_session, q=text, size=100))
    first = await read(db_session, **query)
    assert first.next_cursor is not None
    await add(db_session, "Volume", work={"popularity": 99})
    assert ids(await read(db_session, cursor=first.next_cursor, **query)) == whole[3:6]
    await db_session.execute(update(Book).where(Book.id == whole[3]).values(price=None))
    after = ids(await read(db_session, cursor=first.next_cursor, **query))
    assert after == without(whole, whole[3])[3:6]


async def test_a_cursor_of_a_book_that_a_search_no_longer_finds_keeps_its_place(
    db_session: AsyncSession,
) -> None:
    for popularity in range(10, 20):
        await add(db_session, "Volume", work={"popularity": popularity})
    whole = ids(await read(db_session, q="volume", size=100))
    second = await read(db_session, q="volume", size=3, page=2)
    await db_session.execute(
        update(Book).where(Book.id.in_([whole[3], whole[5]])).values(price=None)
    )
    left = without(whole, whole[3], whole[5])
    forwards = await read(db_session, q="volume", size=3, cursor=second.next_cursor)
    assert ids(forwards) == left[5:8]
    back = await read(db_session, q="volume", size=3, cursor=second.previous_cursor)
    assert ids(back) == left[:3]
    gone = await read(db_session, q="nothing", cursor=second.next_cursor)
    assert (gone.items, gone.next_cursor, gone.previous_cursor) == ([], None, None)
