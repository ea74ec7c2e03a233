"""The rules of the basket."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookNotFoundError
from app.books.sale_rules import refuse_unsaleable
from app.books.service import Offer, get_offers
from app.cart import repository
from app.cart.errors import (
    BookOutOfStockError,
    CartFullError,
    CartItemDuplicateError,
    CartItemNotFoundError,
)
from app.cart.models import CartItem
from app.cart.notices import find_notices
from app.cart.schemas import (
    MAX_QUANTITY,
    MAX_TITLES,
    CartBook,
    CartItemRead,
    CartOwner,
    CartRead,
    Copies,
)
from app.core.config import get_settings
from app.core.market import Market
from app.core.money import ZERO

GUEST_CART_LIFETIME = timedelta(days=60)
"""How long a guest's basket is kept after something was put into it."""


async def get_cart(session: AsyncSession, *, owner: CartOwner, currency: str) -> CartRead:
    """Return the basket at today's prices. One that was never used is an empty one."""
    items = await repository.list_items(session, owner=owner)
    offers = await get_offers(session, book_ids={item.book_id for item in items})
    shown = [_read(item, offers[item.book_id]) for item in items if item.book_id in offers]
    return CartRead(
        items=shown,
        unavailable_items=[item.id for item in items if item.book_id not in offers],
        total_items=sum(item.quantity for item in shown),
        total_price=sum((item.line_total for item in shown), ZERO),
        currency=currency,
    )


async def count_copies(session: AsyncSession, *, owner: CartOwner) -> int:
    """Return how many copies are in the basket, for the number beside its link."""
    return await repository.count_copies(session, owner=owner)


async def list_quantities(session: AsyncSession, *, owner: CartOwner) -> dict[int, int]:
    """Return the copies of each book in the basket, also of those that are no longer sold."""
    copies = await list_copies(session, owner=owner)
    return {book_id: item.quantity for book_id, item in copies.items()}


async def list_copies(session: AsyncSession, *, owner: CartOwner) -> dict[int, Copies]:
    """Return the basket as ``take_items`` would, and leave it as it is."""
    items = await repository.list_items(session, owner=owner)
    return {item.book_id: Copies(item.quantity, item.price_seen) for item in items}


async def add_item(
    session: AsyncSession, *, owner: CartOwner, book_id: int, quantity: int, market: Market
) -> CartItemRead:
    """Put a book that is not there yet into the basket.

    Raises:
        BookNotFoundError: no such book.
        BookEmbargoedError, BookNotSoldInCountryError: it may not be sold yet, or not here.
        BookOutOfStockError: fewer copies are in stock.
        CartItemDuplicateError: the basket has it already.
        CartFullError: the basket has ``MAX_TITLES`` others already.
    """
    offer = await _offer_in_stock(session, book_id=book_id, quantity=quantity, market=market)
    cart_id = await _cart_with_room(session, owner=owner, book_id=book_id)
    item = await repository.insert_item(
        session, cart_id=cart_id, book_id=book_id, quantity=quantity, price=offer.price
    )
    if item is None:
        raise CartItemDuplicateError(field="book_id")
    return _read(item, offer)


async def add_copies(
    session: AsyncSession, *, owner: CartOwner, book_id: int, quantity: int, market: Market
) -> None:
    """Put copies of a book into the basket, on top of those that are there.

    Raises:
        BookNotFoundError: no such book.
        BookEmbargoedError, BookNotSoldInCountryError: it may not be sold yet, or not here.
        BookOutOfStockError: fewer copies are in stock than would be in the basket.
        CartFullError: the basket has ``MAX_TITLES`` others already.
    """
    offer = await _offer_in_stock(session, book_id=book_id, quantity=quantity, market=market)
    cart_id = await _cart_with_room(session, owner=owner, book_id=book_id)
    if not await repository.add_copies(
        session,
        cart_id=cart_id,
        book_id=book_id,
        quantity=quantity,
        price=offer.price,
        available=offer.on_hand,
    ):
        raise BookOutOfStockError(
            f"Only {offer.on_hand} left in stock, those in your basket included.",
            field="quantity",
            extra={"available": offer.on_hand},
        )


async def update_item(
    session: AsyncSession, *, owner: CartOwner, item_id: int, quantity: int, market: Market
) -> CartItemRead:
    """Set how many copies it shall be.

    Raises:
        CartItemNotFoundError: not in this basket.
        BookNotFoundError: the book is no longer sold.
        BookEmbargoedError, BookNotSoldInCountryError: it may not be sold yet, or not here.
        BookOutOfStockError: fewer copies are in stock.
    """
    book_id = await repository.find_book(session, owner=owner, item_id=item_id)
    if book_id is None:
        raise CartItemNotFoundError
    offer = await _offer_in_stock(session, book_id=book_id, quantity=quantity, market=market)
    item = await repository.update_item(
        session, owner=owner, item_id=item_id, quantity=quantity, price=offer.price
    )
    if item is None:  # taken out since
        raise CartItemNotFoundError
    return _read(item, offer)


async def remove_item(session: AsyncSession, *, owner: CartOwner, item_id: int) -> None:
    """Take an item out.

    Raises:
        CartItemNotFoundError: not in this basket.
    """
    if not await repository.delete_item(session, owner=owner, item_id=item_id):
        raise CartItemNotFoundError


async def take_items(session: AsyncSession, *, owner: CartOwner) -> dict[int, Copies]:
    """Empty the basket for a checkout and return what was in it, by book.

    Of two checkouts at once the second waits, and finds the basket empty.
    """
    return await repository.take_items(session, owner=owner)


async def put_back(
    session: AsyncSession, *, owner: CartOwner, copies: Mapping[int, Copies]
) -> None:
    """Add copies by book to the basket, up to ``MAX_QUANTITY`` of each.

    What was a reader's already is never turned away, so the basket may become fuller than
    ``MAX_TITLES``; no more can be put into it then.
    """
    cart_id = await repository.ensure_cart(session, owner=owner)
    await repository.add_quantities(session, cart_id=cart_id, copies=copies)


async def merge_guest_cart(session: AsyncSession, *, token: str, user_id: int) -> None:
    """Move what a guest collected into the basket of the account that signed in."""
    guest = CartOwner.guest(token)
    copies = await repository.take_items(session, owner=guest)
    if copies:
        await put_back(session, owner=CartOwner.account(user_id), copies=copies)
    await repository.delete_cart(session, owner=guest)


async def forget_old_guest_carts(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete guests' baskets, up to a limit, whose cookie has expired too; return how many."""
    before = now - GUEST_CART_LIFETIME
    return await repository.delete_old_guest_carts(session, before=before, limit=limit)


async def _cart_with_room(session: AsyncSession, *, owner: CartOwner, book_id: int) -> int:
    """Return the basket, in which there is room for the book, locked until the transaction ends."""
    cart_id = await repository.ensure_cart(session, owner=owner)
    others = await repository.count_other_titles(session, cart_id=cart_id, book_id=book_id)
    if others >= MAX_TITLES:
        raise CartFullError(field="book_id", extra={"limit": MAX_TITLES})
    return cart_id


async def _offer_in_stock(
    session: AsyncSession, *, book_id: int, quantity: int, market: Market
) -> Offer:
    offer = (await get_offers(session, book_ids={book_id})).get(book_id)
    if offer is None:
        raise BookNotFoundError(field="book_id")
    refuse_unsaleable([offer], market=market, field="book_id")
    if offer.on_hand == 0:
        raise BookOutOfStockError(field="book_id")
    if offer.on_hand < quantity:
        raise BookOutOfStockError(
            f"Only {offer.on_hand} left in stock.",
            field="quantity",
            extra={"available": offer.on_hand},
        )
    return offer


def _read(item: CartItem, offer: Offer) -> CartItemRead:
    copies = Copies(item.quantity, item.price_seen)
    return CartItemRead(
        id=item.id,
        book_id=item.book_id,
        quantity=item.quantity,
        book=CartBook(
            id=offer.book_id,
            title=offer.title,
            author=offer.author,
            price=offer.price,
            cover_image_url=offer.cover_image_url,
        ),
        available=min(offer.on_hand, MAX_QUANTITY),
        line_total=offer.price * item.quantity,
        price_before=item.price_seen if item.price_seen != offer.price else None,
        notices=find_notices(copies, offer, locale=get_settings().locale),
    )
