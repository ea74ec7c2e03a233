"""From what somebody typed to the books that were meant.

An ISBN is a book. Else every word must be in title, subtitle, author or series; the last one may
be unfinished where few books have it as it is. Books whose blurb has the words follow when there
are few others. When nothing has them all, words are replaced by words of the catalogue, the
likeliest first, until something is found.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import repository
from app.books.errors import InvalidIsbnError
from app.books.isbn import looks_like_isbn, parse_isbn
from app.books.repository import BookFilter
from app.books.repository import search as search_repository
from app.books.repository.search import Found
from app.books.spelling import (
    SHORTEST_FUZZY_WORD,
    Choice,
    Slots,
    combine,
    is_repairable,
    join_neighbours,
    join_words,
    leave_one_out,
    one_letter_off,
    read_word,
    split_in_two,
)
from app.core.keyset import AnyRow

MAX_CHARACTERS = 200
MAX_WORDS = 12
MAX_FOUND = 1_000
"""So many books are found at the most, the most read ones; so far totals are exact."""

FEW = 5
ENOUGH_WORDS = 3
"""With fewer books the last word may also be the beginning of another; then blurbs are searched,
and another spelling may be suggested. Not so where a book has this title or author, or so many
words: then it was found."""

CLEARLY_MORE = 5
"""A spelling is suggested that finds so many times as much."""

MAX_DESCRIBED = 200
DESCRIPTIONS_READ = 1_000
SHORTEST_INDEXED_BEGINNING = 3
MANY_BEGUN = 300
MANY_BEGUN_FOR_A_FEW = 100
"""With so many words that begin so, a good part of all works has one: enough of them that looking
through the most read works finds as many as are wanted sooner than the index does."""

MAX_REPAIRED_WORDS = 6
MAX_DOUBTED_WORDS = 8
LONGEST_SUGGESTION = 4
FEWEST_WORDS_TO_LEAVE_ONE_OUT = 3
READINGS = 60
READINGS_OF_MANY_WORDS = 16
MANY_WORDS = 5
"""So many ways to read a query are tried at once, and fewer where each asks for many words."""

MOST_WORDS_TO_LEAVE_ONE_OUT = 8

SIMILAR_WORDS = 30
"""How many of the catalogue's words are looked at for a word that may be misspelt."""


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """Ids of the books found, the best first, at most ``MAX_FOUND``.

    ``corrected_query`` is what was searched for instead, when nothing was found for the words
    as they were typed; ``suggested_query`` what would find clearly more, when little was.
    ``words`` are those that were searched for, folded.
    """

    book_ids: Sequence[int]
    is_complete: bool
    corrected_query: str | None = None
    suggested_query: str | None = None
    words: Sequence[str] = field(default=(), compare=False)


async def find_books(session: AsyncSession, *, text: str, books: BookFilter) -> SearchOutcome:
    """Search among the books of the filter.

    Only the first ``MAX_CHARACTERS`` and ``MAX_WORDS`` of the text count. The most read books
    that match are taken and ranked; beyond ``MAX_FOUND`` the outcome is not complete.
    """
    text = text.strip()[:MAX_CHARACTERS]
    if looks_like_isbn(text):
        return await _find_isbn(session, text=text, books=books)
    words = await split_words(session, text)
    if not words:
        return SearchOutcome(book_ids=[], is_complete=True)
    found = await _find_words(session, words=words, books=books)
    outcome = _outcome(found, words)
    if _is_found(found, words):
        return outcome
    described = await _find_described(session, words=words, books=books, found=found)
    if not found.book_ids and not described:
        return await _find_meant(session, words=words, books=books) or outcome
    return replace(
        outcome,
        book_ids=[*outcome.book_ids, *described],
        suggested_query=await _suggest(session, words=words, books=books, found=found),
    )


async def split_words(session: AsyncSession, text: str) -> tuple[str, ...]:
    """Return the first words of the text, as the search's documents are written."""
    folded = await search_repository.fold_query(session, text[:MAX_CHARACTERS])
    return tuple(folded.split()[:MAX_WORDS])


async def fold_texts(session: AsyncSession, *, texts: Collection[str]) -> dict[str, str]:
    """Return how each of the texts is written in the search's documents."""
    return await search_repository.fold_texts(session, texts=texts)


def author_query(words: Sequence[str]) -> str | None:
    """Return the tsquery for authors with words that begin so."""
    return " & ".join(f"'{word}':*B" for word in words) or None


def words_query(words: Sequence[str]) -> str:
    """Return the tsquery for all of the words."""
    return " & ".join(f"'{word}'" for word in dict.fromkeys(words))


def beginning_query(words: Sequence[str]) -> str:
    """Return the tsquery for all of the words, of which the last may be unfinished."""
    *whole, last = words
    return " & ".join(part for part in (words_query(whole), _beginning(last)) if part)


def _is_found(found: Found, words: Sequence[str]) -> bool:
    """Tell whether what was meant is likely among what was found."""
    return (
        len(found.book_ids) >= FEW
        or found.has_named
        or (len(found.book_ids) > 0 and len(words) >= ENOUGH_WORDS)
    )


def _beginning(word: str) -> str:
    return f"'{word}':*"


def _outcome(found: Found, words: Sequence[str]) -> SearchOutcome:
    return SearchOutcome(
        book_ids=found.book_ids[:MAX_FOUND],
        is_complete=len(found.book_ids) <= MAX_FOUND and not found.is_cut,
        words=words,
    )


async def _find_isbn(session: AsyncSession, *, text: str, books: BookFilter) -> SearchOutcome:
    try:
        books = replace(books, isbn=parse_isbn(text))
    except InvalidIsbnError:
        return SearchOutcome(book_ids=[], is_complete=True)
    return SearchOutcome(book_ids=await repository.list_ids(session, books=books), is_complete=True)


async def _find_words(session: AsyncSession, *, words: Sequence[str], books: BookFilter) -> Found:
    """Return books with all the words; with few of them, those where the last word goes on."""
    found = await _rank(session, words=words, books=books, query=words_query(words))
    if _is_found(found, words):
        return found
    query, beginning = await _unfinished(session, words, many=MANY_BEGUN)
    return await _rank(session, words=words, books=books, query=query, beginning=beginning)


async def list_beginning_so(
    session: AsyncSession, *, words: Sequence[str], limit: int
) -> Sequence[AnyRow]:
    """Return the most read works that have the words, the last of which may be unfinished."""
    query, beginning = await _unfinished(session, words, many=MANY_BEGUN_FOR_A_FEW)
    return await search_repository.list_famous(
        session, words=query, beginning=beginning, limit=limit
    )


async def _unfinished(
    session: AsyncSession, words: Sequence[str], *, many: int
) -> tuple[str, str | None]:
    """Return a tsquery for the index, and one for what is looked for in the works themselves.

    The index would have to collect a good part of all works for a beginning of a letter or two.
    """
    *whole, last = words
    begun = await search_repository.count_begun(session, beginning=last, limit=many)
    if begun < many:
        return beginning_query(words), None
    return words_query(whole), _beginning(last)


async def _rank(
    session: AsyncSession,
    *,
    words: Sequence[str],
    books: BookFilter,
    query: str,
    beginning: str | None = None,
) -> Found:
    async def rank(*, is_exact: bool) -> Found:
        return await search_repository.rank_books(
            session,
            books=books,
            words=query,
            beginning=beginning,
            folded=" ".join(words),
            authors=" & ".join(f"'{word}':B" for word in words),
            limit=MAX_FOUND + 1,
            is_exact=is_exact,
        )

    if not books.is_broad():
        return await rank(is_exact=True)
    found = await rank(is_exact=False)
    is_doubtful = books != BookFilter() and len(found.book_ids) < FEW
    return await rank(is_exact=True) if is_doubtful else found


async def _find_described(
    session: AsyncSession, *, words: Sequence[str], books: BookFilter, found: Found
) -> list[int]:
    described = await search_repository.list_described(
        session,
        books=books,
        words=words_query(words),
        limit=MAX_DESCRIBED,
        reads=DESCRIPTIONS_READ,
    )
    known = set(found.book_ids)
    return [book_id for book_id in described if book_id not in known]


async def _find_meant(
    session: AsyncSession, *, words: Sequence[str], books: BookFilter
) -> SearchOutcome | None:
    """Search for what was probably meant; ``None`` if nothing is likely."""
    meant = await repair(session, words)
    if meant is None or meant == words:
        return None
    found = await _find_words(session, words=meant, books=books)
    return replace(_outcome(found, meant), corrected_query=" ".join(meant))


async def _suggest(
    session: AsyncSession, *, words: Sequence[str], books: BookFilter, found: Found
) -> str | None:
    """Return a spelling that finds clearly more than what was typed, which found little."""
    if len(words) > LONGEST_SUGGESTION:
        return None
    known = await _look_up(session, [*words, *join_neighbours(words)])
    unknown = [word for word in words if word not in known and is_repairable(word)]
    choices = await _doubt(session, words, unknown, known)
    meant = await _read(session, join_words(words, choices, known), except_for=words)
    if meant is None:
        return None
    more = await _rank(session, words=meant, books=books, query=words_query(meant))
    return (
        " ".join(meant)
        if len(more.book_ids) >= CLEARLY_MORE * max(len(found.book_ids), 1)
        else None
    )


async def repair(session: AsyncSession, words: Sequence[str]) -> tuple[str, ...] | None:
    """Return the words of the catalogue that were probably meant.

    First words that it does not have are doubted, one wrong letter at a time; then all words, and
    words are looked for that are less alike; at last one word may be left out.
    """
    known = await _look_up(session, [*words, *join_neighbours(words)])
    unknown = [word for word in words if word not in known and is_repairable(word)]
    if len(unknown) > MAX_REPAIRED_WORDS or (not unknown and len(words) > MAX_DOUBTED_WORDS):
        return None
    known |= await _look_up_others(session, unknown)
    slots = _slots(words, [read_word(word, known=known) for word in words])
    meant = await _read(session, join_words(words, slots, known))
    if meant is not None:
        return meant
    slots = _slots(words, await _doubt(session, words, unknown, known))
    meant = await _read(session, join_words(words, slots, known))
    if meant is None and FEWEST_WORDS_TO_LEAVE_ONE_OUT <= len(words) <= MOST_WORDS_TO_LEAVE_ONE_OUT:
        meant = await _read(session, leave_one_out(slots))
    return meant


async def _doubt(
    session: AsyncSession, words: Sequence[str], unknown: Sequence[str], known: set[str]
) -> list[list[Choice]]:
    """Return choices for all words, also for those that the catalogue has; ``known`` grows."""
    if len(words) <= MAX_DOUBTED_WORDS:
        known |= await _look_up_others(session, set(words) - set(unknown))
    fuzzy = [word for word in unknown if len(word) >= SHORTEST_FUZZY_WORD]
    similar = defaultdict(set)
    if fuzzy:
        for word, other in await search_repository.list_similar_words(
            session, words=fuzzy, limit=SIMILAR_WORDS
        ):
            similar[word].add(other)
    return [read_word(word, known=known, similar=similar[word], doubted=True) for word in words]


async def _look_up_others(session: AsyncSession, words: Collection[str]) -> set[str]:
    """Return those words of the catalogue that differ in a letter or are a part of the word."""
    forms = {form for word in words for form in one_letter_off(word)}
    forms |= {part for word in words for parts in split_in_two(word) for part in parts}
    return await _look_up(session, forms)


async def _look_up(session: AsyncSession, words: Collection[str]) -> set[str]:
    if not words:
        return set()
    return await search_repository.list_known_words(session, words=words)


def _slots(words: Sequence[str], choices: Sequence[list[Choice]]) -> Slots:
    """Return the choices for each word; the last may also be the beginning of any other."""
    last = words[-1]
    if len(last) < SHORTEST_INDEXED_BEGINNING:
        return choices
    return [*choices[:-1], [*choices[-1], Choice(0, (last,), is_beginning=True)]]


async def _read(
    session: AsyncSession, ways: Sequence[Slots], *, except_for: Sequence[str] = ()
) -> tuple[str, ...] | None:
    """Return the words of the likeliest reading that a work has: least changed, then most read."""
    limit = READINGS_OF_MANY_WORDS if len(ways[0]) >= MANY_WORDS else READINGS
    likely = {
        _reading_query(reading): reading
        for reading in combine(ways, limit=limit)
        if reading.words != except_for
    }
    if not likely:
        return None
    fame = await search_repository.list_fame(session, queries=list(likely))
    best = min(fame, key=lambda query: (likely[query].cost, -fame[query]), default=None)
    return likely[best].words if best else None


def _reading_query(reading: Choice) -> str:
    if reading.is_beginning:
        return beginning_query(reading.words)
    return words_query(reading.words)
