"""Reviews as JSON: readers who write them, everybody who reads them, staff who look after them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.audit.deps import AuditTrail
from app.core.clock import Now
from app.core.deps import AppSettings, CurrentUser, DbSession, ReviewsStaff, UserIfAny
from app.core.pagination import ListParams, Page, PageParams, link_pages
from app.core.rights import Right, of_its_owner, open_to_all
from app.core.schemas import Id
from app.reviews import service
from app.reviews.schemas import (
    AdminReviewPage,
    AdminReviewQuery,
    AdminReviewRead,
    ChangedCount,
    DeletedCount,
    ReviewCreate,
    ReviewHide,
    ReviewHideMany,
    ReviewRead,
    ReviewSelection,
    ReviewUpdate,
)

router = APIRouter(tags=["reviews"])
admin_router = APIRouter(prefix="/admin/reviews", tags=["reviews"])

BookId = Annotated[Id, Path()]
ReviewId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

SIGNED_IN: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"}
}
STAFF_ONLY: Responses = SIGNED_IN | {
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `reviews`"}
}
NO_BOOK: Responses = {404: {"description": "BOOK_NOT_FOUND: no such book, or not sold"}}
NO_REVIEW: Responses = {
    404: {"description": "REVIEW_NOT_FOUND: there is none, or it is not public"}
}
NOT_YOURS: Responses = {403: {"description": "NOT_REVIEW_OWNER: it is somebody else's"}}


@router.post(
    "/books/{book_id}/reviews",
    status_code=status.HTTP_201_CREATED,
    summary="Review a book",
    responses=SIGNED_IN
    | NO_BOOK
    | {
        403: {"description": "NOT_PURCHASED: the shop takes reviews from buyers only"},
        409: {"description": "DUPLICATE_REVIEW: `existing_review_id` is of one of its editions"},
    },
)
async def write_review(
    session: DbSession,
    user: CurrentUser,
    settings: AppSettings,
    book_id: BookId,
    review: ReviewCreate,
) -> ReviewRead:
    """Say what you think of a work, once; all of its editions share the review.

    Where staff look at reviews first, it is `pending` until they did.
    """
    return await service.write_review(
        session, user_id=user.id, book_id=book_id, review=review, settings=settings
    )


@router.get("/books/{book_id}/reviews", summary="Reviews of a book", responses=NO_BOOK)
@open_to_all
async def list_reviews(session: DbSession, book_id: BookId, query: PageParams) -> Page[ReviewRead]:
    """Return what readers say of the book's work, whatever its edition, the newest first."""
    return await service.list_reviews(session, book_id=book_id, query=query)


@router.get("/account/reviews", summary="My reviews", responses=SIGNED_IN)
async def list_own_reviews(
    request: Request,
    response: Response,
    session: DbSession,
    user: CurrentUser,
    query: ListParams,
) -> list[ReviewRead]:
    """Return what you wrote, public or not, the newest first; ``Link`` leads to older ones."""
    found = await service.list_own(session, user_id=user.id, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@router.get("/reviews/{review_id}", summary="A review", responses=NO_REVIEW)
async def read_review(session: DbSession, reader: UserIfAny, review_id: ReviewId) -> ReviewRead:
    """Return a review that is public, or your own."""
    return await service.get_review(session, review_id=review_id, reader=reader)


@router.patch(
    "/reviews/{review_id}",
    summary="Change my review",
    responses=SIGNED_IN | NO_REVIEW | NOT_YOURS,
)
@of_its_owner()
async def change_review(
    session: DbSession,
    user: CurrentUser,
    settings: AppSettings,
    review_id: ReviewId,
    change: ReviewUpdate,
) -> ReviewRead:
    """Change the stars, the text or both; a text of null is taken away.

    Where staff look at reviews first, it is `pending` again.
    """
    return await service.change_review(
        session, reader=user, review_id=review_id, change=change, settings=settings
    )


@router.delete(
    "/reviews/{review_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a review",
    responses=SIGNED_IN | NO_REVIEW | NOT_YOURS,
)
@of_its_owner(or_staff=Right.REVIEWS)
async def delete_review(
    session: DbSession, user: CurrentUser, trail: AuditTrail, review_id: ReviewId, now: Now
) -> None:
    """Delete your own review, after which you may write another; staff delete anybody's."""
    await service.delete_review(
        session, reader=user, actor=trail.actor, review_id=review_id, now=now
    )


@admin_router.get("", summary="All reviews", responses=STAFF_ONLY)
async def list_all_reviews(
    session: DbSession, _staff: ReviewsStaff, query: Annotated[AdminReviewQuery, Query()]
) -> AdminReviewPage:
    """Return a page of reviews, public or not, by its number or by a cursor."""
    return await service.list_all(session, query=query)


@admin_router.delete("/bulk", summary="Delete reviews", responses=STAFF_ONLY)
async def delete_reviews(
    session: DbSession,
    _staff: ReviewsStaff,
    trail: AuditTrail,
    selection: ReviewSelection,
    now: Now,
) -> DeletedCount:
    """Delete up to fifty reviews; missing and already deleted ones are passed over."""
    count = await service.delete_reviews(
        session, actor=trail.actor, review_ids=selection.review_ids, now=now
    )
    return DeletedCount(deleted_count=count)


@admin_router.post("/bulk/approve", summary="Publish reviews", responses=STAFF_ONLY)
async def approve_reviews(
    session: DbSession, _staff: ReviewsStaff, trail: AuditTrail, selection: ReviewSelection
) -> ChangedCount:
    """Publish up to fifty reviews; missing and already public ones are passed over."""
    count = await service.moderate(
        session, actor=trail.actor, review_ids=selection.review_ids, reason=None
    )
    return ChangedCount(changed_count=count)


@admin_router.post("/bulk/hide", summary="Hide reviews", responses=STAFF_ONLY)
async def hide_reviews(
    session: DbSession, _staff: ReviewsStaff, trail: AuditTrail, selection: ReviewHideMany
) -> ChangedCount:
    """Take up to fifty reviews from the public; missing and hidden ones are passed over."""
    count = await service.moderate(
        session, actor=trail.actor, review_ids=selection.review_ids, reason=selection.reason
    )
    return ChangedCount(changed_count=count)


@admin_router.post(
    "/{review_id}/approve", summary="Publish a review", responses=STAFF_ONLY | NO_REVIEW
)
async def approve_review(
    session: DbSession, _staff: ReviewsStaff, trail: AuditTrail, review_id: ReviewId
) -> AdminReviewRead:
    """Publish a review that waits or is hidden. It can be repeated."""
    return await service.moderate_one(session, actor=trail.actor, review_id=review_id, reason=None)


@admin_router.post("/{review_id}/hide", summary="Hide a review", responses=STAFF_ONLY | NO_REVIEW)
async def hide_review(
    session: DbSession,
    _staff: ReviewsStaff,
    trail: AuditTrail,
    review_id: ReviewId,
    hiding: ReviewHide,
) -> AdminReviewRead:
    """Take a review from the public, for a reason that only staff read."""
    return await service.moderate_one(
        session, actor=trail.actor, review_id=review_id, reason=hiding.reason
    )
