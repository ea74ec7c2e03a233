from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.errors import BookEmbargoedError, BookNotSoldInCountryError
from app.books.models import Book, SalesRight
from app.cart import service
from app.cart.errors import BookOutOfStockError, CartItemNotFoundError
from app.cart.models import Cart, CartItem
from app.cart.schemas import MAX_QUANTITY, CartOwner, Copies
from tests.factories import MARKET, make_book, make_user


@pytest.mark.parametrize("facts", [{"on_sale_date": date(2026, 3, 2)}, {"type_code": "03"}])
async def test_what_may_not_be_sold_does_not_get_into_the_basket(
    db_session: AsyncSession, facts: dict[str, Any]
) -> None:
    owner = CartOwner.account((await make_user(db_session)).id)
    book = await make_book(db_session)
    if "type_code" in facts:
        db_session.add(SalesRight(book_id=book.id, countries=["US"], **facts))
    else:
        await db_session.execute(update(Book).where(Book.id == book.id).values(**facts))
    await db_session.commit()
    refusals = (BookEmbargoedError, BookNotSoldInCountryError)
    with pytest.raises(refusals) as added:
        await service.add_item(db_session, owner=owner, book_id=book.id, quantity=1, market=MARKET)
    assert added.value.field == "book_id"
    with pytest.raises(refusals):
        await service.add_copies(
            db_session, owner=owner, book_id=book.id, quantity=1, market=MARKET
        )
    assert (await db_session.scalars(select(func.count()).select_from(CartItem))).one() == 0


async def test_a_guests_basket_joins_the_accounts(db_session: AsyncSession) -> None:
    user = await make_user(db_session)
    both = await make_book(db_session, copies=200)
    guests = await make_book(db_session, copies=5)
    account, guest = CartOwner.account(user.id), CartOwner.guest("a-token")
    await service.add_copies(db_session, owner=account, book_id=both.id, market=MARKET, quantity=60)
    await service.add_copies(db_session, owner=guest, book_id=both.id, market=MARKET, quantity=60)
    await service.add_copies(db_session, owner=guest, book_id=guests.id, market=MARKET, quantity=1)

    await service.merge_guest_cart(db_session, token="a-token", user_id=user.id)

    cart = await service.get_cart(db_session, owner=account, currency="USD")
    quantities = {item.book_id: item.quantity for item in cart.items}
    assert quantities == {both.id: MAX_QUANTITY, guests.id: 1}
    assert await service.count_copies(db_session, owner=account) == MAX_QUANTITY + 1
    carts = await db_session.scalar(select(func.count()).select_from(Cart))
    assert carts == 1


async def test_merging_nothing_changes_nothing(db_session: AsyncSession) -> None:
    user = await make_user(db_session)
    await service.merge_guest_cart(db_session, token="unknown", user_id=user.id)
    assert await service.count_copies(db_session, owner=CartOwner.account(user.id)) == 0


async def test_taking_empties_the_basket(db_session: AsyncSession) -> None:
    user = await make_user(db_session)
    book = await make_book(db_session)
    owner = CartOwner.account(user.id)
    await service.add_copies(db_session, owner=owner, book_id=book.id, market=MARKET, quantity=2)
    await service.add_copies(db_session, owner=owner, book_id=book.id, market=MARKET, quantity=1)
    assert await service.take_items(db_session, owner=owner) == {
        book.id: Copies(3, Decimal("12.99"))
    }
    assert await service.take_items(db_session, owner=owner) == {}
    await service.put_back(db_session, owner=owner, copies={})
    assert await service.count_copies(db_session, owner=owner) == 0


async def test_the_basket_never_exceeds_the_stock(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=5)
    owner = CartOwner.guest("a-token")
    await service.add_copies(db_session, owner=owner, book_id=book.id, market=MARKET, quantity=3)

    with pytest.raises(BookOutOfStockError) as refused:
        await service.add_copies(
            db_session, owner=owner, book_id=book.id, market=MARKET, quantity=3
        )

    assert refused.value.detail == "Only 5 left in stock, those in your basket included."
    assert await service.count_copies(db_session, owner=owner) == 3
    await service.add_copies(db_session, owner=owner, book_id=book.id, market=MARKET, quantity=2)
    assert await service.count_copies(db_session, owner=owner) == 5


async def test_a_refused_quantity_is_never_written(db_session: AsyncSession) -> None:
    """Whoever catches the refusal and commits must find what was there before."""
    book = await make_book(db_session, copies=4)
    owner = CartOwner.guest("a-token")
    await service.add_copies(db_session, owner=owner, book_id=book.id, market=MARKET, quantity=2)
    item_id = (await db_session.scalars(select(CartItem.id))).one()

    with pytest.raises(BookOutOfStockError):
        await service.update_item(
            db_session, owner=owner, item_id=item_id, market=MARKET, quantity=50
        )

    assert await service.count_copies(db_session, owner=owner) == 2


async def test_an_item_that_is_taken_out_meanwhile_is_not_in_the_basket(
    db_session: AsyncSession,
) -> None:
    book = await make_book(db_session, copies=4)
    owner = CartOwner.guest("a-token")
    await service.add_copies(db_session, owner=owner, book_id=book.id, market=MARKET, quantity=2)
    item_id = (await db_session.scalars(select(CartItem.id))).one()
    await service.remove_item(db_session, owner=owner, item_id=item_id)

    with pytest.raises(CartItemNotFoundError):
        await service.update_item(
            db_session, owner=owner, item_id=item_id, market=MARKET, quantity=1
        )
