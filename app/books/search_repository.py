"""SQL for the search: folding, ranking, and the vocabulary against which spelling is repaired."""

from collections.abc import Collection, Sequence

from sqlalchemy import REAL, Text, any_, case, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, SearchWord, Work
from app.books.queries import BookSort, SortDirection
from app.books.repository import SEARCH_CONFIGURATION, BookFilter, matches, order_by

RANK_WEIGHTS = (0.1, 0.3, 0.6, 1.0)
"""What a word counts in a subtitle, a series, a name and a title (D, C, B, A)."""

RANK_BY_LENGTH = 1
"""``ts_rank``'s flag: a short title that has the words comes before a long one."""

EXACT_TITLE_BOOST = 4.0
TITLE_BEGINNING_BOOST = 1.5
FAME_EXPONENT = 0.25
"""A book that is read 16 times as much as another comes first if it matches half as well."""


async def fold_query(session: AsyncSession, text: str) -> str:
    """Return the text as the search's documents are written: plain words, one space between.

    From here to the end of the transaction every statement is planned for its own words: a plan
    that suits rare words reads the whole table for common ones, and the other way round.
    """
    statement = select(
        func.search_fold(text), func.set_config("plan_cache_mode", "force_custom_plan", true())
    )
    return str((await session.execute(statement)).one()[0])


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
        .order_by(*order_by(BookSort.BESTSELLING, SortDirection.DESCENDING))
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
    fame = func.power(func.greatest(candidates.c.popularity, 1), FAME_EXPONENT)
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
