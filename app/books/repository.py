"""SQL for books, genres, stock and the search."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import (
    REAL,
    ColumnElement,
    Row,
    Select,
    Text,
    any_,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.books.models import (
    Book,
    Contribution,
    Contributor,
    ContributorRole,
    Genre,
    SearchWord,
    Stock,
    Work,
)
from app.books.schemas import BookSort, SortDirection

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

SEARCH_CONFIGURATION = "simple"
RANK_WEIGHTS = (0.1, 0.3, 0.6, 1.0)
"""What a word counts in a subtitle, a series, a name and a title (D, C, B, A)."""

RANK_BY_LENGTH = 1
"""``ts_rank``'s flag: a short title that has the words comes before a long one."""

EXACT_TITLE_BOOST = 4.0
TITLE_BEGINNING_BOOST = 1.5
FAME_EXPONENT = 0.25
"""A book that is read 16 times as much as another comes first if it matches half as well."""

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
    BookSort.DATE: (Book.publish_date.expression,),
    BookSort.CREATED_AT: (Book.created_at.expression,),
    BookSort.AVERAGE_RATING: (Work.average_rating.expression, Work.id.expression),
    BookSort.BESTSELLING: (Work.popularity.expression, Work.id.expression),
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
        statement = statement.where(Book.deleted_at.is_(None))
        if self.book_ids is not None:
            statement = statement.where(Book.id.in_(self.book_ids))
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


def matches(query: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a work has what the tsquery asks for."""
    return Work.search_vector.bool_op("@@")(func.to_tsquery(SEARCH_CONFIGURATION, query))


def _order(sort: BookSort, direction: SortDirection) -> list[ColumnElement[Any]]:
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
    statement = books.apply(_summaries()).order_by(*_order(sort, direction))
    return (await session.execute(statement.offset(offset).limit(limit))).all()


async def count_books(session: AsyncSession, *, books: BookFilter, limit: int) -> int:
    """Return how many books there are, and no more than the limit."""
    found = books.apply(select(Book.id).join(Work)).limit(limit).subquery()
    return (await session.scalars(select(func.count()).select_from(found))).one()


async def list_genre_shelves(
    session: AsyncSession, *, shelves: int, books: int
) -> Sequence[AnyRow]:
    """Return the most read books of the genres whose favourites are the most read.

    The rows are summaries with ``shelf``, the genre's name; a genre's rows stand together.
    """
    most_read = _order(BookSort.BESTSELLING, SortDirection.DESCENDING)
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
    best = (
        BookFilter()
        .apply(_summaries().add_columns(Work.popularity))
        .where(Work.genre_id == famous.c.id)
        .order_by(*most_read)
        .limit(books)
        .lateral()
    )
    statement = (
        select(famous.c.shelf, best)
        .join(best, true())
        .order_by(
            famous.c.popularity.desc(), famous.c.id, best.c.popularity.desc(), best.c.id.desc()
        )
    )
    return (await session.execute(statement)).all()


async def find_book(session: AsyncSession, book_id: int) -> AnyRow | None:
    """Return a book that is sold, with its publication and its genre."""
    statement = (
        _summaries()
        .add_columns(
            Book.work_id,
            Book.publisher,
            Book.language,
            Book.pages,
            Book.created_at,
            Book.updated_at,
            Genre.name.label("genre_name"),
            Genre.slug.label("genre_slug"),
        )
        .outerjoin(Genre, Genre.id == Work.genre_id)
        .where(Book.id == book_id, Book.deleted_at.is_(None))
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
        .where(Book.work_id == work_id, Book.id != except_book_id, Book.deleted_at.is_(None))
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
        .where(Book.id.in_(book_ids), Book.deleted_at.is_(None))
    )
    return (await session.execute(statement)).all()


async def list_titles(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return titles and authors of books, sold or not."""
    statement = select(Book.id, Work.title, Work.author).join(Work).where(Book.id.in_(book_ids))
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
    statement = select(Stock.book_id, Stock.on_hand).where(Stock.book_id.in_(book_ids))
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


async def fold_query(session: AsyncSession, text: str) -> str:
    """Return the text as the search's documents are written: plain words, one space between.

    From here to the end of the transaction every statement is planned for its own words: a plan
    that suits rare words reads the whole table for common ones, and the other way round.
    """
    statement = select(
        func.search_fold(text), func.set_config("plan_cache_mode", "force_custom_plan", true())
    )
    return str((await session.execute(statement)).one()[0])


async def list_ids(session: AsyncSession, *, books: BookFilter) -> Sequence[int]:
    """Return the ids of the books, by id."""
    statement = books.apply(select(Book.id).join(Work)).order_by(Book.id)
    return (await session.scalars(statement)).all()


async def rank_books(
    session: AsyncSession, *, books: BookFilter, words: str, folded: str, limit: int
) -> Sequence[int]:
    """Return the ids of books that have the words of a tsquery, the best first.

    The most read books, up to the limit, are ranked by where the words are, how much of the title
    they make and how much it is read. Ranking every match would read every match's vector.
    """
    candidates = (
        books.apply(
            select(Book.id, Work.folded_title, Work.popularity, Work.search_vector).join(Work)
        )
        .where(matches(words))
        .order_by(*_order(BookSort.BESTSELLING, SortDirection.DESCENDING))
        .limit(limit)
        .subquery()
    )
    title = candidates.c.folded_title
    rank = func.ts_rank(
        cast(RANK_WEIGHTS, ARRAY(REAL)),
        candidates.c.search_vector,
        func.to_tsquery(SEARCH_CONFIGURATION, words),
        RANK_BY_LENGTH,
    )
    boost = case(
        (title == folded, EXACT_TITLE_BOOST),
        (title.startswith(folded, autoescape=True), TITLE_BEGINNING_BOOST),
        else_=1,
    )
    fame = func.power(candidates.c.popularity + 1, FAME_EXPONENT)
    statement = select(candidates.c.id).order_by(
        (rank * boost * fame).desc(), candidates.c.popularity.desc(), candidates.c.id
    )
    return (await session.scalars(statement)).all()


async def list_similar_words(
    session: AsyncSession, *, words: Collection[str], limit: int
) -> Sequence[tuple[str, str]]:
    """Return pairs of a given word and a word of the catalogue that looks or sounds like it.

    A word that the catalogue has is like itself.
    """
    wanted = (
        func.unnest(cast(list(words), ARRAY(Text))).table_valued("word").render_derived("wanted")
    )
    similar = (
        select(SearchWord.word)
        .where(
            or_(
                SearchWord.word.bool_op("%")(wanted.c.word),
                func.dmetaphone(SearchWord.word) == func.nullif(func.dmetaphone(wanted.c.word), ""),
            )
        )
        .order_by(
            func.levenshtein(SearchWord.word, wanted.c.word),
            func.similarity(SearchWord.word, wanted.c.word).desc(),
        )
        .limit(limit)
        .lateral("similar")
    )
    statement = select(wanted.c.word, similar.c.word).join(similar, true())
    return [(word, found) for word, found in await session.execute(statement)]


async def list_known_words(session: AsyncSession, *, words: Collection[str]) -> set[str]:
    """Return those of the words that the catalogue has."""
    given = cast(list(words), ARRAY(Text))
    return set(await session.scalars(select(SearchWord.word).where(SearchWord.word == any_(given))))


async def list_fame(session: AsyncSession, *, queries: Sequence[str]) -> dict[str, int]:
    """Return how much the works are read that tsqueries find; who finds nothing is left out."""
    asked = (
        func.unnest(cast(list(queries), ARRAY(Text))).table_valued("query").render_derived("asked")
    )
    fame = (
        select(func.sum(Work.popularity).label("popularity"))
        .where(matches(asked.c.query))
        .lateral("fame")
    )
    statement = (
        select(asked.c.query, fame.c.popularity)
        .join(fame, true())
        .where(fame.c.popularity.is_not(None))
    )
    return dict((await session.execute(statement)).all())
