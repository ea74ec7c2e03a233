"""What a shopper may be about to type: works, people and series, while the last word is unfinished.

All come from the most read works that have the words, so that one look into the search's index is
enough; where there are none, the last word may have a wrong letter.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import search
from app.books.isbn import looks_like_isbn
from app.books.repository import BookFilter
from app.books.repository import search as search_repository
from app.books.schemas import Suggestion, SuggestionKind
from app.books.spelling import one_letter_off
from app.core.keyset import AnyRow

WORKS = 60
"""So many works are looked at for people and series."""

NAMED = 24
WORKS_SHOWN = 6
OTHERS_SHOWN = 3
SHORTEST_MISSPELT = 4
BEGINNINGS = 40


async def suggest(session: AsyncSession, *, text: str) -> list[Suggestion]:
    """Return works, people and series with all the words, the last of which may go on.

    An ISBN suggests its book.
    """
    text = text.strip()[: search.MAX_CHARACTERS]
    if looks_like_isbn(text):
        outcome = await search.find_books(session, text=text, books=BookFilter())
        rows = await search_repository.list_works_of(session, book_ids=outcome.book_ids)
        return [_work(row) for row in rows]
    words: Sequence[str] = await search.split_words(session, text)
    if not words:
        return []
    rows = await search.list_beginning_so(session, words=words, limit=WORKS)
    if not rows and len(words[-1]) >= SHORTEST_MISSPELT:
        words = await _repair(session, words)
        rows = await search.list_beginning_so(session, words=words, limit=WORKS)
    named = await search_repository.list_named(
        session, work_ids=[row.work_id for row in rows], limit=NAMED
    )
    titled = [row for row in rows if _has(row.folded_title, words)]
    others = [row for row in rows if not _has(row.folded_title, words)]
    return [
        *map(_work, [*titled, *others][:WORKS_SHOWN]),
        *islice(_matching(named, words, SuggestionKind.PERSON), OTHERS_SHOWN),
        *islice(_matching(named, words, SuggestionKind.SERIES), OTHERS_SHOWN),
    ]


def _work(row: AnyRow) -> Suggestion:
    return Suggestion(
        kind=SuggestionKind.WORK,
        id=row.work_id,
        text=row.title,
        author=row.author,
        book_id=row.book_id,
    )


def _matching(
    named: Iterable[AnyRow], words: Sequence[str], kind: SuggestionKind
) -> Iterator[Suggestion]:
    for row in named:
        if row.kind == kind and _has(row.folded, words):
            yield Suggestion(kind=kind, id=row.id, text=row.name)


def _has(folded: str, words: Sequence[str]) -> bool:
    """Tell whether a folded text has the words, the last one unfinished."""
    found = folded.split()
    return all(word in found for word in words[:-1]) and any(
        word.startswith(words[-1]) for word in found
    )


async def _repair(session: AsyncSession, words: Sequence[str]) -> Sequence[str]:
    """Return what was probably meant; of the last word only the beginning need be right."""
    *whole, last = words
    forms = {form for form in one_letter_off(last) if len(form) >= SHORTEST_MISSPELT - 1}
    begun = await search_repository.list_begun(session, beginnings=forms, limit=BEGINNINGS)
    readings = {search.beginning_query([*whole, form]): [*whole, form] for form in begun}
    fame = await search_repository.list_fame(session, queries=list(readings))
    if fame:
        return readings[
            max(fame, key=lambda query: (readings[query][-1][0] == last[0], fame[query]))
        ]
    return await search.repair(session, words) or words
