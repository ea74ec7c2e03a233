"""What clients send and are told about accounts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from app.core.pagination import PerPageQuery
from app.core.rights import Right
from app.core.schemas import (
    EmptyAsNone,
    OneLine,
    ReadModel,
    Text,
    WriteModel,
    refuse_control_characters,
)
from app.core.security import MAX_PASSWORD_CHARACTERS, Role
from app.users.guessable import refuse_address, refuse_common

MAX_EMAIL_CHARACTERS = 254
MAX_NAME_CHARACTERS = 120
MAX_TOKEN_CHARACTERS = 512
MAX_RECOVERY_CODE_CHARACTERS = 64
MIN_PASSWORD_CHARACTERS = 8


def normalize_email(address: str) -> str:
    """Return the address in the one spelling that is stored, and that every mail server takes.

    It is in lower case and in ASCII: a domain in another script is spelled as name servers know it.

    Raises:
        ValueError: it is no address that mail can be sent to.
    """
    try:
        spelled = validate_email(address, check_deliverability=False).ascii_email
    except EmailNotValidError:
        raise PydanticCustomError(
            "email", "Please enter an e-mail address, such as reader@example.com."
        ) from None
    if spelled is None:
        raise PydanticCustomError(
            "email",
            "Please use an address with only the letters a to z before the @: few mail "
            "servers deliver to others.",
        )
    return spelled.lower()


def leave_out_blanks(value: Any) -> Any:
    """Return a text without its blanks."""
    return value.replace(" ", "") if isinstance(value, str) else value


Email = Annotated[
    Text,
    Field(
        max_length=MAX_EMAIL_CHARACTERS,
        examples=["reader@example.com"],
        json_schema_extra={"format": "email"},
    ),
    AfterValidator(normalize_email),
]
"""An e-mail address, in the spelling that is stored."""

Password = Annotated[
    str,
    StringConstraints(strip_whitespace=False, max_length=MAX_PASSWORD_CHARACTERS),
    AfterValidator(refuse_control_characters),
    Field(repr=False, examples=["a few words only I would join"]),
]
"""A password as it was typed, blanks at its ends included."""

NewPassword = Annotated[
    Password, Field(min_length=MIN_PASSWORD_CHARACTERS), AfterValidator(refuse_common)
]
"""A password that is being chosen; none that many people have chosen before."""

FullName = Annotated[OneLine, Field(max_length=MAX_NAME_CHARACTERS, examples=["Ada Lovelace"])]

RefreshTokenText = Annotated[Text, Field(max_length=MAX_TOKEN_CHARACTERS, repr=False)]

TotpCode = Annotated[
    str,
    BeforeValidator(leave_out_blanks),
    StringConstraints(pattern=r"^[0-9]{6}$"),
    Field(examples=["287082"]),
]
"""The six digits that an authenticator app shows; some show them with a blank in the middle."""

RecoveryCodeText = Annotated[
    Text,
    Field(max_length=MAX_RECOVERY_CODE_CHARACTERS, examples=["abcd-efgh-ijkl-mnop"]),
]
"""A recovery code, as it was typed."""


class Register(WriteModel):
    """A new account. Without ``full_name`` the reader stays anonymous to others."""

    email: Email
    password: NewPassword
    full_name: Annotated[FullName | None, EmptyAsNone] = None

    @field_validator("password")
    @classmethod
    def _is_not_the_address(cls, password: str, info: ValidationInfo) -> str:
        return refuse_address(password, email=info.data.get("email", ""))


class RegisterByMail(WriteModel):
    """A new account whose password is chosen by a link that is mailed to its address."""

    email: Email
    full_name: Annotated[FullName | None, EmptyAsNone] = None


class Login(WriteModel):
    """The proof of an account; a code as well, of either kind, where two-step sign-in is on."""

    email: Email
    password: Password
    totp_code: TotpCode | None = Field(default=None, repr=False)
    recovery_code: RecoveryCodeText | None = Field(default=None, repr=False)


class OwnerProof(WriteModel):
    """The account's present password. One without a password needs a sign-in of a moment ago."""

    current_password: Annotated[
        Password,
        Field(
            description="Left out for an account without one, whose sign-in must then be younger "
            "than ten minutes."
        ),
    ] = ""


class Refresh(WriteModel):
    """A refresh token, to be exchanged or ended."""

    refresh_token: RefreshTokenText


class TokenPair(ReadModel):
    """An access token for minutes, and the refresh token that brings the next pair, once."""

    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (the name of a scheme)


class UserRead(ReadModel):
    """An account, as the staff who look after it see it."""

    id: int
    email: str
    full_name: str | None
    role: Role
    rights: Annotated[list[Right], Field(description="Of staff; an admin has all of them.")]
    is_active: bool
    created_at: datetime


class UserQuery(PerPageQuery):
    """Which accounts, and which page of them: by its number, or by a cursor."""

    role: Annotated[Role | None, EmptyAsNone] = None
    is_active: Annotated[bool | None, EmptyAsNone] = None


class UserPage(BaseModel):
    """One page of accounts. ``total_count`` counts all, over all pages."""

    items: list[UserRead]
    total_count: int
    page: int
    per_page: int
    total_pages: int
    next_cursor: Annotated[
        str | None, Field(description="`cursor` of the page behind this one, if there is one.")
    ] = None
    previous_cursor: Annotated[
        str | None, Field(description="`cursor` of the page before this one, if there is one.")
    ] = None


class RightsUpdate(WriteModel):
    """All that somebody may do; nothing makes a reader of them."""

    rights: Annotated[
        list[Right],
        Field(max_length=len(Right), examples=[["catalogue", "reviews"]]),
    ]
