"""What can be wrong with a wish list."""

from typing import ClassVar

from app.core.exceptions import AppError


class WishlistItemNotFoundError(AppError):
    """The book is not on this wish list."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "WISHLIST_ITEM_NOT_FOUND"
    detail = "This book is not on your wish list."


class WishlistNotSharedError(AppError):
    """Nobody but the reader sees the list."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "WISHLIST_NOT_SHARED"
    detail = "This wish list is not shared, or no longer."


class WishlistItemDuplicateError(AppError):
    """The book is on the wish list already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "WISHLIST_ITEM_DUPLICATE"
    detail = "This book is already on your wish list."
