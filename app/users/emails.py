"""Whether an account's address is its reader's, and giving it another.

A link proves who reads the mail, the sign-in whose account it is: both are asked for, so that
nobody proves a stranger's account by opening a mail, nor a stranger's address by guessing.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.deps import Principal
from app.users import limits, link_repository, links, repository
from app.users.account_models import LinkPurpose
from app.users.account_schemas import ChangeState
from app.users.errors import EmailConflictError, LinkInvalidError, SameEmailError
from app.users.limits import Client, Purpose
from app.users.passwords import RESET, confirm_password

VERIFY = frozenset({LinkPurpose.VERIFY_EMAIL})


async def ask_for_verification(session: AsyncSession, *, user_id: int, now: datetime) -> None:
    """Mail a link to the account's address, if that is not proved yet."""
    user = await repository.find_user(session, user_id=user_id)
    if user is not None and user.email_verified_at is None:
        await links.issue_link(
            session, user_id=user.id, purpose=LinkPurpose.VERIFY_EMAIL, email=user.email, now=now
        )


async def ask_again_for_verification(
    session: AsyncSession, *, user: Principal, client: Client, now: datetime
) -> None:
    """Mail the link once more, if the address is not proved yet.

    Raises:
        TooManyAttemptsError: for this account, or from this client.
    """
    await limits.spend(
        session, purpose=Purpose.MAIL, email=user.email, address=client.address, now=now
    )
    await ask_for_verification(session, user_id=user.id, now=now)


async def verify_email(session: AsyncSession, *, token: str, user_id: int, now: datetime) -> None:
    """Prove the account's address by a mailed link.

    Raises:
        LinkInvalidError: the link cannot be used, or is not for this account's present address.
    """
    used = await links.use_link(session, token=token, purposes=VERIFY, now=now, user_id=user_id)
    if not await links.prove_address(session, user_id=user_id, email=used.email, now=now):
        raise LinkInvalidError


async def start_change(
    session: AsyncSession,
    *,
    user: Principal,
    password: str,
    new_email: str,
    client: Client,
    now: datetime,
) -> None:
    """Ask both addresses to confirm that the account gets the new one.

    That another account has the new address is told to nobody but who reads its mail: it gets a
    notice instead of a link, and the change never happens.

    Raises:
        TooManyAttemptsError: too many passwords were wrong, or mails asked for, lately.
        WrongPasswordError: not the account's password.
        SameEmailError: it has that address already.
    """
    await limits.spend(
        session, purpose=Purpose.MAIL, email=user.email, address=client.address, now=now
    )
    account = await confirm_password(session, user_id=user.id, password=password, now=now)
    if account.email == new_email:
        raise SameEmailError(field="new_email")
    await links.drop_change(session, user_id=user.id)
    await link_repository.replace_change(
        session,
        user_id=user.id,
        new_email=new_email,
        expires_at=now + links.LIFETIMES[LinkPurpose.CONFIRM_NEW_EMAIL],
    )
    await links.issue_link(
        session,
        user_id=user.id,
        purpose=LinkPurpose.CONFIRM_OLD_EMAIL,
        email=account.email,
        now=now,
    )
    if await repository.find_user_by_email(session, email=new_email) is not None:
        await links.send_notice(session, notice=links.Notice.EMAIL_TAKEN, recipient=new_email)
        return
    await links.issue_link(
        session, user_id=user.id, purpose=LinkPurpose.CONFIRM_NEW_EMAIL, email=new_email, now=now
    )


async def confirm_change(
    session: AsyncSession, *, token: str, user_id: int, now: datetime
) -> ChangeState:
    """Confirm a change by one of its two links; the second of them brings it about, once.

    Raises:
        LinkInvalidError: the link cannot be used.
        EmailConflictError: another account got the address meanwhile; nothing has changed.
    """
    used = await links.use_link(
        session, token=token, purposes=links.EMAIL_CHANGE, now=now, user_id=user_id
    )
    change = await link_repository.confirm_change(
        session, user_id=user_id, purpose=used.purpose, now=now
    )
    if change is None:
        raise LinkInvalidError
    if change.old_confirmed_at is None or change.new_confirmed_at is None:
        return ChangeState.WAITING
    before = await repository.find_user(session, user_id=user_id)
    if before is None or not await link_repository.set_email(
        session, user_id=user_id, email=change.new_email, now=now
    ):
        raise EmailConflictError
    await links.drop_change(session, user_id=user_id)
    await links.drop_links(
        session,
        user_id=user_id,
        purposes=RESET | VERIFY,
    )
    await links.send_notice(
        session, notice=links.Notice.EMAIL_CHANGED, recipient=before.email, language=before.language
    )
    await links.announce_proof(session, user_id=user_id)
    return ChangeState.CHANGED


async def cancel_change(session: AsyncSession, *, user_id: int) -> None:
    """Give up the change that the account waits for, also when that is repeated."""
    await links.drop_change(session, user_id=user_id)
