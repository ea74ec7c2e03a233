"""SQL for baskets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningDelete

from app.cart.models import Cart, CartItem
from app.cart.schemas import MAX_QUANTITY, CartOwner, Copies


def owned_by(owner: CartOwner) -> ColumnElement[bool]:
    """Return the condition that picks the owner's basket."""
    if owner.user_id is not None:
        return Cart.user_id == owner.user_id
    return Cart.token_hash == owner.token_hash


def _take(whose: ColumnElement[bool]) -> ReturningDelete[int, int, Decimal | None]:
    return (
        delete(CartItem)
        .where(CartItem.cart_id.in_(select(Cart.id).where(whose)))
        .returning(CartItem.book_id, CartItem.quantity, CartItem.price_seen)
        .execution_options(synchronize_session=False)
    )


TAKE_FROM_ACCOUNT = _take(Cart.user_id == bindparam("owner"))
TAKE_FROM_GUEST = _take(Cart.token_hash == bindparam("owner"))
"""Made once, as whatever every checkout sends."""


async def ensure_cart(session: AsyncSession, *, owner: CartOwner) -> int:
    """Return the basket's id, made if it was not there."""
    column = Cart.user_id if owner.user_id is not None else Cart.token_hash
    statement = (
        insert(Cart)
        .values(user_id=owner.user_id, token_hash=owner.token_hash)
        .on_conflict_do_update(index_elements=[column], set_={"updated_at": func.now()})
        .returning(Cart.id)
    )
    return (await session.scalars(statement)).one()


async def list_items(session: AsyncSession, *, owner: CartOwner) -> Sequence[CartItem]:
    """Return the basket's items, the oldest first."""
    statement = select(CartItem).join(Cart).where(owned_by(owner)).order_by(CartItem.id)
    return (await session.scalars(statement)).all()


async def count_copies(session: AsyncSession, *, owner: CartOwner) -> int:
    """Return how many copies are in the basket."""
    statement = (
        select(func.coalesce(func.sum(CartItem.quantity), 0)).join(Cart).where(owned_by(owner))
    )
    return int((await session.scalars(statement)).one())


async def insert_item(
    session: AsyncSession, *, cart_id: int, book_id: int, quantity: int, price: Decimal
) -> CartItem | None:
    """Add a book at the price that its reader saw; ``None`` when it is there already."""
    statement = (
        insert(CartItem)
        .values(cart_id=cart_id, book_id=book_id, quantity=quantity, price_seen=price)
        .on_conflict_do_nothing()
        .returning(CartItem)
    )
    return (await session.scalars(statement)).one_or_none()


async def count_other_titles(session: AsyncSession, *, cart_id: int, book_id: int) -> int:
    """Return how many other books are in a basket."""
    statement = (
        select(func.count())
        .select_from(CartItem)
        .where(CartItem.cart_id == cart_id, CartItem.book_id != book_id)
    )
    return (await session.scalars(statement)).one()


async def add_quantities(
    session: AsyncSession, *, cart_id: int, copies: Mapping[int, Copies]
) -> None:
    """Add copies of books, on top of what is there, up to the most that a basket holds.

    A price that was seen of what is there already stays.
    """
    if not copies:
        return
    statement = insert(CartItem).values(
        [
            {
                "cart_id": cart_id,
                "book_id": book_id,
                "quantity": taken.quantity,
                "price_seen": taken.price_seen,
            }
            for book_id, taken in sorted(copies.items())
        ]
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[CartItem.cart_id, CartItem.book_id],
            set_={
                "quantity": func.least(
                    CartItem.quantity + statement.excluded.quantity, MAX_QUANTITY
                )
            },
        )
    )


async def add_copies(
    session: AsyncSession,
    *,
    cart_id: int,
    book_id: int,
    quantity: int,
    price: Decimal,
    available: int,
) -> bool:
    """Add copies of a book, on top of what is there and up to the most that a basket holds.

    Nothing changes, and the answer is false, if more would be there than are available.
    """
    statement = insert(CartItem).values(
        cart_id=cart_id, book_id=book_id, quantity=quantity, price_seen=price
    )
    together = func.least(CartItem.quantity + statement.excluded.quantity, MAX_QUANTITY)
    changed = statement.on_conflict_do_update(
        index_elements=[CartItem.cart_id, CartItem.book_id],
        set_={"quantity": together, "price_seen": price},
        where=together <= available,
    ).returning(CartItem.id)
    return (await session.scalars(changed)).one_or_none() is not None


async def find_book(session: AsyncSession, *, owner: CartOwner, item_id: int) -> int | None:
    """Return which book an item is; ``None`` when it is no item of this basket."""
    statement = select(CartItem.book_id).join(Cart).where(CartItem.id == item_id, owned_by(owner))
    return (await session.scalars(statement)).one_or_none()


async def update_item(
    session: AsyncSession,
    *,
    owner: CartOwner,
    item_id: int,
    quantity: int,
    price: Decimal,
) -> CartItem | None:
    """Set how many copies it shall be, at the price that its reader saw.

    ``None`` when it is no item of this basket.
    """
    carts = select(Cart.id).where(owned_by(owner))
    statement = (
        update(CartItem)
        .where(CartItem.id == item_id, CartItem.cart_id.in_(carts))
        .values(quantity=quantity, price_seen=price)
        .returning(CartItem)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def delete_item(session: AsyncSession, *, owner: CartOwner, item_id: int) -> bool:
    """Take an item out; tell whether there was one."""
    carts = select(Cart.id).where(owned_by(owner))
    statement = (
        delete(CartItem)
        .where(CartItem.id == item_id, CartItem.cart_id.in_(carts))
        .returning(CartItem.id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def take_items(session: AsyncSession, *, owner: CartOwner) -> dict[int, Copies]:
    """Empty the basket and return what was in it, by book.

    The deletion is the claim: of two who try at once, the second finds an empty basket.
    """
    taken = await (
        session.execute(TAKE_FROM_GUEST, {"owner": owner.token_hash})
        if owner.user_id is None
        else session.execute(TAKE_FROM_ACCOUNT, {"owner": owner.user_id})
    )
    return {row.book_id: Copies(row.quantity, row.price_seen) for row in taken}


async def delete_cart(session: AsyncSession, *, owner: CartOwner) -> None:
    """Forget a basket."""
    await session.execute(delete(Cart).where(owned_by(owner)))


async def delete_old_guest_carts(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Forget guests' baskets that nothing was put into since; return how many."""
    old = (
        select(Cart.id)
        .where(Cart.user_id.is_(None), Cart.updated_at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = await session.scalars(delete(Cart).where(Cart.id.in_(old)).returning(Cart.id))
    return len(deleted.all())
