"""Deleting an account: the person goes, what was bought and paid stays in the shop's books."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.account.errors import OrderUnsettledError
from app.account.schemas import Deletion
from app.books.imports.service import forget_requester
from app.db.session import transactional
from app.notifications.service import forget_recipients
from app.orders.buyers import forget_buyer, has_unsettled_orders, list_addresses_written_to
from app.promotions import gift_cards
from app.reviews.service import forget_reviewer
from app.users import links, removal
from app.users.passwords import confirm_password
from app.users.service import get_language


async def delete_account(
    session: AsyncSession, *, user_id: int, proof: Deletion, now: datetime
) -> None:
    """Delete an account for ever, and say so by mail.

    With it go its sessions, tokens, links, basket, checkouts, wish list, waiting list, reviews,
    addresses and the messages to it. Its orders, and the imports that it asked for as staff, stay
    without the person, as do gift cards that were mailed to it.

    Raises:
        TooManyAttemptsError: too many passwords were wrong lately.
        WrongPasswordError, LinkInvalidError: the proof does not hold.
        LastAdminError: nobody else runs the shop.
        OrderUnsettledError: an order of the account is being paid.
    """
    password_hash = None
    if proof.password:
        user = await confirm_password(session, user_id=user_id, password=proof.password, now=now)
        password_hash = user.password_hash
    await remove(session, user_id=user_id, password_hash=password_hash, token=proof.token, now=now)


@transactional
async def remove(
    session: AsyncSession,
    *,
    user_id: int,
    password_hash: str | None,
    token: str,
    now: datetime,
) -> None:
    """Delete the account in one transaction, if its password is still that or the link is good."""
    email = await removal.lock_for_removal(session, user_id=user_id, password_hash=password_hash)
    if token:
        await links.use_link(
            session, token=token, purposes=removal.DELETE, now=now, user_id=user_id
        )
    if await has_unsettled_orders(session, user_id=user_id):
        raise OrderUnsettledError
    written_to = await list_addresses_written_to(session, user_id=user_id)
    language = await get_language(session, email=email)
    await forget_buyer(session, user_id=user_id)
    await forget_requester(session, email=email)
    await forget_reviewer(session, user_id=user_id)
    await removal.remove_account(session, user_id=user_id)
    of_others = await removal.list_taken(session, emails=written_to)
    emails = {email, *written_to} - of_others
    await forget_recipients(session, emails=emails)
    await gift_cards.forget_recipients(session, emails=emails)
    await links.send_notice(
        session, notice=links.Notice.ACCOUNT_DELETED, recipient=email, language=language
    )
