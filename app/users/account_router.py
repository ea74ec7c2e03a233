"""One's own account as JSON: profile, password, address, sign-ins."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response, status

from app.core.clock import Now
from app.core.deps import AppSettings, CurrentUser, DbSession
from app.core.rights import of_its_owner, open_to_all
from app.users import emails, passwords, profiles, sessions
from app.users.account_schemas import (
    AccountRead,
    Asked,
    EmailChangeRead,
    EmailChangeStart,
    LinkUse,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    ProfileUpdate,
    SignInRead,
)
from app.users.callers import (
    TOO_MANY_ATTEMPTS,
    RequestClient,
    SigningIn,
    remember_device,
)
from app.users.schemas import TokenPair
from app.users.two_step.deps import EnrollingUser

router = APIRouter(prefix="/account", tags=["account"])
password_router = APIRouter(prefix="/auth/password", tags=["auth"])

LINK_SENT = "If there is an account with this address, a link is on its way to it."

LINK_INVALID = "ACCOUNT_LINK_INVALID: used, expired, unknown, or of another account"
GUESSABLE = "Malformed, or ACCOUNT_PASSWORD_GUESSABLE: made of the account's address"
PASSWORD_WRONG = "ACCOUNT_PASSWORD_WRONG: not the account's password"  # noqa: S105 (a sentence)


@password_router.post(
    "/forgot",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Ask for a link to set a new password",
    responses={429: TOO_MANY_ATTEMPTS},
)
@open_to_all
async def forgot_password(
    session: DbSession, asked: PasswordForgotten, client: RequestClient, now: Now
) -> Asked:
    """Mail a link that works once, within 30 minutes, if the address has an account.

    The answer is the same if it has none.
    """
    await passwords.ask_for_reset(session, email=asked.email, client=client, now=now)
    return Asked(detail=LINK_SENT)


@password_router.post(
    "/reset",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Set a new password by a mailed link",
    responses={400: {"description": LINK_INVALID}, 422: {"description": GUESSABLE}},
)
@open_to_all
async def reset_password(
    response: Response,
    session: DbSession,
    reset: PasswordReset,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
) -> None:
    """Set a new password. The account is signed out everywhere and told by mail."""
    owner = await passwords.reset_password(
        session, token=reset.token, new_password=reset.password, now=now
    )
    remember_device(response, client=client, email=owner.email, settings=settings)


@router.get("", summary="My account")
async def read_account(session: DbSession, user: CurrentUser, now: Now) -> AccountRead:
    """Return the account."""
    return await profiles.get_account(session, user_id=user.id, now=now)


@router.patch("", summary="Change my profile")
async def update_account(
    session: DbSession, user: CurrentUser, profile: ProfileUpdate, now: Now
) -> AccountRead:
    """Set the name that others read, ``null`` leaves them "Reader"; and the language of mails."""
    return await profiles.change_profile(session, user_id=user.id, profile=profile, now=now)


@router.put(
    "/password",
    summary="Change my password",
    responses={
        403: {"description": PASSWORD_WRONG},
        422: {"description": GUESSABLE},
        429: TOO_MANY_ATTEMPTS,
    },
)
async def change_password(
    session: DbSession,
    user: CurrentUser,
    change: PasswordChange,
    now: Now,
    program: SigningIn,
) -> TokenPair:
    """Set another password. The account is signed out everywhere; here it is in again."""
    changed = await passwords.change_password(
        session,
        user_id=user.id,
        current_password=change.current_password,
        new_password=change.password,
        now=now,
    )
    return await program.let_in(changed)


@router.post(
    "/verification",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Ask for a link to prove my address",
    responses={429: TOO_MANY_ATTEMPTS},
)
async def ask_for_verification(
    session: DbSession, user: EnrollingUser, client: RequestClient, now: Now
) -> Asked:
    """Mail a link to the account's address, unless it is proved or one was sent a moment ago."""
    await emails.ask_again_for_verification(session, user=user, client=client, now=now)
    return Asked(detail="If your address is not proved yet, a link is on its way to it.")


@router.post(
    "/verification/confirm",
    summary="Prove my address by a mailed link",
    responses={400: {"description": LINK_INVALID}},
)
@of_its_owner()
async def verify_email(
    session: DbSession, user: EnrollingUser, link: LinkUse, now: Now
) -> AccountRead:
    """Prove the address. What was ordered with it by guests belongs to the account then."""
    await emails.verify_email(session, token=link.token, user_id=user.id, now=now)
    return await profiles.get_account(session, user_id=user.id, now=now)


@router.post(
    "/email",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Ask for another address",
    responses={
        403: {"description": PASSWORD_WRONG},
        409: {"description": "ACCOUNT_EMAIL_UNCHANGED: it is the account's address already"},
        429: TOO_MANY_ATTEMPTS,
    },
)
async def start_email_change(
    session: DbSession,
    user: CurrentUser,
    change: EmailChangeStart,
    client: RequestClient,
    now: Now,
) -> Asked:
    """Mail a link to both addresses; when both were used, the account has the new one.

    The answer is the same if the new address has an account.
    """
    await emails.start_change(
        session,
        user=user,
        password=change.password,
        new_email=change.new_email,
        client=client,
        now=now,
    )
    return Asked(detail="Please confirm with the links that are on their way to both addresses.")


@router.delete(
    "/email", status_code=status.HTTP_204_NO_CONTENT, summary="Keep my address after all"
)
async def cancel_email_change(session: DbSession, user: CurrentUser) -> None:
    """Give up the change that waits, also when that is repeated."""
    await emails.cancel_change(session, user_id=user.id)


@router.post(
    "/email/confirm",
    summary="Confirm a change of address by a mailed link",
    responses={
        400: {"description": LINK_INVALID},
        409: {"description": "AUTH_EMAIL_CONFLICT: another account got the address meanwhile"},
    },
)
@of_its_owner()
async def confirm_email_change(
    session: DbSession, user: CurrentUser, link: LinkUse, now: Now
) -> EmailChangeRead:
    """Confirm one of the two; the second brings the change about."""
    state = await emails.confirm_change(session, token=link.token, user_id=user.id, now=now)
    return EmailChangeRead(state=state)


@router.get("/sessions", summary="Where I am signed in")
async def list_sessions(session: DbSession, user: CurrentUser, now: Now) -> list[SignInRead]:
    """Return browsers, then programs, those seen last first; a hundred of each at most."""
    return await sessions.list_sign_ins(session, user_id=user.id, now=now, current=user.sign_in_id)


@router.delete(
    "/sessions/{session_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Sign out of one browser or program",
    responses={404: {"description": "ACCOUNT_SESSION_NOT_FOUND"}},
)
@of_its_owner()
async def end_session(
    session: DbSession, user: CurrentUser, session_id: Annotated[UUID, Path()]
) -> None:
    """End one sign-in of the account."""
    await sessions.end_sign_in(session, user_id=user.id, sign_in_id=session_id)


@router.delete("/sessions", status_code=status.HTTP_204_NO_CONTENT, summary="Sign out everywhere")
async def sign_out_everywhere(session: DbSession, user: CurrentUser) -> None:
    """End every sign-in of the account, this one too."""
    await sessions.sign_out_everywhere(session, user_id=user.id)
