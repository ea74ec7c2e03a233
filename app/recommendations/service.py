"""What is recommended beside a book, and why."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import picks, rankings
from app.books.rankings import RankedWork
from app.core.config import Settings
from app.core.keyset import AnyRow, AnySelect
from app.core.market import shop_market
from app.core.pagination import PageQuery, Slice
from app.recommendations import repository
from app.recommendations.errors import ListNotFoundError
from app.recommendations.models import Period
from app.recommendations.schemas import (
    GroupKind,
    ListedBook,
    ListName,
    ListPage,
    ListRead,
    RecommendationGroup,
    RecommendedBook,
)

GROUP_BOOKS = 8
"""How many books a group has at the most."""

MAX_EXACT_TOTAL = 1_000

TITLES: Mapping[GroupKind, str] = {
    GroupKind.NEXT_IN_SERIES: "Next in the series",
    GroupKind.ALSO_BOUGHT: "Readers also bought",
    GroupKind.SAME_AUTHOR: "More by this author",
    GroupKind.SIMILAR_SUBJECTS: "On similar subjects",
}

RANKINGS: Mapping[GroupKind, Callable[[], AnySelect]] = {
    GroupKind.NEXT_IN_SERIES: rankings.next_in_series,
    GroupKind.ALSO_BOUGHT: repository.also_bought,
    GroupKind.SAME_AUTHOR: rankings.same_author,
    GroupKind.SIMILAR_SUBJECTS: rankings.similar_subjects,
}

REASONS: Mapping[GroupKind, Callable[[AnyRow], str]] = {
    GroupKind.NEXT_IN_SERIES: lambda facts: f"{facts.via}, no. {facts.number}",
    GroupKind.ALSO_BOUGHT: lambda facts: f"{facts.support} readers of this book also chose it",
    GroupKind.SAME_AUTHOR: lambda facts: f"Also by {facts.via}",
    GroupKind.SIMILAR_SUBJECTS: lambda facts: f"Also about: {facts.via}",
}

LISTS: Sequence[ListRead] = (
    ListRead(
        name=ListName.BESTSELLERS_WEEK,
        title="Bestsellers of the week",
        description="What sold best in the last seven days.",
    ),
    ListRead(
        name=ListName.BESTSELLERS_MONTH,
        title="Bestsellers of the month",
        description="What sold best in the last thirty days.",
    ),
    ListRead(name=ListName.NEW, title="New books", description="Published in the last sixty days."),
    ListRead(
        name=ListName.COMING_SOON,
        title="Coming soon",
        description="What will be published in the next four months.",
    ),
    ListRead(
        name=ListName.STAFF_PICKS,
        title="Staff picks",
        description="What the people of the shop recommend, and why.",
    ),
)

PERIODS: Mapping[ListName, Period] = {
    ListName.BESTSELLERS_WEEK: Period.WEEK,
    ListName.BESTSELLERS_MONTH: Period.MONTH,
}


async def recommend(session: AsyncSession, *, book_id: int) -> list[RecommendationGroup]:
    """Return what may please whoever looks at a book, in groups by the kind of reason.

    Only what can be bought now, of each work one edition, and no work twice. Groups without a book
    are left out.

    Raises:
        BookNotFoundError: no such book, or not sold.
    """
    work_id = await rankings.get_work_id(session, book_id=book_id)
    shown: set[int] = set()
    groups = []
    for kind, title in TITLES.items():
        works = await rankings.list_ranked_works(
            session,
            ranking=RANKINGS[kind](),
            work_id=work_id,
            except_work_ids=shown,
            limit=GROUP_BOOKS,
        )
        shown.update(work.work_id for work in works)
        if works:
            items = [_explained(work, REASONS[kind]) for work in works]
            groups.append(RecommendationGroup(kind=kind, title=title, items=items))
    return groups


def get_list(name: str) -> ListRead:
    """Return a list by its name.

    Raises:
        ListNotFoundError: there is none of that name.
    """
    for known in LISTS:
        if known.name == name:
            return known
    raise ListNotFoundError


async def read_list(
    session: AsyncSession, *, name: str, query: PageQuery, now: datetime, settings: Settings
) -> ListPage:
    """Return a page of a list.

    Raises:
        ListNotFoundError: there is none of that name.
        CursorError: not a cursor of this list.
    """
    known = get_list(name).name
    if known is ListName.STAFF_PICKS:
        return await _read_picks(session, query=query)
    market = shop_market(now=now, settings=settings)
    limit = MAX_EXACT_TOTAL + 1
    if known is ListName.NEW:
        found, count = await rankings.list_new(session, market=market, query=query, count_to=limit)
    elif known is ListName.COMING_SOON:
        found, count = await rankings.list_coming_soon(
            session, market=market, query=query, count_to=limit
        )
    else:
        found, count = await rankings.list_ranked_books(
            session,
            ranking=repository.bestsellers(period=PERIODS[known]),
            name=known.value,
            query=query,
            count_to=limit,
        )
    return _page(found.map(ListedBook.model_validate), count, query)


async def _read_picks(session: AsyncSession, *, query: PageQuery) -> ListPage:
    page = await picks.list_picks(session, query=query)
    return ListPage(
        items=[
            ListedBook(**dict(pick.book), note=pick.note, picked_by=pick.picked_by)
            for pick in page.items
        ],
        total=page.total,
        total_is_exact=True,
        page=page.page,
        size=page.size,
        next_cursor=page.next_cursor,
        previous_cursor=page.previous_cursor,
    )


def _page(found: Slice[ListedBook], count: int, query: PageQuery) -> ListPage:
    return ListPage(
        items=list(found.rows),
        total=min(count, MAX_EXACT_TOTAL),
        total_is_exact=count <= MAX_EXACT_TOTAL,
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


def _explained(work: RankedWork, reason: Callable[[AnyRow], str]) -> RecommendedBook:
    return RecommendedBook(**dict(work.book), reason=reason(work.facts))
