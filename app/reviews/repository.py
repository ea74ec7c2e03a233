"""SQL for reviews. Works' ratings follow by the triggers in ``app.reviews.models``."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, Text, case, cast, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import AnyRow, AnySelect, Order, read_objects
from app.core.pagination import Slice, Window
from app.reviews.models import Review, ReviewStatus
from app.reviews.schemas import AdminReviewQuery, ReviewSort, SortDirection

T = TypeVar("T")

NEWEST_FIRST = Order(name="reviews by id", keys=(Review.id.expression,), is_descending=True)
PRESENT = Review.deleted_at.is_(None)

WRONG_RATINGS = text("""
    WITH counted AS (
      SELECT work_id, sum(rating) AS sum, count(*) AS count, ARRAY[
        count(*) FILTER (WHERE rating = 1), count(*) FILTER (WHERE rating = 2),
        count(*) FILTER (WHERE rating = 3), count(*) FILTER (WHERE rating = 4),
        count(*) FILTER (WHERE rating = 5)]::integer[] AS histogram
      FROM reviews WHERE deleted_at IS NULL AND status = 'published' GROUP BY work_id
    )
    SELECT works.id, works.rating_count, works.rating_sum, works.rating_histogram,
      coalesce(counted.count, 0) AS reviews
    FROM works LEFT JOIN counted ON counted.work_id = works.id
    WHERE works.rating_sum <> coalesce(counted.sum, 0)
      OR works.rating_count <> coalesce(counted.count, 0)
      OR works.rating_histogram <> coalesce(counted.histogram, '{0,0,0,0,0}')
    ORDER BY works.id LIMIT :limit
""")

STRAYED = text("""
    SELECT reviews.id, reviews.work_id, books.work_id AS work_of_book
    FROM reviews JOIN books ON books.id = reviews.book_id
    WHERE reviews.work_id <> books.work_id ORDER BY reviews.id LIMIT :limit
""")


def staff_order(query: AdminReviewQuery) -> Order:
    """Return the order that staff ask for."""
    column = Review.rating if query.sort_by is ReviewSort.RATING else Review.created_at
    return Order(
        name=f"all reviews by {query.sort_by} {query.sort_dir}",
        keys=(column.expression, Review.id.expression),
        is_descending=query.sort_dir is SortDirection.DESCENDING,
    )


async def insert_review(session: AsyncSession, values: Mapping[str, Any]) -> Review | None:
    """Write a review; ``None`` when the reader has one of the work."""
    statement = insert(Review).values(**values).on_conflict_do_nothing().returning(Review)
    return (await session.scalars(statement)).one_or_none()


async def find_review(session: AsyncSession, review_id: int) -> Review | None:
    """Return a review that was not deleted."""
    statement = (
        select(Review)
        .where(Review.id == review_id, PRESENT)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_own(session: AsyncSession, *, user_id: int, work_id: int) -> Review | None:
    """Return what a reader says of a work."""
    statement = select(Review).where(Review.user_id == user_id, Review.work_id == work_id, PRESENT)
    return (await session.scalars(statement)).one_or_none()


async def list_public(session: AsyncSession, *, work_id: int, window: Window) -> Slice[Review]:
    """Return what everybody may read of a work, the newest first."""
    statement = select(Review).where(
        Review.work_id == work_id, PRESENT, Review.status == ReviewStatus.PUBLISHED
    )
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def list_own(session: AsyncSession, *, user_id: int, window: Window) -> Slice[Review]:
    """Return a reader's reviews, the newest first."""
    statement = select(Review).where(Review.user_id == user_id, PRESENT)
    return await read_objects(session, statement, order=NEWEST_FIRST, window=window)


async def list_all(session: AsyncSession, *, query: AdminReviewQuery) -> Slice[Review]:
    """Return the reviews that staff ask for."""
    order = staff_order(query)
    return await read_objects(
        session, _chosen(select(Review), query), order=order, window=query.window(order.name)
    )


async def count_all(session: AsyncSession, *, query: AdminReviewQuery) -> int:
    """Return how many those are, over all pages."""
    statement = _chosen(select(func.count()).select_from(Review), query)
    return (await session.scalars(statement)).one()


def _chosen(statement: Select[T], query: AdminReviewQuery) -> Select[T]:
    statement = statement.where(PRESENT)
    if query.book_id is not None:
        statement = statement.where(Review.book_id == query.book_id)
    if query.user_id is not None:
        statement = statement.where(Review.user_id == query.user_id)
    if query.status is not None:
        statement = statement.where(Review.status == query.status)
    if query.rating_min is not None:
        statement = statement.where(Review.rating >= query.rating_min)
    if query.rating_max is not None:
        statement = statement.where(Review.rating <= query.rating_max)
    return statement


async def list_book_ids(session: AsyncSession, review_ids: Collection[int]) -> set[int]:
    """Return the editions that reviews were written at."""
    statement = select(Review.book_id).where(Review.id.in_(review_ids))
    return set(await session.scalars(statement))


async def list_book_ids_of_reader(session: AsyncSession, user_id: int) -> set[int]:
    """Return the editions that a reader's reviews were written at, deleted ones included."""
    return set(await session.scalars(select(Review.book_id).where(Review.user_id == user_id)))


async def update_own(
    session: AsyncSession,
    *,
    review_id: int,
    user_id: int,
    values: Mapping[str, Any],
    is_checked_first: bool,
) -> Review | None:
    """Change a reader's review; a public one waits for staff again where they look first."""
    waiting = case(
        (Review.status == ReviewStatus.PUBLISHED, ReviewStatus.PENDING.value), else_=Review.status
    )
    statement = (
        update(Review)
        .where(Review.id == review_id, Review.user_id == user_id, PRESENT)
        .values(**values, updated_at=func.clock_timestamp())
        .returning(Review)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    if is_checked_first:
        statement = statement.values(status=waiting)
    return (await session.scalars(statement)).one_or_none()


async def set_status(
    session: AsyncSession,
    *,
    review_ids: Collection[int],
    status: ReviewStatus,
    reason: str | None = None,
) -> Sequence[int]:
    """Publish or hide reviews; return those that were not so before."""
    statement = (
        update(Review)
        .where(Review.id.in_(review_ids), PRESENT, Review.status != status)
        .values(status=status, hidden_reason=reason)
        .returning(Review.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(await session.scalars(statement))


async def mark_deleted(
    session: AsyncSession,
    *,
    review_ids: Collection[int],
    now: datetime,
    user_id: int | None = None,
) -> Sequence[int]:
    """Delete reviews, of one reader or of anybody; return those that were not deleted before."""
    statement = (
        update(Review)
        .where(Review.id.in_(review_ids), PRESENT)
        .values(deleted_at=now)
        .returning(Review.id)
        .execution_options(synchronize_session=False)
    )
    if user_id is not None:
        statement = statement.where(Review.user_id == user_id)
    return sorted(await session.scalars(statement))


async def delete_of_reader(session: AsyncSession, *, user_id: int) -> None:
    """Remove all that a reader wrote, what was deleted before included."""
    await session.execute(
        delete(Review).where(Review.user_id == user_id).execution_options(synchronize_session=False)
    )


async def list_wrong_ratings(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return works whose ratings are not those of their public reviews."""
    return (await session.execute(WRONG_RATINGS, {"limit": limit})).all()


async def list_strayed(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return reviews that are at another work than the edition they were written at."""
    return (await session.execute(STRAYED, {"limit": limit})).all()


def public_ratings(*, since: datetime, until: datetime) -> AnySelect:
    """Return a statement; ``app.reviews.ratings.ratings`` says of what."""
    return select(
        literal("account ").concat(cast(Review.user_id, Text)).label("reader"),
        Review.work_id,
        Review.rating,
        Review.updated_at.label("rated_at"),
    ).where(
        Review.updated_at >= since,
        Review.updated_at <= until,
        Review.status == ReviewStatus.PUBLISHED,
        Review.deleted_at.is_(None),
    )
