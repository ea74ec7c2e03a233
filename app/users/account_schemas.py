"""What readers send and are told about their own accounts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.schemas import EmptyAsNone, ReadModel, WriteModel
from app.core.security import Role
from app.core.translation import Language
from app.users.schemas import Email, FullName, NewPassword, Password, RefreshTokenText


class SignInKind(StrEnum):
    """What is signed in: a browser by its cookie, a program by its tokens."""

    BROWSER = "browser"
    PROGRAM = "program"


class SignInRead(ReadModel):
    """A place where the account is signed in.

    ``program`` and ``network`` are what it was at the sign-in, shortened: a browser and its
    system, and the neighbourhood of its address. ``last_seen_at`` is exact to a few minutes.
    ``is_current`` marks the one that asks.
    """

    id: UUID
    kind: SignInKind
    program: str
    network: str
    created_at: datetime
    last_seen_at: datetime
    is_current: bool


class ChangeState(StrEnum):
    """How far a change of address is."""

    WAITING = "waiting"
    CHANGED = "changed"


class AccountRead(ReadModel):
    """One's own account. Others read ``display_name`` of it, and nothing else.

    ``new_email`` is an address that the account gets as soon as both have confirmed it.
    """

    id: int
    email: str
    email_verified: bool
    new_email: str | None
    full_name: str | None
    display_name: str
    language: str | None
    review_invitations: bool
    has_password: bool
    role: Role
    created_at: datetime


class ProfileUpdate(WriteModel):
    """What others read of the reader, and the language that mails are in. What is left out stays.

    Without a name others read "Reader"; without a language mails are in the shop's.
    """

    full_name: Annotated[FullName | None, EmptyAsNone] = None
    language: Annotated[Language | None, EmptyAsNone] = None
    review_invitations: Annotated[
        bool, Field(description="Whether a mail may ask, some days after a delivery, for a review.")
    ] = False


class PasswordChange(WriteModel):
    """A new password, and the proof that the present one is known."""

    current_password: Password
    password: NewPassword


class PasswordForgotten(WriteModel):
    """The address that a link for a new password is mailed to, if it has an account."""

    email: Email


class PasswordReset(WriteModel):
    """A mailed link's token, and the new password."""

    token: RefreshTokenText
    password: NewPassword


class EmailChangeStart(WriteModel):
    """The address that the account is to have."""

    new_email: Email
    password: Password


class LinkUse(WriteModel):
    """A mailed link's token."""

    token: RefreshTokenText


class EmailChangeRead(ReadModel):
    """How far the change is: ``waiting`` for the other address to confirm, or ``changed``."""

    state: ChangeState


class Asked(ReadModel):
    """The same answer whoever asks for whatever address."""

    detail: str
