"""What clients send and are told about wish lists."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

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
    notify_back_in_stock: bool
    notify_price_drop: bool
    book: WishlistBook


class WishlistItemUpdate(WriteModel):
    """What the reader wants to be told of by mail. What is left out stays."""

    notify_back_in_stock: bool = False
    notify_price_drop: Annotated[
        bool, Field(description="When it costs less than now, or than when you were last told.")
    ] = False


class ShareRead(ReadModel):
    """The link with which others see the list, until it is withdrawn."""

    url: str
    created_at: datetime


class SharedWish(ReadModel):
    """A book on a list that is shared."""

    added_at: datetime
    book: WishlistBook


class WishRead(ReadModel):
    """A book that was wished for, whether it is still sold or not."""

    book_id: int
    title: str
    author: str
    added_at: datetime
