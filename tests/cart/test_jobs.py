from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.jobs import prune_guest_carts
from app.cart.models import Cart, CartItem
from app.cart.service import GUEST_CART_LIFETIME
from tests.factories import make_book, make_user


async def test_only_guests_baskets_that_nobody_came_back_to_are_deleted(
    committed: AsyncSession,
) -> None:
    user = await make_user(committed)
    book = await make_book(committed)
    long_ago = datetime.now(UTC) - GUEST_CART_LIFETIME - timedelta(minutes=1)
    recently = long_ago + timedelta(minutes=2)
    carts = [
        Cart(token_hash=b"old", updated_at=long_ago),
        Cart(token_hash=b"recent", updated_at=recently),
        Cart(user_id=user.id, updated_at=long_ago),
    ]
    committed.add_all(carts)
    await committed.flush()  # the items need the baskets' ids
    for cart in carts:
        committed.add(CartItem(cart_id=cart.id, book_id=book.id, quantity=1))
    await committed.commit()
    await prune_guest_carts.function()
    kept = [cart.id for cart in carts[1:]]
    assert (await committed.scalars(select(Cart.id).order_by(Cart.id))).all() == kept
    items = await committed.scalars(select(CartItem.cart_id).order_by(CartItem.cart_id))
    assert items.all() == kept
