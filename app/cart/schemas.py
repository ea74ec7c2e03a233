"""Whose basket it is, and what clients send and are told about it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field

from app.core.schemas import Id, ReadModel, WriteModel
from app.core.security import hash_token

MAX_QUANTITY = 99
MAX_TITLES = 200
"""How many different books can be put into a basket, and be in an order."""

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


class CartItemRead(ReadModel):
    """So many copies of a book, at today's price."""

    id: int
    book_id: int
    quantity: int
    book: CartBook
    available: int
    line_total: Decimal


class CartRead(ReadModel):
    """A basket. ``unavailable_items`` are ids of items whose book is no longer sold."""

    items: list[CartItemRead]
    unavailable_items: list[int]
    total_items: int
    total_price: Decimal
    currency: str
