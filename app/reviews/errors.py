"""What can be wrong with a review."""

from typing import ClassVar

from app.core.exceptions import AppError


class ReviewNotFoundError(AppError):
    """No such review; one that is not public looks the same to all but its reader and staff."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "REVIEW_NOT_FOUND"
    detail = "There is no such review."


class NotPurchasedError(AppError):
    """The shop takes reviews from buyers only, and the reader has not bought the book here."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "NOT_PURCHASED"
    detail = "Only readers who bought this book here can review it."


class DuplicateReviewError(AppError):
    """The reader has reviewed an edition of the work already; ``existing_review_id`` is which."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "DUPLICATE_REVIEW"
    detail = "You have already reviewed this book."


class NotReviewOwnerError(AppError):
    """A review is public, so that its existence is no secret; only its reader may change it."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "NOT_REVIEW_OWNER"
    detail = "This review is somebody else's."
