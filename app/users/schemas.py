"""What clients send and are told about accounts."""

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import (
    EmptyAsNone,
    OneLine,
    ReadModel,
    Text,
    WriteModel,
    refuse_control_characters,
)
from app.core.security import MAX_PASSWORD_CHARACTERS
from app.users.guessable import refuse_address, refuse_common

MAX_EMAIL_CHARACTERS = 254
MAX_NAME_CHARACTERS = 120
MAX_TOKEN_CHARACTERS = 512
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


class Register(WriteModel):
    """A new account. Without ``full_name`` the reader stays anonymous to others."""

    email: Email
    password: NewPassword
    full_name: Annotated[FullName | None, EmptyAsNone] = None

    @field_validator("password")
    @classmethod
    def _is_not_the_address(cls, password: str, info: ValidationInfo) -> str:
        return refuse_address(password, email=info.data.get("email", ""))


class Login(WriteModel):
    """The proof of an account."""

    email: Email
    password: Password


class Refresh(WriteModel):
    """A refresh token, to be exchanged or ended."""

    refresh_token: RefreshTokenText


class TokenPair(ReadModel):
    """An access token for minutes, and the refresh token that brings the next pair, once."""

    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (the name of a scheme)
