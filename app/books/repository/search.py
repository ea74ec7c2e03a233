"""SQL for the search: folding, candidates, ranking, and the vocabulary that repairs spelling."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    REAL,
    ColumnElement,
    Subquery,
    Text,
    any_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, TSQUERY, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import (
    Book,
    Contribution,
    Contributor,
    SearchWord,
    Series,
    SeriesMembership,
    Work,
)
from app.books.queries import BookSort, SortDirection
from app.books.repository import (
    SEARCH_CONFIGURATION,
    BookFilter,
    among,
    indexed_words,
    order_by,
)
from app.books.repository.filters import BROAD
from app.core.keyset import AnyRow, AnySelect

RANK_WEIGHTS = (0.1, 0.3, 0.6, 1.0)
"""What a word counts in a subtitle, a series, a name and a title (D, C, B, A)."""

RANK_BY_LENGTH = 1
"""``ts_rank``'s flag: a short title that has the words comes before a long one."""

EXACT_TITLE_BOOST = 4.0
TITLE_BEGINNING_BOOST = 1.5
FAME_EXPONENT = 0.25
"""A book that is read 16 times as much as another comes first if it matches half as well."""

FAME_BANDS = (
    *((20, 31), (18, 19), *((digits, digits) for digits in range(17, 7, -1))),
    *((6, 7), (4, 5), (1, 3)),
)
"""Binary digits of the popularity, the most read first: each about as many works as all above."""

UNREAD = "'=0'"

FEW_TIMES_AS_MANY = 5
MAX_LOOKED_AT = 3_000
FAME_SAMPLE = 100
LAST_CHARACTER = 0x10FFFF
SIMILARITY = "0.35"
LETTERS_LONGER_OR_SHORTER = 3

SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "pg_trgm.similarity_threshold": SIMILARITY,
}
"""For the search's transaction: each statement is planned for its own words (a plan that suits rare
words reads the whole table for common ones, and the other way round), and nothing is compiled for a
statement that takes milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Ids of books, the best first.

    ``has_named`` tells whether the text is the title of one of them, begins it, or is its author;
    ``is_cut`` whether there are works that match and were not looked at.
    """

    book_ids: Sequence[int]
    has_named: bool
    is_cut: bool


async def fold_query(session: AsyncSession, text: str) -> str:
    """Return the text as the search's documents are written: plain words, one space between.

    From here to the end of the transaction the search's ``SETTINGS`` hold.
    """
    statement = select(
        func.search_fold(text),
        *(func.set_config(name, value, true()) for name, value in SETTINGS.items()),
    )
    return str((await session.execute(statement)).one()[0])


async def rank_books(
    session: AsyncSession,
    *,
    books: BookFilter,
    words: str,
    beginning: str | None,
    folded: str,
    authors: str,
    limit: int,
    is_exact: bool,
) -> Found:
    """Return the books that have the words of a tsquery.

    The most read, up to the limit, are ranked by where the words are, how much of the title they
    make and how much it is read. Ranking every match would read every match's vector.
    ``folded`` is the text, ``authors`` the tsquery for authors of that name. ``beginning``, a
    tsquery too, is so frequent that no index is asked for it: the matches are
    looked through.

    A broad filter is asked of the most read ``MAX_LOOKED_AT`` works that match. With ``is_exact``
    it is asked of all, which may take long.
    """
    asked = _Asked.of(words=words, beginning=beginning)
    if is_exact:
        statement = _ranking(_all_matching(books, asked, limit))
    elif books == BookFilter():
        statement = _ranking_of_all(asked, limit)
    else:
        statement = _ranking(_most_read(books, asked, limit, looked_at=MAX_LOOKED_AT))
    values = {
        "words": words,
        "beginning": beginning,
        "query": " & ".join(part for part in (words, beginning) if part),
        "folded": folded,
        "authors": authors,
    }
    book_ids, has_named, is_cut = (await session.execute(statement, values)).one()
    return Found(book_ids=book_ids or [], has_named=bool(has_named), is_cut=bool(is_cut))


class _Asked(NamedTuple):
    """What of a statement depends on the words that are asked for; the words are parameters."""

    has_words: bool
    has_beginning: bool
    is_compound: bool

    @classmethod
    def of(cls, *, words: str, beginning: str | None) -> "_Asked":
        """Return the form of a search for the words of one tsquery and the beginning of another."""
        return cls(bool(words), beginning is not None, "&" in words or ":*" in words)


@cache  # to put such a statement together takes as long as to fetch its answer
def _ranking_of_all(asked: _Asked, limit: int) -> AnySelect:
    return _ranking(_most_read(BookFilter(), asked, limit, looked_at=limit))


def _all_matching(books: BookFilter, asked: _Asked, limit: int) -> Subquery:
    matching = indexed_words().bool_op("@@")(_tsquery("words"))
    conditions = [*([matching] if asked.has_words else []), *_in_works(asked)]
    return (
        books.apply(select(Book.id, *_work_columns()).select_from(Book).join(Work))
        .where(*conditions)
        .add_columns(false().label("is_cut"))
        .order_by(*order_by(BookSort.BESTSELLING, SortDirection.DESCENDING))
        .limit(limit)
        .subquery()
    )


def _most_read(books: BookFilter, asked: _Asked, limit: int, *, looked_at: int) -> Subquery:
    works = _famous(asked, looked_at).cte("candidates")
    is_cut = select(func.count() >= looked_at).select_from(works).scalar_subquery()
    return (
        select(Book.id, works, is_cut.label("is_cut"))
        .join_from(works, Book, Book.work_id == works.c.work_id)
        .where(Book.is_sold, *books.conditions(BROAD))
        .order_by(works.c.popularity.desc(), works.c.work_id.desc(), Book.id.desc())
        .limit(limit)
        .subquery()
    )


def _ranking(candidates: Subquery) -> AnySelect:
    """Return the candidates' ids as one array, the best first, and what ``Found`` tells of them."""
    title, folded = candidates.c.folded_title, bindparam("folded", type_=Text)
    rank = func.ts_rank(
        cast(RANK_WEIGHTS, ARRAY(REAL)),
        candidates.c.search_vector,
        _tsquery("query"),
        RANK_BY_LENGTH,
    )
    begins = func.starts_with(title, folded)
    boost = case((title == folded, EXACT_TITLE_BOOST), (begins, TITLE_BEGINNING_BOOST), else_=1.0)
    fame = func.power(  # of floats: PostgreSQL's power of decimals costs fifty times as much
        cast(func.greatest(candidates.c.popularity, 1), DOUBLE_PRECISION),
        cast(FAME_EXPONENT, DOUBLE_PRECISION),
    )
    best_first = (
        (rank * cast(boost, DOUBLE_PRECISION) * fame).desc(),
        candidates.c.popularity.desc(),
        candidates.c.id,
    )
    is_by = func.ts_match_vq(candidates.c.search_vector, _tsquery("authors"))
    # One row: a thousand take Python as long as PostgreSQL needs to find them.
    return select(
        func.array_agg(aggregate_order_by(candidates.c.id, *best_first)),
        func.bool_or(or_(begins, is_by)),
        func.bool_or(candidates.c.is_cut),
    )


def _tsquery(name: str) -> ColumnElement[Any]:
    """Return the tsquery that the parameter of this name has."""
    return func.to_tsquery(SEARCH_CONFIGURATION, bindparam(name, type_=Text))


async def list_famous(
    session: AsyncSession, *, words: str, beginning: str | None, limit: int
) -> Sequence[AnyRow]:
    """Return the most read works that match, each with the first of its books that is sold."""
    statement = _famous_with_books(_Asked.of(words=words, beginning=beginning), limit)
    return (await session.execute(statement, {"words": words, "beginning": beginning})).all()


@cache
def _famous_with_books(asked: _Asked, limit: int) -> AnySelect:
    works = _famous(asked, limit).cte("candidates")
    return _with_first_book(works, works.c.work_id)


async def list_works_of(session: AsyncSession, *, book_ids: Sequence[int]) -> Sequence[AnyRow]:
    """Return the works of books, each with its first book that is sold."""
    works = select(Book.work_id).where(among(Book.id, book_ids)).distinct().cte("works_of")
    return (await session.execute(_with_first_book(works, works.c.work_id))).all()


def _with_first_book(works: CTE, work_id: ColumnElement[int]) -> AnySelect:
    first = (
        select(Book.id.label("book_id"))
        .where(Book.work_id == work_id, Book.is_sold)
        .order_by(Book.id)
        .limit(1)
        .lateral("first")
    )
    return (
        select(Work.id.label("work_id"), Work.title, Work.author, Work.folded_title, first)
        .join_from(works, Work, Work.id == work_id)
        .join(first, true())
        .order_by(Work.popularity.desc(), Work.id.desc())
    )


async def list_named(
    session: AsyncSession, *, work_ids: Sequence[int], limit: int
) -> Sequence[AnyRow]:
    """Return people and series of works, those of the most read works first, up to the limit."""
    people = (
        select(
            literal("person").label("kind"),
            Contributor.id,
            Contributor.name,
            func.sum(Work.popularity).label("fame"),
        )
        .select_from(Contribution)
        .join(Contributor)
        .join(Work, Work.id == Contribution.work_id)
        .where(among(Contribution.work_id, work_ids))
        .group_by(Contributor.id)
    )
    series = (
        select(literal("series"), Series.id, Series.title, func.sum(Work.popularity))
        .select_from(SeriesMembership)
        .join(Series)
        .join(Work, Work.id == SeriesMembership.work_id)
        .where(among(SeriesMembership.work_id, work_ids))
        .group_by(Series.id)
    )
    named = union_all(people, series).subquery()
    # Limited first: to fold a name takes longer than all the rest.
    best = select(named).order_by(named.c.fame.desc(), named.c.id).limit(limit).subquery()
    statement = select(best, func.search_fold(best.c.name).label("folded")).order_by(
        best.c.fame.desc(), best.c.id
    )
    return (await session.execute(statement)).all()


async def count_begun(session: AsyncSession, *, beginning: str, limit: int) -> int:
    """Return how many of the catalogue's words begin so, and no more than the limit."""
    begun = select(SearchWord.word).where(*_begins(literal(beginning))).limit(limit).subquery()
    return (await session.scalars(select(func.count()).select_from(begun))).one()


async def list_begun(
    session: AsyncSession, *, beginnings: Collection[str], limit: int
) -> Sequence[str]:
    """Return those with which a word of the catalogue begins, up to the limit."""
    given = (
        func.unnest(cast(sorted(beginnings), ARRAY(Text)))
        .table_valued("beginning")
        .render_derived("given")
    )
    statement = (
        select(given.c.beginning)
        .where(exists(select(SearchWord.word).where(*_begins(given.c.beginning))))
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


def _begins(beginning: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    after = beginning.concat(func.chr(LAST_CHARACTER))
    return SearchWord.word >= beginning, SearchWord.word < after


async def fold_texts(session: AsyncSession, *, texts: Collection[str]) -> dict[str, str]:
    """Return how the search folds each of the texts."""
    given = func.unnest(cast(list(texts), ARRAY(Text))).table_valued("text").render_derived("given")
    statement = select(given.c.text, func.search_fold(given.c.text))
    return dict((await session.execute(statement)).all())


async def list_fame(session: AsyncSession, *, queries: Sequence[str]) -> dict[str, int]:
    """Return how much is read the most read work that each tsquery finds, if it finds any.

    Of works that have all words of a query there are few; of others, some are looked at.
    """
    asked = (
        func.unnest(cast(list(queries), ARRAY(Text))).table_valued("query").render_derived("asked")
    )
    query = func.to_tsquery(SEARCH_CONFIGURATION, asked.c.query)
    some = (
        select(Work.popularity)
        .where(indexed_words().bool_op("@@")(query))
        .limit(FAME_SAMPLE)
        .lateral("some")
    )
    statement = (
        select(asked.c.query, func.max(some.c.popularity))
        .join(some, true())
        .group_by(asked.c.query)
    )
    return dict((await session.execute(statement)).all())


async def list_described(
    session: AsyncSession, *, books: BookFilter, words: str, limit: int, reads: int
) -> Sequence[int]:
    """Return the ids of books whose blurb has the words of a tsquery, the most read first.

    Of so many works as match, ``reads`` are looked at.
    """
    prose = func.search_prose(Work.description)
    works = (
        select(Work.id, Work.popularity)
        .where(prose.bool_op("@@")(func.to_tsquery(SEARCH_CONFIGURATION, words)))
        .limit(reads)
        .cte("described")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        books.apply(select(Book.id).join(Work).join(works, works.c.id == Work.id))
        .order_by(works.c.popularity.desc(), Work.id.desc(), Book.id.desc())
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


def _work_columns() -> tuple[Any, ...]:
    return (Work.id.label("work_id"), Work.folded_title, Work.popularity, Work.search_vector)


def _in_works(asked: _Asked) -> list[ColumnElement[bool]]:
    """Return the condition that a work itself, without the index, has the beginning of a word."""
    # the function's name instead of @@ keeps the index out of it
    has_begun = func.ts_match_vq(Work.search_vector, _tsquery("beginning"))
    return [has_begun] if asked.has_beginning else []


def _famous(asked: _Asked, limit: int) -> AnySelect:
    """Return the works that have the words of a tsquery, the most read first, up to the limit.

    Of several words, or the beginning of one, all matches are read at once if they are few: to look
    up such a query costs more than to read the works. Else the index is asked band by band of fame,
    and no further once there are enough: it is read for about twice as many works as are taken,
    however many match. Works that nobody has read yet are taken as they come. Without words there
    is a beginning that a good part of all works has: they are looked through, the most read first.
    """
    conditions = _in_works(asked)
    if not asked.has_words:
        return (
            select(*_work_columns())
            .where(*conditions)
            .order_by(Work.popularity.desc(), Work.id.desc())
            .limit(limit)
        )

    def having(wanted: ColumnElement[Any]) -> AnySelect:
        return select(*_work_columns()).where(indexed_words().bool_op("@@")(wanted), *conditions)

    query = _tsquery("words")
    marks = [
        " | ".join(f"'={digits}'" for digits in range(least, most + 1))
        for least, most in FAME_BANDS
    ]
    band = func.unnest(cast(marks, ARRAY(Text))).table_valued("marks").render_derived("band")
    in_band = query.op("&&")(cast(band.c.marks, TSQUERY))  # no words and a mark would be anything
    unread = query.op("&&")(cast(literal(UNREAD, Text), TSQUERY))
    read = (
        having(in_band)
        # + 0, so that the planner never walks the popularity index instead, testing each work
        .order_by((Work.popularity + 0).desc(), Work.id.desc())
        .limit(limit)
        .lateral("read")
    )
    by_band = select(read).select_from(band.join(read, true())).where(func.numnode(query) > 0)
    if not asked.is_compound:
        return _first(limit, by_band, having(unread).where(func.numnode(query) > 0))
    most = FEW_TIMES_AS_MANY * limit
    few = having(query).limit(most + 1).cte("few").prefix_with("MATERIALIZED")
    is_few = select(func.count() <= most).select_from(few).scalar_subquery()
    best_of_few = (
        select(few)
        .where(is_few)
        .order_by(few.c.popularity.desc(), few.c.work_id.desc())
        .limit(limit)
    )
    return _first(limit, best_of_few, by_band.where(~is_few), having(unread).where(~is_few))


def _first(limit: int, *works: AnySelect) -> AnySelect:
    return select(union_all(*works).subquery()).limit(limit)


async def list_known_words(session: AsyncSession, *, words: Collection[str]) -> set[str]:
    """Return those of the words that the catalogue has."""
    given = cast(list(words), ARRAY(Text))
    return set(await session.scalars(select(SearchWord.word).where(SearchWord.word == any_(given))))


async def list_similar_words(
    session: AsyncSession, *, words: Collection[str], limit: int
) -> Sequence[tuple[str, str]]:
    """Return pairs of a given word and a word of the catalogue that looks or sounds like it."""
    wanted = (
        func.unnest(cast(list(words), ARRAY(Text))).table_valued("word").render_derived("wanted")
    )
    typed, known = wanted.c.word, SearchWord.word
    similar = (
        select(known)
        .where(
            or_(
                known.bool_op("%")(typed),
                func.dmetaphone(known) == func.nullif(func.dmetaphone(typed), ""),
            ),
            func.length(known).between(
                func.length(typed) - LETTERS_LONGER_OR_SHORTER,
                func.length(typed) + LETTERS_LONGER_OR_SHORTER,
            ),
        )
        .order_by(func.levenshtein(known, typed), func.similarity(known, typed).desc(), known)
        .limit(limit)
        .lateral("similar")
    )
    statement = select(typed, similar.c.word).join(similar, true())
    return [(word, found) for word, found in await session.execute(statement)]
