"""From what somebody typed to the books that were meant.

An ISBN is a book. Else every word must be in title, subtitle, author or series; the last one may
be unfinished. When nothing has them all, words are replaced by words of the catalogue that look
alike, the likeliest replacement first, until something is found.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import repository, search_repository
from app.books.errors import InvalidIsbnError
from app.books.isbn import looks_like_isbn, parse_isbn
from app.books.repository import BookFilter
from app.books.spelling import is_repairable, read_words, split_in_two, swap_neighbours

MAX_CHARACTERS = 200
MAX_WORDS = 12
MAX_CANDIDATES = 500

SIMILAR_WORDS = 30
"""How many of the catalogue's words are looked at for a word that may be misspelt."""


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """Ids of the books found, the best first, at most ``MAX_CANDIDATES``.

    ``corrected_query`` is what was searched for instead, when nothing was found for the words
    as they were typed.
    """

    book_ids: Sequence[int]
    is_complete: bool
    corrected_query: str | None = None


async def find_books(session: AsyncSession, *, text: str, books: BookFilter) -> SearchOutcome:
    """Search among the books of the filter.

    Only the first ``MAX_CHARACTERS`` and ``MAX_WORDS`` of the text count. The most read books
    that match are taken and ranked; beyond ``MAX_CANDIDATES`` the outcome is not complete.
    """
    text = text.strip()[:MAX_CHARACTERS]
    if looks_like_isbn(text):
        return await _find_isbn(session, text=text, books=books)
    words = await split_words(session, text)
    outcome = await _find_words(session, words=words, books=books)
    if outcome.book_ids or not words:
        return outcome
    meant = await _repair(session, words)
    if meant is None or meant == words:
        return outcome
    outcome = await _find_words(session, words=meant, books=books)
    return replace(outcome, corrected_query=" ".join(meant))


async def split_words(session: AsyncSession, text: str) -> tuple[str, ...]:
    """Return the first words of the text, as the search's documents are written."""
    folded = await search_repository.fold_query(session, text[:MAX_CHARACTERS])
    return tuple(folded.split()[:MAX_WORDS])


def author_query(words: Sequence[str]) -> str | None:
    """Return the tsquery for authors with words that begin so."""
    return " & ".join(f"'{word}':*B" for word in words) or None


def words_query(words: Sequence[str]) -> str:
    """Return the tsquery for all of the words, of which the last may be unfinished."""
    whole = dict.fromkeys(words[:-1])
    return " & ".join([*(f"'{word}'" for word in whole), f"'{words[-1]}':*"])


async def _find_isbn(session: AsyncSession, *, text: str, books: BookFilter) -> SearchOutcome:
    try:
        books = replace(books, isbn=parse_isbn(text))
    except InvalidIsbnError:
        return SearchOutcome(book_ids=[], is_complete=True)
    return SearchOutcome(book_ids=await repository.list_ids(session, books=books), is_complete=True)


async def _find_words(
    session: AsyncSession, *, words: Sequence[str], books: BookFilter
) -> SearchOutcome:
    if not words:
        return SearchOutcome(book_ids=[], is_complete=True)
    found = await search_repository.rank_books(
        session,
        books=books,
        words=words_query(words),
        folded=" ".join(words),
        limit=MAX_CANDIDATES,
    )
    return SearchOutcome(book_ids=found, is_complete=len(found) < MAX_CANDIDATES)


async def _repair(session: AsyncSession, words: Sequence[str]) -> tuple[str, ...] | None:
    """Return the likeliest words that find something: least changed, then most read."""
    typed = {word for word in words if is_repairable(word)}
    forms = {form for word in typed for form in swap_neighbours(word)}
    forms |= {part for word in typed for parts in split_in_two(word) for part in parts}
    known = await search_repository.list_known_words(session, words=forms)
    similar: defaultdict[str, set[str]] = defaultdict(set)
    for word, other in await search_repository.list_similar_words(
        session, words=typed, limit=SIMILAR_WORDS
    ):
        similar[word].add(other)
    readings = {
        words_query(reading.words): reading
        for reading in read_words(words, similar=similar, known=known)
    }
    fame = await search_repository.list_fame(session, queries=list(readings))
    best = min(fame, key=lambda query: (readings[query].cost, -fame[query]), default=None)
    return readings[best].words if best else None
