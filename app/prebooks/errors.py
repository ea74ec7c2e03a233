"""What can be wrong with waiting for a book."""

from typing import ClassVar

from app.core.exceptions import AppError


class PrebookNotFoundError(AppError):
    """No such wish; somebody else's looks the same."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "PREBOOK_NOT_FOUND"
    detail = "You are not waiting for this book."


class BookInStockError(AppError):
    """There is nothing to wait for."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "PREBOOK_BOOK_IN_STOCK"
    detail = "This book is in stock."


class PrebookDuplicateError(AppError):
    """The account waits for this book already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "PREBOOK_DUPLICATE"
    detail = "You are already waiting for this book."


class PrebookAlreadyCancelledError(AppError):
    """The wish was cancelled before."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "PREBOOK_ALREADY_CANCELLED"
    detail = "You had already stopped waiting for this book."
