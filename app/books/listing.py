"""Lists of books: filtered, searched, sorted, and in pages by number or by cursor."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import highlights, repository, search
from app.books.catalogue import spell_code
from app.books.facets import count_facets, without_own
from app.books.queries import BookQuery, BookSort, FacetName, SortDirection
from app.books.repository import BookFilter
from app.books.schemas import BookPage, BookSummary, FacetValue, Highlights
from app.books.search import SearchOutcome
from app.core.pagination import Slice, Window, write_cursor

MAX_EXACT_TOTAL = 1_000
ASCENDING_BY_NATURE = {BookSort.TITLE, BookSort.PRICE}
NO_GENRE = 0
"""The id of no genre, so that no book is in it."""

BY_RELEVANCE = "books by relevance"


async def list_books(session: AsyncSession, *, query: BookQuery) -> BookPage:
    """Return a page of the books that are asked for.

    ``total`` is exact to a thousand books, or to as many as a search ranks; ``total_is_exact``
    tells. A search for which nothing is found is repeated with its spelling repaired.

    Raises:
        CursorError: the cursor is not of this order, or a page is numbered beside it.
    """
    window = query.window(_order_name(query))
    query = await _with_genre_id(session, query)
    author = await search.split_words(session, query.author) if query.author else ()
    if query.author and not author:  # nothing but punctuation is nobody's name
        return BookPage(
            items=[],
            total=0,
            total_is_exact=True,
            page=query.page,
            size=query.size,
            facets=None if query.facets is None else {facet: [] for facet in query.facets},
        )
    books = BookFilter(
        author=search.author_query(author),
        genre_id=query.genre_id,
        subject_ids=await _subject_ids(session, query),
        contributor_id=query.contributor_id,
        series_id=query.series_id,
        publisher_id=query.publisher_id,
        languages=query.language,
        formats=query.format,
        min_price=query.min_price,
        max_price=query.max_price,
        in_stock=query.in_stock,
        published_from=query.published_from,
        published_to=query.published_to,
        min_rating=query.min_rating,
    )
    if query.q is not None:
        return await _list_found(session, text=query.q, query=query, books=books, window=window)
    count = await repository.count_books(session, books=books, limit=MAX_EXACT_TOTAL + 1)
    found = await _list_sorted(session, query=query, books=books, window=window)
    facets = None
    if query.facets is not None:
        facets = await count_facets(
            session,
            query=query,
            lists={facet: without_own(books, facet) for facet in query.facets},
            are_complete=True,
        )
    return BookPage(
        items=found.rows,
        total=min(count, MAX_EXACT_TOTAL),
        total_is_exact=count <= MAX_EXACT_TOTAL,
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
        facets=facets,
    )


async def _with_genre_id(session: AsyncSession, query: BookQuery) -> BookQuery:
    """Return the query with the id of the genre that it names by slug, if it does."""
    if query.genre is None:
        return query
    named = await repository.find_genre_id(session, slug=query.genre)
    is_meant = named is not None and query.genre_id in {None, named}
    return query.model_copy(update={"genre_id": named if is_meant else NO_GENRE})


async def _subject_ids(session: AsyncSession, query: BookQuery) -> Sequence[int] | None:
    if query.subject is None:
        return None
    return await repository.list_subject_ids(
        session, scheme=query.subject_scheme, code=spell_code(query.subject)
    )


async def _list_found(
    session: AsyncSession, *, text: str, query: BookQuery, books: BookFilter, window: Window
) -> BookPage:
    outcome = await search.find_books(session, text=text, books=books)
    if _is_by_relevance(query):
        found = await _list_ranked(session, outcome.book_ids, window)
    else:
        among_found = BookFilter(book_ids=outcome.book_ids)
        found = await _list_sorted(session, query=query, books=among_found, window=window)
    facets = None
    if query.facets is not None:
        facets = await _count_found(session, outcome, text=text, query=query, books=books)
    return BookPage(
        items=found.rows,
        total=len(outcome.book_ids),
        total_is_exact=outcome.is_complete,
        corrected_query=outcome.corrected_query,
        suggested_query=outcome.suggested_query,
        highlights=await _highlight(session, found.rows, words=outcome.words),
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
        facets=facets,
    )


async def _highlight(
    session: AsyncSession, books: Sequence[BookSummary], *, words: Sequence[str]
) -> dict[int, Highlights]:
    """Return where the books of a page have the words that were searched for."""
    if not words or not books:
        return {}
    texts = [text for book in books for text in (book.title, book.author, book.series) if text]
    folded = await search.fold_texts(session, texts=highlights.list_words(texts))

    def ranges(text: str | None) -> list[tuple[int, int]]:
        return highlights.find_ranges(text or "", folded=folded, words=words)

    return {
        book.id: Highlights(
            title=ranges(book.title), author=ranges(book.author), series=ranges(book.series)
        )
        for book in books
    }


async def _count_found(
    session: AsyncSession,
    outcome: SearchOutcome,
    *,
    text: str,
    query: BookQuery,
    books: BookFilter,
) -> dict[FacetName, list[FacetValue]]:
    """Count facets among what a search finds; it is repeated for those of which some is chosen."""
    lists = {}
    are_complete = outcome.is_complete
    for facet in query.facets or ():
        others = without_own(books, facet)
        found = outcome
        if others != books:
            words = outcome.corrected_query or text
            found = await search.find_books(session, text=words, books=others)
        are_complete = are_complete and found.is_complete
        lists[facet] = BookFilter(book_ids=tuple(found.book_ids))
    return await count_facets(session, query=query, lists=lists, are_complete=are_complete)


async def _list_sorted(
    session: AsyncSession, *, query: BookQuery, books: BookFilter, window: Window
) -> Slice[BookSummary]:
    order = repository.book_order(*_sort_and_direction(query))
    found = await repository.list_books(session, books=books, order=order, window=window)
    return found.map(BookSummary.model_validate)


async def _list_ranked(
    session: AsyncSession, book_ids: Sequence[int], window: Window
) -> Slice[BookSummary]:
    """Return a window of what a search ranked.

    A cursor names the book and the place that it had, in case the search no longer finds it.
    """
    start, stop = window.offset, window.offset + window.limit
    if window.position is not None:
        place, book_id = window.position.values
        edge = book_ids.index(book_id) if book_id in book_ids else int(str(place))
        if window.position.is_before:
            start, stop = max(0, edge - window.limit), edge
        else:
            start = edge + (book_id in book_ids)
            stop = start + window.limit
    shown = book_ids[start:stop]
    rows = {row.id: row for row in await repository.list_summaries(session, book_ids=shown)}

    def cursor(place: int, *, is_before: bool) -> str:
        return write_cursor(BY_RELEVANCE, (place, book_ids[place]), is_before=is_before)

    return Slice(
        rows=[BookSummary.model_validate(rows[book_id]) for book_id in shown if book_id in rows],
        next_cursor=cursor(stop - 1, is_before=False) if 0 < stop < len(book_ids) else None,
        previous_cursor=cursor(start, is_before=True) if shown and start > 0 else None,
    )


def _is_by_relevance(query: BookQuery) -> bool:
    return query.q is not None and query.sort in {None, BookSort.RELEVANCE}


def _sort_and_direction(query: BookQuery) -> tuple[BookSort, SortDirection]:
    sort = BookSort.BESTSELLING if query.sort in {None, BookSort.RELEVANCE} else query.sort
    natural = SortDirection.ASCENDING if sort in ASCENDING_BY_NATURE else SortDirection.DESCENDING
    return sort, query.sort_dir or natural


def _order_name(query: BookQuery) -> str:
    if _is_by_relevance(query):
        return BY_RELEVANCE
    return repository.book_order(*_sort_and_direction(query)).name
