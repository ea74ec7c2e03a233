"""What clients send and are told about second steps."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import ReadModel, WriteModel
from app.users.schemas import (
    MAX_RECOVERY_CODE_CHARACTERS,
    OwnerProof,
    RecoveryCodeText,
    RefreshTokenText,
    TokenPair,
    TotpCode,
    leave_out_blanks,
)

CODE_DIGITS = 6


class SecondFactor(WriteModel):
    """One of the two: the code that the authenticator app shows, or a recovery code."""

    totp_code: TotpCode | None = Field(default=None, repr=False)
    recovery_code: RecoveryCodeText | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.totp_code is None) == (self.recovery_code is None):
            raise PydanticCustomError("one_code", "Please send a code, of either kind.")
        return self


class PendingProof(SecondFactor):
    """The second step of a sign-in that was begun elsewhere."""

    sign_in_token: RefreshTokenText


class OwnersFactor(SecondFactor, OwnerProof):
    """A code of either kind, and the present password."""


class FirstCode(WriteModel):
    """The first code of an authenticator app that was just set up."""

    enrolment_token: RefreshTokenText
    totp_code: TotpCode = Field(repr=False)


class TypedCode(WriteModel):
    """A code of either kind, as people type it into the one field of a page."""

    code: Annotated[
        str,
        BeforeValidator(leave_out_blanks),
        StringConstraints(min_length=CODE_DIGITS, max_length=MAX_RECOVERY_CODE_CHARACTERS),
        Field(repr=False),
    ]

    def to_factor(self) -> SecondFactor:
        """Return it as the kind that it is: six digits are an authenticator's."""
        if len(self.code) == CODE_DIGITS and self.code.isascii() and self.code.isdigit():
            return SecondFactor(totp_code=self.code)
        return SecondFactor(recovery_code=self.code)


class TypedOwnersCode(TypedCode, OwnerProof):
    """A typed code, and the present password."""


class TypedFirstCode(TypedCode):
    """The first code, typed, and the form's word for that its reader has begun to set it up."""

    enrolment_token: RefreshTokenText


class TwoStepRead(ReadModel):
    """Whether there is a second step, since when, and how many recovery codes are left."""

    is_on: bool
    confirmed_at: datetime | None
    recovery_codes_left: int


class Enrolment(ReadModel):
    """What the authenticator app needs: as text, as an address, and as a picture of the address.

    ``enrolment_token`` belongs to the first code, and is good for ten minutes.
    """

    secret: str = Field(repr=False)
    uri: str = Field(repr=False)
    qr_svg: str = Field(repr=False)
    enrolment_token: str = Field(repr=False)


class RecoveryCodes(ReadModel):
    """Codes that each work once. They are shown now and never again."""

    recovery_codes: list[str] = Field(repr=False)


class Confirmed(RecoveryCodes, TokenPair):
    """The recovery codes, and the one sign-in that goes on: all others have ended."""
