"""Opening an account without telling whether the address has one already.

The answer is the same for both, and so is the work: an account is added unless there is one, and a
job is queued that writes a mail. A new account has no password; its owner chooses one by a link.
So nobody learns of an account by trying to open it and then to sign in, and nobody opens one for
an address whose mail they do not read.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import Role
from app.core.translation import readers_language
from app.jobs.queue import JobKind, enqueue
from app.users import limits, links, repository
from app.users.account_models import LinkPurpose
from app.users.limits import Client, Purpose

ANSWER = JobKind(name="users.answer_registration")
"""The job that opens the account, if the address has none, and writes to who reads its mail."""

LOOK_INTO_MAIL = "We have sent a mail to this address. Follow its link to go on."


async def register_by_mail(
    session: AsyncSession, *, email: str, full_name: str | None, client: Client, now: datetime
) -> None:
    """Let an account be opened, unless the address has one. This neither tells nor knows.

    Nothing is looked up or written here that depends on whether there is one: how long the request
    takes would tell.

    Raises:
        TooManyAttemptsError: for this address, or from this client.
    """
    await limits.spend(
        session, purpose=Purpose.REGISTRATION, email=email, address=client.address, now=now
    )
    await enqueue(session, ANSWER, email=email, full_name=full_name, language=readers_language())


async def answer_by_mail(
    session: AsyncSession,
    *,
    email: str,
    full_name: str | None,
    language: str | None,
    now: datetime,
) -> None:
    """Open the account and mail the link for its first password, or say that there is one.

    An account whose first password is still to be chosen gets the link once more.
    """
    user = await repository.insert_user(
        session,
        email=email,
        password_hash=None,
        full_name=full_name,
        role=Role.USER,
        language=language,
    ) or await repository.find_user_by_email(session, email=email)
    if user is None or not user.is_active:
        return
    if user.password_hash is None and user.email_verified_at is None:
        await links.issue_link(
            session, user_id=user.id, purpose=LinkPurpose.CHOOSE_PASSWORD, email=email, now=now
        )
    else:
        await links.send_notice(session, notice=links.Notice.REGISTRATION_TRIED, recipient=email)
