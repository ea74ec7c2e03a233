from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.books import listing, service
from app.books.availability import AvailabilityStatus
from app.books.codes import DatePrecision
from app.books.errors import (
    BookNotFoundError,
    GenreConflictError,
    GenreNotFoundError,
    InvalidIsbnError,
    IsbnConflictError,
)
from app.books.models import (
    Book,
    BookFormat,
    Contribution,
    Contributor,
    ContributorRole,
    Stock,
    Work,
)
from app.books.queries import BookQuery, BookSort, SortDirection
from app.books.schemas import BookCreate, BookRead, BookUpdate
from app.books.service import Offer
from tests.factories import PLAIN_KIND, PLAIN_MEASURES, make_book

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISBN = "9780141439518"
UNKNOWN = 2**31 - 1
OTHER_ISBN = "9780441478125"


async def create(session: AsyncSession, **fields: Any) -> BookRead:
    """Add a book of which only some details matter."""
    details = {"title": "Dune", "author": "Frank Herbert", "price": "9.99", **fields}
    return await service.create_book(session, book=BookCreate(**details), currency="USD")


async def count_rows(session: AsyncSession) -> tuple[int, ...]:
    models = (Work, Book, Stock, Contribution, Contributor)
    return tuple(
        [(await session.scalars(select(func.count()).select_from(model))).one() for model in models]
    )


async def titles(session: AsyncSession, **query: Any) -> list[str]:
    page = await service.list_books(session, query=BookQuery(**query))
    return [book.title for book in page.items]


async def test_a_new_book_has_its_details_and_no_copies(db_session: AsyncSession) -> None:
    genre = await service.create_genre(db_session, name="Science fiction")
    book = await create(
        db_session,
        title="The Left Hand of Darkness",
        subtitle="A Novel",
        author="Ursula K. Le Guin",
        series="Hainish Cycle",
        series_number="4",
        price="12.50",
        isbn="0-441-47812-3",
        genre_id=genre.id,
        description="Winter.",
        cover_image_url="/covers/1.webp",
        publish_date=date(1969, 3, 1),
        publisher="Ace",
        language="en",
        pages=304,
        format=BookFormat.MASS_MARKET,
    )
    assert book.model_dump(exclude={"id", "work_id", "created_at", "updated_at", "url"}) == {
        "title": "The Left Hand of Darkness",
        "subtitle": "A Novel",
        "author": "Ursula K. Le Guin",
        "series": "Hainish Cycle",
        "series_number": "4",
        "price": Decimal("12.50"),
        "currency": "USD",
        "isbn": OTHER_ISBN,
        "format": BookFormat.MASS_MARKET,
        "genre_id": genre.id,
        "genre": {"id": genre.id, "name": "Science fiction", "slug": "science-fiction"},
        "description": "Winter.",
        "cover_image_url": "/covers/1.webp",
        "publish_date": date(1969, 3, 1),
        "publish_year": 1969,
        "first_published": None,
        "stock_quantity": 0,
        "in_stock": False,
        "avg_rating": None,
        "review_count": 0,
        "rating_histogram": [0, 0, 0, 0, 0],
        "availability": {
            "status": AvailabilityStatus.OUT_OF_STOCK,
            "date": None,
            "days": None,
            "text": "Out of stock",
            "is_open": False,
        },
        "slug": "the-left-hand-of-darkness-ursula-k-le-guin",
        "gtin": None,
        "publisher": "Ace",
        "imprint": None,
        "language": "en",
        "original_language": None,
        "edition_statement": None,
        "pages": 304,
        "minutes": None,
        "height_mm": None,
        "width_mm": None,
        "thickness_mm": None,
        "weight_g": None,
        "publish_date_precision": DatePrecision.DAY,
        "on_sale_date": None,
        "short_description": None,
        "table_of_contents": None,
        "contributors": [
            {
                "name": "Ursula K. Le Guin",
                "role": ContributorRole.AUTHOR,
                "id": book.contributors[0].id,
            }
        ],
        "editions": [],
        "publisher_id": book.publisher_id,
        "imprint_id": None,
        "series_list": [{"id": book.series_list[0].id, "title": "Hainish Cycle", "number": "4"}],
        "subjects": [],
    }
    assert book.publisher_id is not None
    assert await service.get_book(db_session, book_id=book.id) == book


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("Tolkien, J. R. R.", ["Tolkien, J. R. R."]),
        ("Simon and Garfunkel", ["Simon and Garfunkel"]),
        ("Terry Pratchett|Neil Gaiman", ["Terry Pratchett", "Neil Gaiman"]),
        (" Gaiman ;Pratchett; ;Gaiman", ["Gaiman", "Pratchett"]),
        (";", [";"]),
    ],
)
def test_contributor_names(author: str, names: list[str]) -> None:
    assert service.contributor_names(author) == names


async def test_a_contributor_of_many_works_is_one(db_session: AsyncSession) -> None:
    await create(db_session, author="Terry Pratchett;Neil Gaiman")
    book = await create(db_session, author="Neil Gaiman; Terry Pratchett")
    assert [person.name for person in book.contributors] == ["Neil Gaiman", "Terry Pratchett"]
    assert await count_rows(db_session) == (2, 2, 2, 4, 2)


async def test_an_isbn_belongs_to_one_book(db_session: AsyncSession) -> None:
    await create(db_session, isbn=ISBN)
    other = await create(db_session, title="Emma", isbn=OTHER_ISBN)
    before = await count_rows(db_session)
    with pytest.raises(IsbnConflictError) as refusal:
        await create(db_session, isbn="978-0-14-143951-8")
    assert refusal.value.field == "isbn"
    change = BookUpdate(isbn=ISBN, title="Persuasion")
    with pytest.raises(IsbnConflictError):
        await service.update_book(db_session, book_id=other.id, change=change)
    assert await count_rows(db_session) == before
    assert await service.get_book(db_session, book_id=other.id) == other


async def test_what_is_no_isbn_is_refused(db_session: AsyncSession) -> None:
    with pytest.raises(InvalidIsbnError):
        await create(db_session, isbn="978-0-14-143951-9")
    assert await count_rows(db_session) == (0, 0, 0, 0, 0)


async def test_a_genre_must_exist(db_session: AsyncSession) -> None:
    book = await create(db_session)
    with pytest.raises(GenreNotFoundError) as refusal:
        await create(db_session, genre_id=UNKNOWN)
    assert refusal.value.field == "genre_id"
    change = BookUpdate(genre_id=UNKNOWN)
    with pytest.raises(GenreNotFoundError):
        await service.update_book(db_session, book_id=book.id, change=change)
    assert await count_rows(db_session) == (1, 1, 1, 1, 1)
    assert await service.get_book(db_session, book_id=book.id) == book


async def test_a_constraint_without_an_explanation_is_a_fault(db_session: AsyncSession) -> None:
    book = await create(db_session)
    change = BookUpdate.model_construct({"price"}, price=Decimal(-1))
    with pytest.raises(IntegrityError):
        await service.update_book(db_session, book_id=book.id, change=change)
    assert await service.get_book(db_session, book_id=book.id) == book


async def test_an_update_changes_what_is_sent(db_session: AsyncSession) -> None:
    book = await create(
        db_session, isbn=ISBN, description="Sand.", publish_date=date(1965, 8, 1), pages=412
    )
    change = BookUpdate(title="Dune Messiah", price=Decimal("11.00"), description=None, isbn="")
    changed = await service.update_book(db_session, book_id=book.id, change=change)
    assert changed.model_dump(exclude={"updated_at"}) == {
        **book.model_dump(exclude={"updated_at"}),
        "title": "Dune Messiah",
        "slug": "dune-messiah-frank-herbert",
        "url": f"/books/{book.id}/dune-messiah-frank-herbert",
        "price": Decimal("11.00"),
        "description": None,
        "isbn": None,
    }
    await db_session.execute(update(Book).values(updated_at=NOW))
    cleared = await service.update_book(
        db_session, book_id=book.id, change=BookUpdate(publish_date=None)
    )
    assert (cleared.publish_date, cleared.publish_year) == (None, None)
    assert cleared.updated_at > NOW


async def test_new_authors_leave_the_others(db_session: AsyncSession) -> None:
    book = await create(db_session, author="Frank Herbert")
    translator = Contributor(name="Ronald M. Hahn")
    db_session.add(translator)
    await db_session.flush()  # the contribution needs the contributor's id
    db_session.add(
        Contribution(
            work_id=book.work_id,
            position=1,
            contributor_id=translator.id,
            role=ContributorRole.TRANSLATOR,
        )
    )
    await db_session.flush()  # as an importer would have written it
    change = BookUpdate(author="Brian Herbert; Kevin J. Anderson")
    changed = await service.update_book(db_session, book_id=book.id, change=change)
    assert changed.author == "Brian Herbert; Kevin J. Anderson"
    assert [(person.name, person.role) for person in changed.contributors] == [
        ("Brian Herbert", ContributorRole.AUTHOR),
        ("Kevin J. Anderson", ContributorRole.AUTHOR),
        ("Ronald M. Hahn", ContributorRole.TRANSLATOR),
    ]


async def test_a_deleted_book_is_not_found(db_session: AsyncSession) -> None:
    book = await create(db_session, isbn=ISBN)
    await service.delete_book(db_session, book_id=book.id, now=NOW)
    for call in (
        service.get_book(db_session, book_id=book.id),
        service.update_book(db_session, book_id=book.id, change=BookUpdate(title="Emma")),
        service.delete_book(db_session, book_id=book.id, now=NOW),
        service.set_stock(db_session, book_id=book.id, quantity=1, actor="ann@example.com"),
    ):
        with pytest.raises(BookNotFoundError):
            await call
    assert await titles(db_session) == []
    assert await service.get_offers(db_session, book_ids=[book.id]) == {}
    assert await service.get_titles(db_session, book_ids=[book.id]) == {
        book.id: ("Dune", "Frank Herbert")
    }


async def test_a_deleted_book_comes_back_under_its_id(db_session: AsyncSession) -> None:
    book = await create(db_session, isbn=ISBN, pages=412)
    await service.set_stock(db_session, book_id=book.id, quantity=3, actor="ann@example.com")
    await service.delete_book(db_session, book_id=book.id, now=NOW)
    again = await create(db_session, isbn=ISBN, title="Dune, revised", author="F. Herbert")
    assert (again.id, again.title, again.pages, again.stock_quantity) == (
        book.id,
        "Dune, revised",
        None,
        3,
    )
    assert [person.name for person in again.contributors] == ["F. Herbert"]
    with pytest.raises(IsbnConflictError):
        await create(db_session, isbn=ISBN)


async def test_a_book_shows_its_works_other_editions(db_session: AsyncSession) -> None:
    book = await create(db_session, price="20.00")
    for price, copies in (("30.00", 0), ("5.00", 2)):
        edition = Book(
            work_id=book.work_id,
            price=Decimal(price),
            currency="USD",
            format=BookFormat.EBOOK,
            deleted_at=None,
        )
        db_session.add(edition)
        await db_session.flush()  # the stock needs the book's id
        db_session.add(Stock(book_id=edition.id, received=copies, on_hand=copies))
    gone = Book(work_id=book.work_id, price=Decimal("1.00"), currency="USD", deleted_at=NOW)
    db_session.add(gone)
    await db_session.flush()  # the query below shall find them
    editions = (await service.get_book(db_session, book_id=book.id)).editions
    assert [(edition.price, edition.in_stock) for edition in editions] == [
        (Decimal("5.00"), True),
        (Decimal("30.00"), False),
    ]


async def test_offers_are_of_books_that_are_sold(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=4, isbn=ISBN)
    assert await service.get_offers(db_session, book_ids={book.id, UNKNOWN}) == {
        book.id: Offer(
            book_id=book.id,
            title="The Left Hand of Darkness",
            author="Ursula K. Le Guin",
            isbn=ISBN,
            price=Decimal("12.99"),
            currency="USD",
            cover_image_url=None,
            on_hand=4,
            on_sale_date=None,
            takes_preorders=False,
            sales_rights=[],
            measures=PLAIN_MEASURES,
            kind=PLAIN_KIND,
        )
    }


async def test_genres_are_listed_by_name_and_exist_once(db_session: AsyncSession) -> None:
    for name in ("poetry", "Écologie", "Drama", "科幻"):
        await service.create_genre(db_session, name=name)
    for name in ("Poetry", "poetry!", "科幻"):
        with pytest.raises(GenreConflictError):
            await service.create_genre(db_session, name=name)
    genres = await service.list_genres(db_session)
    assert [(genre.name, genre.slug) for genre in genres] == [
        ("Drama", "drama"),
        ("Écologie", "écologie"),
        ("poetry", "poetry"),
        ("科幻", "科幻"),
    ]


async def test_filters(db_session: AsyncSession) -> None:
    genre = await service.create_genre(db_session, name="Drama")
    await create(db_session, title="Dune", price="10.00")
    await create(db_session, title="Hamlet", author="William Shakespeare", genre_id=genre.id)
    await create(db_session, title="Shakespeare", author="Bill Bryson", price="10.01")
    assert await titles(db_session, genre_id=genre.id) == ["Hamlet"]
    assert await titles(db_session, author="shakesp will") == ["Hamlet"]
    assert await titles(db_session, author="Shakespeare") == ["Hamlet"]
    assert await titles(db_session, min_price="10.00", max_price="10.00") == ["Dune"]
    assert await titles(db_session, min_price="10.01") == ["Shakespeare"]
    assert await titles(db_session, q="shakespeare", max_price="9.99") == ["Hamlet"]
    assert await titles(db_session, q="shakespeare", author="bryson") == ["Shakespeare"]


@pytest.mark.parametrize(
    ("sort", "ascending"),
    [
        (BookSort.TITLE, "ABC"),
        (BookSort.PRICE, "CAB"),
        (BookSort.CREATED_AT, "ABC"),
        (BookSort.BESTSELLING, "BCA"),
        (None, "BCA"),
    ],
)
async def test_sorting(db_session: AsyncSession, sort: BookSort | None, ascending: str) -> None:
    for title, price, popularity in (("a A", "2", 9), ("A: b", "3", 1), ("À C", "1", 5)):
        book = await create(db_session, title=title, price=price)
        await db_session.execute(
            update(Work).where(Work.id == book.work_id).values(popularity=popularity)
        )
    for direction, expected in (
        (SortDirection.ASCENDING, ascending),
        (SortDirection.DESCENDING, ascending[::-1]),
    ):
        shown = await titles(db_session, sort=sort, sort_dir=direction)
        assert [title[-1].upper() for title in shown] == list(expected)
        found = await titles(
            db_session, q="a", sort=sort or BookSort.BESTSELLING, sort_dir=direction
        )
        assert found == shown


@pytest.mark.parametrize("sort", [BookSort.DATE, BookSort.AVERAGE_RATING])
async def test_books_without_the_value_come_last(db_session: AsyncSession, sort: BookSort) -> None:
    for title, published, rating_sum in (
        ("Low", date(1990, 1, 1), 3),
        ("None", None, 0),
        ("High", date(2020, 1, 1), 13),
    ):
        book = await create(db_session, title=title, publish_date=published)
        await db_session.execute(
            update(Work)
            .where(Work.id == book.work_id)
            .values(rating_sum=rating_sum, rating_count=3 if rating_sum else 0)
        )
    assert await titles(db_session, sort=sort) == ["High", "Low", "None"]
    assert await titles(db_session, sort=sort, sort_dir="asc") == ["Low", "High", "None"]
    page = await service.list_books(db_session, query=BookQuery(sort=sort))
    assert [book.avg_rating for book in page.items] == [4.3, 1.0, None]


async def test_a_year_stands_for_a_day(db_session: AsyncSession) -> None:
    for title, day, year in (
        ("Day", date(1990, 5, 1), 1990),
        ("Year", None, 1991),
        ("Early", None, 1990),
    ):
        book = await create(db_session, title=title, publish_date=day)
        await db_session.execute(update(Book).where(Book.id == book.id).values(publish_year=year))
    assert await titles(db_session, sort=BookSort.DATE) == ["Year", "Day", "Early"]


async def test_pages_and_totals(db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        await create(db_session, title=f"Volume {number}")
    query = BookQuery(sort=BookSort.TITLE, page=2, size=2)
    page = await service.list_books(db_session, query=query)
    assert [book.title for book in page.items] == ["Volume 2", "Volume 3"]
    assert (page.total, page.total_is_exact, page.page, page.size) == (5, True, 2, 2)
    monkeypatch.setattr(listing, "MAX_EXACT_TOTAL", 4)
    page = await service.list_books(db_session, query=query)
    assert (page.total, page.total_is_exact) == (4, False)
    found = await service.list_books(db_session, query=BookQuery(q="volume", page=3, size=2))
    assert (len(found.items), found.total, found.total_is_exact) == (1, 5, True)


async def test_home_shelves(db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GENRE_SHELVES", 2)
    assert await service.home_shelves(db_session) == []
    for number, name in enumerate(("Empty", "Drama", "Poetry")):
        genre = await service.create_genre(db_session, name=name)
        for volume in range(number * 5):
            book = await create(db_session, title=f"{name} {volume}", genre_id=genre.id)
            await db_session.execute(
                update(Work).where(Work.id == book.work_id).values(popularity=number * 100 - volume)
            )
    shelves = await service.home_shelves(db_session)
    assert [(shelf.title, shelf.sort, len(shelf.books)) for shelf in shelves] == [
        ("Most read", "bestselling", 8),
        ("New in the shop", "created_at", 8),
        ("Poetry", "bestselling", 8),
        ("Drama", "bestselling", 5),
    ]
    assert [shelf.books[0].title for shelf in shelves] == [
        "Poetry 0",
        "Poetry 9",
        "Poetry 0",
        "Drama 0",
    ]
    assert [shelf.genre_id for shelf in shelves[:2]] == [None, None]


async def test_a_shelf_shows_one_edition_of_a_work(db_session: AsyncSession) -> None:
    genre = await service.create_genre(db_session, name="Drama")
    book = await create(db_session, genre_id=genre.id)
    for copies in (0, 2, 2):
        edition = Book(work_id=book.work_id, price=Decimal(1), currency="USD")
        db_session.add(edition)
        await db_session.flush()  # the stock needs the book's id
        db_session.add(Stock(book_id=edition.id, received=copies, on_hand=copies))
        await db_session.flush()  # the shelves shall show it
    for expected in (book.id + 2, book.id + 3, book.id):
        shelves = await service.home_shelves(db_session)
        assert [[shown.id for shown in shelf.books] for shelf in shelves] == [[expected]] * 3
        await service.delete_book(db_session, book_id=expected, now=NOW)


@pytest.mark.parametrize("query", [{}, {"q": "volume"}, {"q": "volume", "sort": "price"}])
async def test_lists_need_as_many_statements_for_one_row_as_for_many(
    test_engine: AsyncEngine, db_session: AsyncSession, query: dict[str, str]
) -> None:
    statements: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    counts = {}
    for more in (1, 9, 40):
        for number in range(more):
            await create(db_session, title=f"Volume {number}")
        event.listen(test_engine.sync_engine, "before_cursor_execute", remember)
        statements.clear()
        page = await service.list_books(db_session, query=BookQuery(size=100, **query))
        await service.home_shelves(db_session)
        event.remove(test_engine.sync_engine, "before_cursor_execute", remember)
        counts[len(page.items)] = len(statements)
    assert list(counts) == [1, 10, 50]
    assert len(set(counts.values())) == 1
