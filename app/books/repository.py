"""SQL for books, genres and stock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    any_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.books.models import (
    Book,
    Contribution,
    Contributor,
    ContributorRole,
    Genre,
    Publisher,
    Series,
    SeriesMembership,
    Stock,
    Work,
)
from app.books.schemas import BookSort, SortDirection

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]
ShelfSort: TypeAlias = Literal[BookSort.BESTSELLING, BookSort.CREATED_AT]

SEARCH_CONFIGURATION = "simple"

SUMMARY = (
    Book.id,
    Work.title,
    Work.subtitle,
    Work.author,
    Work.series,
    Work.series_number,
    Book.price,
    Book.currency,
    Book.isbn,
    Book.format,
    Work.genre_id,
    Work.description,
    Book.cover_image_url,
    Book.publish_date,
    Book.publish_year,
    Work.first_published,
    Stock.on_hand.label("stock_quantity"),
    Work.average_rating.label("avg_rating"),
    Work.rating_count.label("review_count"),
)

SORT_KEYS: Mapping[BookSort, Sequence[ColumnElement[Any]]] = {
    BookSort.TITLE: (Work.folded_title.expression, Work.id.expression),
    BookSort.PRICE: (Book.price.expression,),
    BookSort.DATE: (Book.published_on.expression,),
    BookSort.CREATED_AT: (Book.created_at.expression,),
    BookSort.AVERAGE_RATING: (Work.average_rating.expression, Work.id.expression),
    BookSort.BESTSELLING: (Work.popularity.expression, Work.id.expression),
}
SHELF_ORDERS: Mapping[ShelfSort, Sequence[ColumnElement[Any]]] = {
    BookSort.BESTSELLING: (Work.popularity.desc(), Work.id.desc()),
    BookSort.CREATED_AT: (Work.id.desc(),),
}
SORTS_WITH_GAPS = {BookSort.DATE, BookSort.AVERAGE_RATING}


@dataclass(frozen=True, kw_only=True)
class BookFilter:
    """Which books of those that are sold; what is ``None`` does not count.

    ``author`` is a tsquery as text.
    """

    book_ids: Collection[int] | None = None
    isbn: str | None = None
    author: str | None = None
    genre_id: int | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """Return the statement over books and works with the filter's conditions."""
        statement = statement.where(Book.is_sold)
        if self.book_ids is not None:
            statement = statement.where(among(Book.id, self.book_ids))
        if self.isbn is not None:
            statement = statement.where(Book.isbn == self.isbn)
        if self.author is not None:
            statement = statement.where(matches(self.author))
        if self.genre_id is not None:
            statement = statement.where(Work.genre_id == self.genre_id)
        if self.min_price is not None:
            statement = statement.where(Book.price >= self.min_price)
        if self.max_price is not None:
            statement = statement.where(Book.price <= self.max_price)
        return statement


def among(column: InstrumentedAttribute[int], ids: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that an id is one of these: one statement however many they are."""
    return column == any_(cast(list(ids), ARRAY(Integer)))


def indexed_words() -> ColumnElement[Any]:
    """Return what the search's index has of a work: its words and the mark of its fame."""
    return func.search_index(Work.search_vector, Work.popularity)


def matches(query: str) -> ColumnElement[bool]:
    """Return the condition that a work has what the tsquery asks for."""
    return indexed_words().bool_op("@@")(func.to_tsquery(SEARCH_CONFIGURATION, query))


def order_by(sort: BookSort, direction: SortDirection) -> list[ColumnElement[Any]]:
    """Return the keys all in one direction, so that an index serves both; gaps come last."""
    keys = (*SORT_KEYS[sort], Book.id)
    descending = direction is SortDirection.DESCENDING
    order: list[ColumnElement[Any]] = [key.desc() if descending else key.asc() for key in keys]
    if sort in SORTS_WITH_GAPS:
        order[0] = order[0].nulls_last()
    return order


def _summaries() -> AnySelect:
    return select(*SUMMARY).select_from(Book).join(Work).join(Stock)


async def list_books(
    session: AsyncSession,
    *,
    books: BookFilter,
    sort: BookSort,
    direction: SortDirection,
    offset: int,
    limit: int,
) -> Sequence[AnyRow]:
    """Return summaries of the books in order."""
    statement = books.apply(_summaries()).order_by(*order_by(sort, direction))
    return (await session.execute(statement.offset(offset).limit(limit))).all()


async def list_ids(session: AsyncSession, *, books: BookFilter) -> Sequence[int]:
    """Return the ids of the books, by id."""
    statement = books.apply(select(Book.id).join(Work)).order_by(Book.id)
    return (await session.scalars(statement)).all()


async def count_books(session: AsyncSession, *, books: BookFilter, limit: int) -> int:
    """Return how many books there are, and no more than the limit."""
    found = books.apply(select(Book.id).join(Work)).limit(limit).subquery()
    return (await session.scalars(select(func.count()).select_from(found))).one()


def _works_by_best_edition() -> AnySelect:
    """Return summaries of one edition per work: one that can be bought now, or else the first."""
    edition, copies = aliased(Book), aliased(Stock)
    best = (
        select(edition.id)
        .join(copies, copies.book_id == edition.id)
        .where(edition.work_id == Work.id, edition.is_sold)
        .order_by((copies.on_hand > 0).desc(), edition.id)
        .limit(1)
        .lateral("best")
    )
    return (
        select(*SUMMARY)
        .select_from(Work)
        .join(best, true())
        .join(Book, Book.id == best.c.id)
        .join(Stock, Stock.book_id == Book.id)
    )


async def list_shelf(session: AsyncSession, *, sort: ShelfSort, limit: int) -> Sequence[AnyRow]:
    """Return summaries of the first works in order."""
    statement = _works_by_best_edition().order_by(*SHELF_ORDERS[sort]).limit(limit)
    return (await session.execute(statement)).all()


async def list_genre_shelves(
    session: AsyncSession, *, shelves: int, books: int
) -> Sequence[AnyRow]:
    """Return the most read works of the genres whose favourites are the most read.

    The rows are summaries with ``shelf``, the genre's name; a genre's rows stand together.
    """
    fame = (
        select(func.max(Work.popularity).label("popularity"))
        .where(Work.genre_id == Genre.id)
        .lateral()
    )
    famous = (
        select(Genre.id, Genre.name.label("shelf"), fame.c.popularity)
        .join(fame, true())
        .where(fame.c.popularity.is_not(None))
        .order_by(fame.c.popularity.desc(), Genre.id)
        .limit(shelves)
        .subquery()
    )
    favourites = (
        _works_by_best_edition()
        .add_columns(Work.popularity, Work.id.label("work_id"))
        .where(Work.genre_id == famous.c.id)
        .order_by(*SHELF_ORDERS[BookSort.BESTSELLING])
        .limit(books)
        .lateral()
    )
    statement = (
        select(famous.c.shelf, favourites)
        .join(favourites, true())
        .order_by(
            famous.c.popularity.desc(),
            famous.c.id,
            favourites.c.popularity.desc(),
            favourites.c.work_id.desc(),
        )
    )
    return (await session.execute(statement)).all()


async def find_book(
    session: AsyncSession, book_id: int, *, with_unpriced: bool = False
) -> AnyRow | None:
    """Return a book that is sold, or just not deleted, with its publication and its genre."""
    imprint = aliased(Publisher)
    statement = (
        _summaries()
        .add_columns(
            Book.work_id,
            Book.gtin,
            Publisher.name.label("publisher"),
            imprint.name.label("imprint"),
            Book.language,
            Work.original_language,
            Book.edition_statement,
            Book.pages,
            Book.minutes,
            Book.height_mm,
            Book.width_mm,
            Book.thickness_mm,
            Book.weight_g,
            Book.publish_date_precision,
            Book.on_sale_date,
            Work.short_description,
            Work.table_of_contents,
            Book.created_at,
            Book.updated_at,
            Genre.name.label("genre_name"),
            Genre.slug.label("genre_slug"),
        )
        .outerjoin(Genre, Genre.id == Work.genre_id)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
        .outerjoin(imprint, imprint.id == Book.imprint_id)
        .where(Book.id == book_id, Book.deleted_at.is_(None) if with_unpriced else Book.is_sold)
    )
    return (await session.execute(statement)).one_or_none()


async def list_contributors(session: AsyncSession, *, work_id: int) -> Sequence[AnyRow]:
    """Return names and roles as on the title page."""
    statement = (
        select(Contributor.name, Contribution.role)
        .join(Contribution.contributor)
        .where(Contribution.work_id == work_id)
        .order_by(Contribution.position)
    )
    return (await session.execute(statement)).all()


async def list_editions(
    session: AsyncSession, *, work_id: int, except_book_id: int
) -> Sequence[AnyRow]:
    """Return the work's other books that are sold, the cheapest first."""
    statement = (
        select(
            Book.id,
            Book.isbn,
            Book.format,
            Book.price,
            Book.currency,
            (Stock.on_hand > 0).label("in_stock"),
        )
        .join(Stock)
        .where(Book.work_id == work_id, Book.id != except_book_id, Book.is_sold)
        .order_by(Book.price, Book.id)
    )
    return (await session.execute(statement)).all()


async def list_offers(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return what a buyer has to know of books that are sold."""
    statement = (
        select(
            Book.id,
            Work.title,
            Work.author,
            Book.isbn,
            Book.price,
            Book.currency,
            Book.cover_image_url,
            Stock.on_hand,
        )
        .join(Work)
        .join(Stock)
        .where(among(Book.id, book_ids), Book.is_sold)
    )
    return (await session.execute(statement)).all()


async def list_titles(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return titles and authors of books, sold or not."""
    statement = select(Book.id, Work.title, Work.author).join(Work).where(among(Book.id, book_ids))
    return (await session.execute(statement)).all()


async def insert_book(
    session: AsyncSession, *, work: Mapping[str, Any], book: Mapping[str, Any]
) -> tuple[int, int]:
    """Write a work, its book and an empty stock; return the work's and the book's ids."""
    work_id = (await session.scalars(insert(Work).values(**work).returning(Work.id))).one()
    statement = insert(Book).values(work_id=work_id, **book).returning(Book.id)
    book_id = (await session.scalars(statement)).one()
    await session.execute(insert(Stock).values(book_id=book_id))
    return work_id, book_id


async def restore_book(session: AsyncSession, *, isbn: str) -> int | None:
    """Sell the deleted book with this ISBN again; return its id, if there is one."""
    statement = (
        update(Book)
        .where(Book.isbn == isbn, Book.deleted_at.is_not(None))
        .values(deleted_at=None)
        .returning(Book.id)
    )
    return (await session.scalars(statement)).one_or_none()


async def update_book(
    session: AsyncSession, *, book_id: int, work: Mapping[str, Any], book: Mapping[str, Any]
) -> int | None:
    """Change a book that is sold and its work; return the work's id, if there is such a book."""
    statement = (
        update(Book)
        .where(Book.id == book_id, Book.deleted_at.is_(None))
        .values(**book, updated_at=func.now())
        .returning(Book.work_id)
    )
    work_id = (await session.scalars(statement)).one_or_none()
    if work_id is not None and work:
        await session.execute(update(Work).where(Work.id == work_id).values(**work))
    return work_id


async def delete_book(session: AsyncSession, *, book_id: int, now: datetime) -> bool:
    """Stop selling a book; tell whether it was sold."""
    statement = (
        update(Book)
        .where(Book.id == book_id, Book.deleted_at.is_(None))
        .values(deleted_at=now)
        .returning(Book.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def set_authors(session: AsyncSession, *, work_id: int, names: Sequence[str]) -> None:
    """Make these the work's authors; whoever did something else for it stays, after them.

    Names are written in their order, so that two who bring the same new ones do not deadlock.
    """
    await session.execute(
        insert(Contributor)
        .values([{"name": name} for name in sorted(names)])
        .on_conflict_do_nothing()
    )
    known = select(Contributor.name, Contributor.id).where(Contributor.name.in_(names))
    ids = dict((await session.execute(known)).all())
    removed = (
        delete(Contribution)
        .where(Contribution.work_id == work_id)
        .returning(Contribution.position, Contribution.contributor_id, Contribution.role)
    )
    others = [
        (contributor_id, role)
        for _, contributor_id, role in sorted(await session.execute(removed))
        if role is not ContributorRole.AUTHOR
    ]
    people = [*((ids[name], ContributorRole.AUTHOR) for name in names), *others]
    await session.execute(
        insert(Contribution).values(
            [
                {
                    "work_id": work_id,
                    "position": position,
                    "contributor_id": contributor_id,
                    "role": role,
                }
                for position, (contributor_id, role) in enumerate(people)
            ]
        )
    )


async def set_first_series(session: AsyncSession, *, work_ids: Collection[int]) -> None:
    """Make the works' first series what their display strings say; further ones stay."""
    chosen = (among(Work.id, work_ids), Work.series.is_not(None))
    titles = select(Work.series).where(*chosen).distinct().order_by(Work.series)
    await session.execute(
        insert(Series).from_select([Series.title], titles).on_conflict_do_nothing()
    )
    await session.execute(
        delete(SeriesMembership).where(
            among(SeriesMembership.work_id, work_ids), SeriesMembership.position == 0
        )
    )
    members = (
        select(Work.id, literal(0), Series.id, Work.series_number)
        .join(Series, Series.title == Work.series)
        .where(*chosen)
    )
    await session.execute(
        insert(SeriesMembership).from_select(
            ["work_id", "position", "series_id", "number"], members
        )
    )


async def publisher_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    """Return the publishers' ids by name; who is not known is added.

    New names are written in their order, so that two who bring the same ones do not deadlock.
    """
    ids = await _known_publisher_ids(session, names)
    missing = sorted(set(names) - ids.keys())
    if missing:
        added = insert(Publisher).on_conflict_do_nothing()
        await session.execute(added, [{"name": name} for name in missing])
        ids |= await _known_publisher_ids(session, missing)
    return ids


async def _known_publisher_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    statement = select(Publisher.name, Publisher.id).where(Publisher.name.in_(names))
    return dict((await session.execute(statement)).all())


async def list_genres(session: AsyncSession) -> Sequence[Genre]:
    """Return all genres by name."""
    return (await session.scalars(select(Genre).order_by(func.search_fold(Genre.name)))).all()


async def insert_genre(session: AsyncSession, *, name: str, slug: str) -> Genre | None:
    """Write a genre; ``None`` when its name or slug is taken."""
    statement = insert(Genre).values(name=name, slug=slug).on_conflict_do_nothing().returning(Genre)
    return (await session.scalars(statement)).one_or_none()


async def move_copies(
    session: AsyncSession,
    *,
    book_id: int,
    quantity: int,
    source: InstrumentedAttribute[int],
    target: InstrumentedAttribute[int],
) -> bool:
    """Move copies from one column of the stock to another, if the first has so many."""
    statement = (
        update(Stock)
        .where(Stock.book_id == book_id, source >= quantity)
        .values({source: source - quantity, target: target + quantity})
        .returning(Stock.book_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def copies_on_hand(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, int]:
    """Return how many copies can be bought, by book."""
    statement = select(Stock.book_id, Stock.on_hand).where(among(Stock.book_id, book_ids))
    return dict((await session.execute(statement)).all())


async def set_copies_on_hand(session: AsyncSession, *, book_id: int, quantity: int) -> int | None:
    """Set how many copies can be bought; return how many it were, if there is such a book.

    The row is locked before its count is read, so that of two who restock one finds it empty.
    """
    before = (
        select(Stock.book_id, Stock.on_hand)
        .join(Book, Book.id == Stock.book_id)
        .where(Stock.book_id == book_id, Book.deleted_at.is_(None))
        .with_for_update(of=Stock)
        .cte("before")
    )
    statement = (
        update(Stock)
        .where(Stock.book_id == before.c.book_id)
        .values(on_hand=quantity, received=quantity + Stock.reserved + Stock.sold - Stock.returned)
        .returning(before.c.on_hand)
    )
    return (await session.scalars(statement)).one_or_none()


async def list_unbalanced_stock(session: AsyncSession, *, limit: int) -> Sequence[Stock]:
    """Return stock whose columns do not add up, or of which there is less than none."""
    columns = (Stock.received, Stock.returned, Stock.on_hand, Stock.reserved, Stock.sold)
    statement = (
        select(Stock)
        .where(
            or_(
                Stock.received + Stock.returned != Stock.on_hand + Stock.reserved + Stock.sold,
                *(column < 0 for column in columns),
            )
        )
        .order_by(Stock.book_id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def list_copies_away(session: AsyncSession) -> Sequence[AnyRow]:
    """Return the books of which copies are reserved or sold, and how many."""
    statement = select(Stock.book_id, Stock.reserved, Stock.sold).where(
        or_(Stock.reserved != 0, Stock.sold != 0)
    )
    return (await session.execute(statement)).all()
