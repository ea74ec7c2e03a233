"""What can be wrong with a basket."""

from typing import ClassVar

from app.core.exceptions import AppError


class CartItemNotFoundError(AppError):
    """No such item in this basket; somebody else's item looks the same."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "CART_ITEM_NOT_FOUND"
    detail = "This item is not in your basket."


class CartItemDuplicateError(AppError):
    """The book is in the basket already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "CART_ITEM_DUPLICATE"
    detail = "This book is already in your basket."


class CartFullError(AppError):
    """The basket has as many different books as it can hold: ``limit``."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "CART_FULL"
    detail = "Your basket holds as many different books as it can. Please take one out first."


class BookOutOfStockError(AppError):
    """Fewer copies are there than were asked for."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "CART_BOOK_OUT_OF_STOCK"
    detail = "This book is out of stock."
