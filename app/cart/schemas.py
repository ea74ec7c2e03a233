"""Whose basket it is, and what clients send and are told about it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from app.core.schemas import Id, ReadModel, WriteModel
from app.core.security import hash_token

MAX_QUANTITY = 99
"""How many copies of a book can be in a basket, and in an order."""

MAX_TITLES = 200
"""How many different books can be put into a basket, and be in an order."""

FEW_COPIES = 3
"""So few copies are said by their number."""

Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


@dataclass(frozen=True)
class CartOwner:
    """An account, or a browser that holds a token; one of the two is set."""

    user_id: int | None = None
    token_hash: bytes | None = None

    @classmethod
    def account(cls, user_id: int) -> Self:
        """Return the owner for an account."""
        return cls(user_id=user_id)

    @classmethod
    def guest(cls, token: str) -> Self:
        """Return the owner for a guest's cookie."""
        return cls(token_hash=hash_token(token))


class CartItemCreate(WriteModel):
    """A book to put into the basket."""

    book_id: Id
    quantity: Quantity = 1


class CartItemUpdate(WriteModel):
    """How many copies it shall be."""

    quantity: Quantity


class CartBook(ReadModel):
    """The book as far as a basket shows it."""

    id: int
    title: str
    author: str
    price: Decimal
    cover_image_url: str | None


@dataclass(frozen=True)
class Copies:
    """Copies of a book, and what one cost when their reader last saw it, if that is known."""

    quantity: int
    price_seen: Decimal | None = None


class CartChange(StrEnum):
    """What is not as it was, or soon will not be.

    ``price``: the book costs something else than when its reader last changed the item.
    ``sold_out`` and ``too_few``: so many copies cannot be bought now. ``last_copies``: only a few
    more are there than the basket has.
    """

    PRICE = "price"
    SOLD_OUT = "sold_out"
    TOO_FEW = "too_few"
    LAST_COPIES = "last_copies"


class CartNotice(ReadModel):
    """A change, in a sentence for the reader."""

    change: CartChange
    text: str


class CartItemRead(ReadModel):
    """So many copies of a book, at today's price.

    ``price_before`` is what one cost when the reader last changed the item, if that was another
    price. ``notices`` say what a reader should know before buying.
    """

    id: int
    book_id: int
    quantity: int
    book: CartBook
    available: int
    line_total: Decimal
    price_before: Decimal | None = None
    notices: list[CartNotice] = Field(default_factory=list)


class CartRead(ReadModel):
    """A basket. ``unavailable_items`` are ids of items whose book is no longer sold."""

    items: list[CartItemRead]
    unavailable_items: list[int]
    total_items: int
    total_price: Decimal
    currency: str
