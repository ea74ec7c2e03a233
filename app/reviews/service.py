"""The rules of reviews.

Whoever writes takes the editions first, then their works, then the reviews, each in the order of
their ids; so do staff who move editions, and nobody waits in a circle.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from math import ceil

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.books import editions
from app.books.editions import Edition
from app.books.errors import BookNotFoundError
from app.core.config import Moderation, Reviewers, Settings
from app.core.deps import Principal
from app.core.pagination import ListQuery, Page, PageQuery, Slice
from app.core.rights import Right
from app.orders.buyers import has_bought
from app.reviews import repository
from app.reviews.errors import (
    DuplicateReviewError,
    NotPurchasedError,
    NotReviewOwnerError,
    ReviewNotFoundError,
)
from app.reviews.models import Review, ReviewStatus
from app.reviews.schemas import (
    AdminAuthor,
    AdminBook,
    AdminReviewPage,
    AdminReviewQuery,
    AdminReviewRead,
    ReviewAuthor,
    ReviewCreate,
    ReviewedBook,
    ReviewRead,
    ReviewUpdate,
)
from app.users.service import get_display_names


async def list_reviews(
    session: AsyncSession, *, book_id: int, query: PageQuery
) -> Page[ReviewRead]:
    """Return a page of what everybody may read of a book's work, the newest first.

    Raises:
        BookNotFoundError: no such book, or not sold.
        CursorError: not a cursor of such a list, or a page is numbered beside it.
    """
    edition = await _get_sold(session, book_id)
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_public(session, work_id=edition.work_id, window=window)
    return Page(
        items=await _read(session, found.rows),
        total=edition.review_count,
        page=query.page,
        size=query.size,
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


async def list_own(session: AsyncSession, *, user_id: int, query: ListQuery) -> Slice[ReviewRead]:
    """Return what a reader wrote, public or not, the newest first.

    Raises:
        CursorError: not a cursor of such a list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_own(session, user_id=user_id, window=window)
    read = {review.id: review for review in await _read(session, found.rows)}
    return found.map(lambda review: read[review.id])


async def get_review(
    session: AsyncSession, *, review_id: int, reader: Principal | None
) -> ReviewRead:
    """Return a review that is public, the reader's own, or asked for by staff.

    Raises:
        ReviewNotFoundError: there is none, or it is not for this reader.
    """
    review = await _get_visible(session, review_id, reader)
    return (await _read(session, [review]))[0]


async def get_own(session: AsyncSession, *, review_id: int, user_id: int) -> ReviewRead:
    """Return a review to the reader who wrote it alone.

    Raises:
        ReviewNotFoundError: there is none, or it is somebody else's.
    """
    review = await repository.find_review(session, review_id)
    if review is None or review.user_id != user_id:
        raise ReviewNotFoundError
    return (await _read(session, [review]))[0]


async def find_own(session: AsyncSession, *, user_id: int, work_id: int) -> ReviewRead | None:
    """Return what a reader says of a work."""
    review = await repository.find_own(session, user_id=user_id, work_id=work_id)
    return None if review is None else (await _read(session, [review]))[0]


async def may_write(
    session: AsyncSession, *, user_id: int, work_id: int, settings: Settings
) -> bool:
    """Tell whether the shop takes a review of the work from the reader."""
    return settings.reviews_from is Reviewers.READERS or await _has_bought(
        session, user_id=user_id, work_id=work_id
    )


async def write_review(
    session: AsyncSession,
    *,
    user_id: int,
    book_id: int,
    review: ReviewCreate,
    settings: Settings,
) -> ReviewRead:
    """Write what a reader says of a book's work.

    Raises:
        BookNotFoundError: no such book, or not sold.
        NotPurchasedError: only buyers may, and the reader is none.
        DuplicateReviewError: the reader has reviewed one of the work's editions.
    """
    edition = await _get_sold(session, book_id)
    is_verified = await _has_bought(session, user_id=user_id, work_id=edition.work_id)
    if not is_verified and settings.reviews_from is Reviewers.BUYERS:
        raise NotPurchasedError
    existing = await repository.find_own(session, user_id=user_id, work_id=edition.work_id)
    if existing is not None:
        raise DuplicateReviewError(extra={"existing_review_id": existing.id})
    work_id = (await editions.hold(session, book_ids=[book_id]))[book_id]
    is_public = settings.review_moderation is Moderation.AFTER
    written = await repository.insert_review(
        session,
        {
            "user_id": user_id,
            "book_id": book_id,
            "work_id": work_id,
            "rating": review.rating,
            "text": review.text,
            "status": ReviewStatus.PUBLISHED if is_public else ReviewStatus.PENDING,
            "verified_purchase": is_verified,
        },
    )
    if written is None:  # another request of the same reader was quicker
        existing = await repository.find_own(session, user_id=user_id, work_id=work_id)
        raise DuplicateReviewError(
            extra={"existing_review_id": existing.id if existing is not None else None}
        )
    return (await _read(session, [written]))[0]


async def change_review(
    session: AsyncSession,
    *,
    reader: Principal,
    review_id: int,
    change: ReviewUpdate,
    settings: Settings,
) -> ReviewRead:
    """Change one's own review. Where staff look first, they look at it again.

    Raises:
        ReviewNotFoundError: there is none that the reader can see.
        NotReviewOwnerError: it is somebody else's.
    """
    review = await _get_visible(session, review_id, reader)
    if review.user_id != reader.id:
        raise NotReviewOwnerError
    values = change.model_dump(exclude_unset=True)
    if values.get("rating", 0) is None:  # a review has one; null is as if it were not sent
        del values["rating"]
    if values:
        await editions.hold(session, book_ids=[review.book_id])
        changed = await repository.update_own(
            session,
            review_id=review_id,
            user_id=reader.id,
            values=values,
            is_checked_first=settings.review_moderation is Moderation.BEFORE,
        )
        if changed is None:
            raise ReviewNotFoundError
        review = changed
    return (await _read(session, [review]))[0]


async def delete_review(
    session: AsyncSession, *, reader: Principal, actor: Actor, review_id: int, now: datetime
) -> None:
    """Delete one's own review, or as staff anybody's, which is written down.

    Raises:
        ReviewNotFoundError: there is none that the reader can see.
        NotReviewOwnerError: it is somebody else's.
    """
    review = await _get_visible(session, review_id, reader)
    if review.user_id != reader.id and not reader.may(Right.REVIEWS):
        raise NotReviewOwnerError
    before = _facts(review)
    await editions.hold(session, book_ids=[review.book_id])
    if not await repository.mark_deleted(session, review_ids=[review_id], now=now):
        raise ReviewNotFoundError
    if review.user_id != reader.id:
        await record(
            session, actor=actor, action="review.delete", thing_id=review_id, before=before
        )


async def delete_reviews(
    session: AsyncSession, *, actor: Actor, review_ids: Collection[int], now: datetime
) -> int:
    """Delete reviews as staff, and return how many there were to delete."""
    await _hold(session, review_ids)
    deleted = await repository.mark_deleted(session, review_ids=review_ids, now=now)
    await record(
        session,
        actor=actor,
        action="review.delete_many",
        after={"deleted": deleted},
    )
    return len(deleted)


async def moderate(
    session: AsyncSession,
    *,
    actor: Actor,
    review_ids: Collection[int],
    reason: str | None,
) -> int:
    """Hide reviews for a reason, or without one publish them; return how many were changed."""
    await _hold(session, review_ids)
    status = ReviewStatus.PUBLISHED if reason is None else ReviewStatus.HIDDEN
    changed = await repository.set_status(
        session, review_ids=review_ids, status=status, reason=reason
    )
    await record(
        session,
        actor=actor,
        action="review.approve_many" if reason is None else "review.hide_many",
        after={"review_ids": changed, "reason": reason},
    )
    return len(changed)


async def moderate_one(
    session: AsyncSession, *, actor: Actor, review_id: int, reason: str | None
) -> AdminReviewRead:
    """Hide a review for a reason, or without one publish it. It can be repeated.

    Raises:
        ReviewNotFoundError: there is none.
    """
    await _hold(session, [review_id])
    review = await repository.find_review(session, review_id)
    if review is None:
        raise ReviewNotFoundError
    before = _facts(review)
    status = ReviewStatus.PUBLISHED if reason is None else ReviewStatus.HIDDEN
    await repository.set_status(session, review_ids=[review_id], status=status, reason=reason)
    review = await repository.find_review(session, review_id)
    if review is None:
        raise ReviewNotFoundError
    await record(
        session,
        actor=actor,
        action="review.approve" if reason is None else "review.hide",
        thing_id=review_id,
        before=before,
        after=_facts(review),
    )
    return (await _read_for_staff(session, [review]))[0]


async def list_all(session: AsyncSession, *, query: AdminReviewQuery) -> AdminReviewPage:
    """Return a page of all reviews that staff ask for.

    Raises:
        CursorError: not a cursor of this list in this order, or a page is numbered beside it.
    """
    found = await repository.list_all(session, query=query)
    total = await repository.count_all(session, query=query)
    return AdminReviewPage(
        items=await _read_for_staff(session, found.rows),
        total_count=total,
        page=query.page,
        per_page=query.per_page,
        total_pages=ceil(total / query.per_page),
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


async def forget_reviewer(session: AsyncSession, *, user_id: int) -> None:
    """Remove what a reader wrote, for an account that is deleted.

    A review is the person's own words and opinion. No law asks the shop to keep it, as with what
    was bought, and a text can tell who wrote it even without a name; so the rows go.
    """
    book_ids = await repository.list_book_ids_of_reader(session, user_id)
    await editions.hold(session, book_ids=book_ids)
    await repository.delete_of_reader(session, user_id=user_id)


async def _get_sold(session: AsyncSession, book_id: int) -> Edition:
    edition = (await editions.get_editions(session, book_ids=[book_id])).get(book_id)
    if edition is None or not edition.is_sold:
        raise BookNotFoundError
    return edition


async def _get_visible(session: AsyncSession, review_id: int, reader: Principal | None) -> Review:
    review = await repository.find_review(session, review_id)
    if review is None:
        raise ReviewNotFoundError
    is_theirs = reader is not None and (reader.id == review.user_id or reader.may(Right.REVIEWS))
    if review.status is not ReviewStatus.PUBLISHED and not is_theirs:
        raise ReviewNotFoundError
    return review


async def _has_bought(session: AsyncSession, *, user_id: int, work_id: int) -> bool:
    book_ids = await editions.list_ids_of_work(session, work_id=work_id)
    return await has_bought(session, user_id=user_id, book_ids=book_ids)


async def _hold(session: AsyncSession, review_ids: Collection[int]) -> None:
    book_ids = await repository.list_book_ids(session, review_ids)
    await editions.hold(session, book_ids=book_ids)


def _facts(review: Review) -> dict[str, object]:
    return {
        "status": review.status,
        "hidden_reason": review.hidden_reason,
        "rating": review.rating,
        "text": review.text,
        "user_id": review.user_id,
        "book_id": review.book_id,
    }


async def _around(
    session: AsyncSession, reviews: Iterable[Review]
) -> tuple[Mapping[int, str], Mapping[int, Edition]]:
    names = await get_display_names(session, user_ids={review.user_id for review in reviews})
    books = await editions.get_editions(session, book_ids={review.book_id for review in reviews})
    return names, books


async def _read(session: AsyncSession, reviews: Collection[Review]) -> list[ReviewRead]:
    names, books = await _around(session, reviews)
    return [
        ReviewRead(
            id=review.id,
            book_id=review.book_id,
            user_id=review.user_id,
            rating=review.rating,
            text=review.text,
            verified_purchase=review.verified_purchase,
            status=review.status,
            created_at=review.created_at,
            updated_at=review.updated_at,
            author=ReviewAuthor(user_id=review.user_id, display_name=names[review.user_id]),
            book=ReviewedBook(
                book_id=review.book_id,
                title=books[review.book_id].title,
                cover_image_url=books[review.book_id].cover_image_url,
            ),
        )
        for review in reviews
    ]


async def _read_for_staff(
    session: AsyncSession, reviews: Collection[Review]
) -> list[AdminReviewRead]:
    names, books = await _around(session, reviews)
    return [
        AdminReviewRead(
            id=review.id,
            rating=review.rating,
            text=review.text,
            status=review.status,
            hidden_reason=review.hidden_reason,
            verified_purchase=review.verified_purchase,
            created_at=review.created_at,
            updated_at=review.updated_at,
            author=AdminAuthor(user_id=review.user_id, display_name=names[review.user_id]),
            book=AdminBook(book_id=review.book_id, title=books[review.book_id].title),
        )
        for review in reviews
    ]
