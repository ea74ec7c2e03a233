"""Whose an order is: claimed by an account that a guest made later, or nobody's any more."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import ListQuery, Slice
from app.orders import repository
from app.orders.fulfilment_repository import forget_notes
from app.orders.schemas import OrderCopy


async def claim_orders(session: AsyncSession, *, user_id: int) -> int:
    """Give an account what guests ordered with its address; return how many orders that were.

    An account whose address is not proved gets none: anybody can register with it.
    """
    return await repository.claim_guest_orders(session, user_id=user_id)


async def has_unsettled_orders(session: AsyncSession, *, user_id: int) -> bool:
    """Tell whether a gateway has yet to say whether an order of the account is paid."""
    return await repository.has_pending_orders(session, user_id=user_id)


async def list_addresses_written_to(session: AsyncSession, *, user_id: int) -> set[str]:
    """Return the e-mail addresses that the account's orders were confirmed to."""
    return await repository.list_order_emails(session, user_id=user_id)


async def has_bought(session: AsyncSession, *, user_id: int, book_ids: Collection[int]) -> bool:
    """Tell whether the account has bought a copy of one of the books, and not given it back.

    An order counts once it is confirmed, and no longer when it was called off or came back whole.
    """
    return await repository.has_bought(session, user_id=user_id, book_ids=book_ids)


async def list_for_export(
    session: AsyncSession, *, user_id: int, query: ListQuery
) -> Slice[OrderCopy]:
    """Return all that the account tried to buy, the newest first, with what was paid."""
    window = query.window(repository.NEWEST_FIRST.name)
    orders = await repository.list_orders(
        session, user_id=user_id, window=window, with_declined=True
    )
    return orders.map(OrderCopy.copy_of)


async def forget_buyer(session: AsyncSession, *, user_id: int) -> None:
    """Keep the account's orders without the person: neither account nor address leads to it.

    What was bought, paid and when stays, and the country that it went to, for the books and the
    taxes.
    """
    await forget_notes(session, user_id=user_id)
    await repository.forget_buyer(session, user_id=user_id)
