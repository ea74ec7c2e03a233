"""What clients send and are told about wish lists."""

from datetime import datetime
from decimal import Decimal

from app.core.schemas import Id, ReadModel, WriteModel


class WishlistItemCreate(WriteModel):
    """A book to keep in mind."""

    book_id: Id


class WishlistBook(ReadModel):
    """The book as far as a wish list shows it."""

    id: int
    title: str
    author: str
    price: Decimal
    cover_image_url: str | None
    stock_quantity: int


class WishlistItemRead(ReadModel):
    """A book on the wish list."""

    id: int
    book_id: int
    added_at: datetime
    book: WishlistBook


class WishRead(ReadModel):
    """A book that was wished for, whether it is still sold or not."""

    book_id: int
    title: str
    author: str
    added_at: datetime
